"""The model file is replaced while the service runs."""

import hashlib
import itertools
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

import service.loading
from service.keys import add_key
from service.settings import Settings
from tests.service.conftest import METADATA, brightness_network
from tests.service.models import changed, weights
from tests.service.processes import serving
from tests.service.scrapes import scrape_of, value
from tests.service.streams import limited, session

NEW = {**METADATA, "version": "2.0.0"}
WHOLE = "/v1/predict?crop=whole"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.loading, "_LOOK_S", 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network())
    return path


@pytest.fixture
def client(settings: Settings, path: Path) -> Iterator[TestClient]:
    with limited(settings, model=path) as client:
        yield client


def put(path: Path, content: bytes) -> None:
    """As `mv` and all careful programs do it."""
    other = path.with_suffix(".new")
    other.write_bytes(content)
    other.replace(path)


def until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"{what} has not come")


def version(client: TestClient) -> str:
    return str(client.get("/v1/model").json()["version"])


def outcomes(client: TestClient) -> dict[str, float]:
    found = scrape_of(client.get("/metrics").text)
    return {each: value(found, "fer_model_changes_total", outcome=each) for each in ("served", "refused")}


def test_a_new_file_is_served_and_no_answer_is_lost(client: TestClient, path: Path, white: bytes) -> None:
    """The new network takes bright for dark: what an answer says fits to the model that it names."""
    old_sha256 = client.get("/v1/model").json()["sha256"]
    over, answers = threading.Event(), []

    def ask() -> None:
        while not over.is_set():
            answers.append(client.post(WHOLE, content=white))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with session(client) as (socket, _):
            socket.send_bytes(white)
            assert socket.receive_json()["model"]["version"] == "1.2.3"
            reverse = [[10, -10, 0]]
            put(path, changed(brightness_network(NEW), lambda model: weights(model, "gain", reverse)))
            until(lambda: version(client) == "2.0.0", "the new model")
            socket.send_bytes(white)
            assert socket.receive_json()["model"]["version"] == "2.0.0", "the session goes on"
    finally:
        over.set()
        asking.join()
    answers.append(client.post(WHOLE, content=white))
    assert {answer.status_code for answer in answers} == {200}
    said = {(answer.json()["model"]["version"], answer.json()["faces"][0]["emotion"]) for answer in answers}
    assert said == {("1.2.3", "bright"), ("2.0.0", "dark")}
    file = client.get("/v1/model/file")
    assert file.content == path.read_bytes()
    assert file.headers["etag"] != f'"{old_sha256}"'
    assert outcomes(client) == {"served": 1, "refused": 0}
    state = client.app.state.service  # type: ignore[attr-defined]
    until(lambda: not state.retiring, "the end of the old workers")


def test_all_services_take_a_file_that_is_replaced_for_all(settings: Settings, path: Path, white: bytes) -> None:
    """As replicas with one volume: no restart, no failed request, and after the new model never the old one."""
    sha256 = [hashlib.sha256(content).hexdigest() for content in (path.read_bytes(), brightness_network(NEW))]
    over = threading.Event()

    def ask(client: TestClient, answers: list[httpx2.Response]) -> None:
        while not over.wait(0.02):
            answers.append(client.post(WHOLE, content=white))

    def models(answers: list[httpx2.Response]) -> list[str]:
        return [answer.json()["model"]["sha256"] for answer in answers]

    with limited(settings, model=path, workers=1) as one, limited(settings, model=path, workers=1) as other:
        replicas: list[tuple[TestClient, list[httpx2.Response]]] = [(one, []), (other, [])]
        asking = [threading.Thread(target=ask, args=replica) for replica in replicas]
        for thread in asking:
            thread.start()
        try:
            until(lambda: all(answers for _, answers in replicas), "an answer of each")
            put(path, brightness_network(NEW))
            until(lambda: all(models(answers[-1:]) == sha256[1:] for _, answers in replicas), "the new model in both")
        finally:
            over.set()
            for thread in asking:
                thread.join()
        assert [outcomes(client) for client, _ in replicas] == [{"served": 1, "refused": 0}] * 2
    for _, answers in replicas:
        assert {answer.status_code for answer in answers} == {200}
        named = models(answers)
        assert [model for model, *_ in itertools.groupby(named)] == sha256


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged or cut short"),
        (brightness_network()[:-300], "damaged or cut short"),
        (brightness_network({**NEW, "labels": json.dumps(["dark", "light", "never"])}), "other labels"),
        (brightness_network({**NEW, "labels": json.dumps(["dark", "bright"])}), "2 probabilities|3 probabilities"),
        (changed(brightness_network(NEW), lambda model: weights(model, "gain", float("nan"))), "no numbers"),
    ],
)
def test_a_bad_file_is_refused_and_the_old_one_goes_on(
    client: TestClient, path: Path, white: bytes, content: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "service")
    put(path, content)
    until(lambda: outcomes(client)["refused"] == 1, "the refusal")
    time.sleep(0.5)
    assert outcomes(client) == {"served": 0, "refused": 1}, "tried once"
    (line,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert line.startswith("the new model is refused, 1.2.3 is served on: ")
    assert any(each in line for each in reason.split("|"))
    assert version(client) == "1.2.3"
    assert client.post(WHOLE, content=white).status_code == 200
    put(path, brightness_network(NEW))
    until(lambda: version(client) == "2.0.0", "the repaired file")


def test_a_file_that_is_still_being_copied_is_waited_for(client: TestClient, path: Path) -> None:
    content = brightness_network(NEW)
    with path.open("wb") as file:
        for start in range(0, len(content), len(content) // 10):
            file.write(content[start : start + len(content) // 10])
            file.flush()
            time.sleep(0.05)
    until(lambda: version(client) == "2.0.0", "the new model")
    assert outcomes(client)["served"] == 1


def test_a_file_that_is_gone_changes_nothing(client: TestClient, path: Path, white: bytes) -> None:
    path.unlink()
    time.sleep(0.5)
    assert client.post(WHOLE, content=white).status_code == 200
    assert outcomes(client) == {"served": 0, "refused": 0}


def test_sighup_reads_model_and_keys_again(tmp_path: Path, path: Path) -> None:
    keys = tmp_path / "keys"
    first = add_key(keys, "ada")
    with serving(path, FER_API_KEYS_FILE=str(keys), FER_WORKERS="1") as (process, address):

        def answer(key: str) -> tuple[int, str]:
            return _model(address, key)

        assert answer(first) == (200, "1.2.3")
        keys.unlink()
        second = add_key(keys, "bob")
        put(path, brightness_network(NEW))
        process.send_signal(signal.SIGHUP)
        until(lambda: answer(second) == (200, "2.0.0"), "the new model and key")
        assert answer(first)[0] == 401
        assert process.poll() is None


def _model(address: str, key: str) -> tuple[int, str]:
    answer = httpx2.get(f"http://{address}/v1/model", headers={"authorization": f"Bearer {key}"})
    return answer.status_code, answer.json().get("version", "")

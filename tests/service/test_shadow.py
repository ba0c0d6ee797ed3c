"""A shadow model reads along: its labels are counted, and answered to nobody."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import service.loading
from service.analysis import Options
from service.classifier import ModelError
from service.settings import Settings
from service.tasks import image_task, load_images
from service.workers.channel import Body
from service.workers.worker import StartRefused
from tests.service.conftest import METADATA, brightness_network
from tests.service.models import changed, weights
from tests.service.scrapes import Scrape, scrape_of, value
from tests.service.streams import limited, session
from tests.service.test_loading import put, until

WHOLE = "/v1/predict?crop=whole"
# Takes bright for dark.
REVERSED = changed(
    brightness_network({**METADATA, "version": "3.0.0"}), lambda model: weights(model, "gain", [[10, -10, 0]])
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shadow.onnx"
    path.write_bytes(REVERSED)
    return path


@pytest.fixture
def client(settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(service.loading, "_LOOK_S", 0.1)
    with limited(settings, shadow_model=path) as client:
        yield client


def counted(client: TestClient) -> Scrape:
    return scrape_of(client.get("/metrics").text)


def test_its_labels_are_counted_and_not_answered(client: TestClient, white: bytes, photo: bytes) -> None:
    answer = client.post(WHOLE, content=white).json()
    assert [face["emotion"] for face in answer["faces"]] == ["bright"]
    assert answer["model"]["version"] == client.get("/v1/model").json()["version"] == "1.2.3"
    assert "shadow" not in answer
    with session(client) as (socket, _):
        socket.send_bytes(photo)
        (seen,) = (face["emotion"] for face in socket.receive_json()["faces"])
    now = counted(client)
    assert value(now, "fer_shadow_faces_total", label="bright", shadow_label="dark") == 1 + (seen == "bright")
    assert sum(number for (name, _), number in now.items() if name == "fer_shadow_faces_total") == 2
    assert {dict(labels)["version"] for name, labels in now if name == "fer_shadow_model_info"} == {"3.0.0"}


def test_another_file_reads_along_as_soon_as_it_is_there(client: TestClient, path: Path, white: bytes) -> None:
    put(path, brightness_network({**METADATA, "version": "3.1.0"}))

    def version() -> str:
        (found,) = (dict(labels)["version"] for name, labels in counted(client) if name == "fer_shadow_model_info")
        return found

    until(lambda: version() == "3.1.0", "the new shadow model")
    assert client.post(WHOLE, content=white).status_code == 200
    assert value(counted(client), "fer_shadow_faces_total", label="bright", shadow_label="bright") == 1


def test_a_new_shadow_model_alone_is_named_as_such(
    client: TestClient, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service")
    put(path, brightness_network({**METADATA, "version": "3.1.0"}))
    until(lambda: "replaced" in caplog.text, "the new shadow model")
    (line,) = (record.getMessage() for record in caplog.records if "replaced" in record.getMessage())
    assert line == f"the shadow model was replaced: {path} 3.1.0 reads along now"
    assert value(counted(client), "fer_model_changes_total", outcome="served") == 0


def test_a_new_model_is_served_while_the_file_of_the_shadow_model_is_missing(
    settings: Settings, path: Path, tmp_path: Path, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.loading, "_LOOK_S", 0.1)
    served = tmp_path / "served.onnx"
    served.write_bytes(brightness_network())
    with limited(settings, model=served, shadow_model=path) as client:
        path.unlink()
        put(served, brightness_network({**METADATA, "version": "2.0.0"}))
        until(lambda: client.get("/v1/model").json()["version"] == "2.0.0", "the new model")
        assert client.post(WHOLE, content=white).status_code == 200
        assert value(counted(client), "fer_shadow_faces_total", label="bright", shadow_label="dark") == 1


def test_a_missing_one_is_named_by_its_setting(settings: Settings, path: Path) -> None:
    path.unlink()
    with (
        pytest.raises(ModelError, match=r"shadow\.onnx does not exist; FER_SHADOW_MODEL names"),
        limited(settings, shadow_model=path),
    ):
        pass


def test_labels_that_the_models_do_not_have_are_not_counted(client: TestClient) -> None:
    metrics = client.app.state.service.metrics  # type: ignore[attr-defined]
    metrics.count_shadow("bright", "made up")
    metrics.count_shadow("made up", "dark")
    assert not [name for name, _ in counted(client) if name == "fer_shadow_faces_total"]


def test_a_damaged_one_is_named_at_the_start(settings: Settings, path: Path) -> None:
    path.write_bytes(REVERSED[:-300])
    with (
        pytest.raises(StartRefused, match="the shadow model is not an ONNX file"),
        limited(settings, shadow_model=path),
    ):
        pass


def test_a_worker_says_both_labels_of_each_face(model_path: Path, white: bytes) -> None:
    handler, about = load_images(model_path, model_path.read_bytes(), "haar", 1, 300, REVERSED)
    assert about["shadow"]["version"] == "3.0.0"
    ((header, _),) = handler({**image_task(Options(crop="whole")), "threads": 1}, Body(white))
    assert header["shadow"] == [["bright", "dark"]]

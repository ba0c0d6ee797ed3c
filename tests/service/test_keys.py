"""Keys: made by the program, kept as hashes, needed by the interface and by nothing else."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from service.keys import Keys, KeysError, add_key, digest, main, read_keys
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.conftest import ROOT
from tests.service.streams import URL, closed_with, limited


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.txt"


@pytest.fixture(scope="module")
def key(key_file: Path) -> str:
    return add_key(key_file, "ada")


@pytest.fixture(scope="module")
def locked(settings: Settings, key_file: Path, key: str) -> Iterator[TestClient]:
    """A service that needs a key."""
    with limited(settings, api_keys_file=key_file) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_the_program_prints_a_key_once_and_keeps_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    command = [sys.executable, "-m", "service.keys", str(path), "ada@example"]
    made = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    keys = [text.removesuffix("\n") for text in made]
    assert keys[0] != keys[1]
    for each in keys:
        assert each.startswith("fer_")
        assert len(each) > 40
        # It has to fit into a header, and into a list of subprotocols.
        assert each.replace("_", "").replace("-", "").isalnum()
        assert each not in path.read_text()
    assert read_keys(path) == {digest(each): "ada@example" for each in keys}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_program_says_what_is_wrong_with_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys"
    monkeypatch.setattr(sys, "argv", ["keys", str(path), "two words"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "'two words' is no name" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["keys", str(path), "ada"])
    assert main() == 0
    assert read_keys(path) == {digest(capsys.readouterr().out.strip()): "ada"}


def test_a_name_is_one_word(tmp_path: Path) -> None:
    for name in ("", "two words", "a\nb", "#", "x" * 65):
        with pytest.raises(ValueError, match="is no name"):
            add_key(tmp_path / "keys", name)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# nothing\n\n", "has no key; make one with `python -m service.keys"),
        (b"fer_secret ada\n", "line 1 is no hash and name"),
        (f"# one\n{'0' * 64} ada\n{'0' * 63} bob\n".encode(), "line 3 is no hash"),
        (f"{'0' * 64}\n".encode(), "line 1 is no hash"),
        (b"\xff\xfe", "it is no text"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeysError, match=reason) as caught:
        Keys(path).load()
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_keys_are_taken_back_by_reading_the_file_again(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first, second = add_key(path, "ada"), add_key(path, "bob")
    keys = Keys(path)
    keys.load()
    assert (keys.name_of(first), keys.name_of(second), keys.name_of(first[:-1])) == ("ada", "bob", None)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    keys.load()
    assert (keys.name_of(first), keys.name_of(second)) == (None, "bob")
    path.write_text("")
    with pytest.raises(KeysError):
        keys.load()
    assert keys.name_of(second) == "bob", "what was read before still holds"


@pytest.mark.parametrize("path", ["/v1/limits", "/v1/model", "/v1/model/file", "/v1/nothing"])
def test_the_interface_needs_a_key(locked: TestClient, key: str, path: str) -> None:
    answer = locked.get(path)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for wrong in (bearer(""), bearer(key[:-1]), bearer(key + "x"), {"authorization": f"Basic {key}"}, bearer("é")):
        assert_problem(
            locked.get(path, headers=[(name.encode(), value.encode()) for name, value in wrong.items()]),
            401,
            "unauthorized",
        )
    for right in (bearer(key), {"authorization": f"bearer {key}"}):
        assert locked.get(path, headers=right).status_code == (404 if "nothing" in path else 200)


def test_photos_and_videos_need_one(locked: TestClient, key: str, white: bytes, body: bytes) -> None:
    for path, content in (("/v1/predict?crop=whole", white), ("/v1/predict/video", body)):
        assert_problem(locked.post(path, content=content), 401, "unauthorized")
        assert locked.post(path, content=content, headers=bearer(key)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/livez", "/readyz", "/openapi.json", "/page.json", "/cascade.xml", "/static/main.js"]
)
def test_probes_and_the_page_need_none(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


def test_streams_take_a_key_in_either_way(locked: TestClient, key: str) -> None:
    for arguments in ({"subprotocols": ["fer.v1", key]}, {"subprotocols": ["fer.v1"], "headers": bearer(key)}):
        with locked.websocket_connect(URL, **arguments) as socket:
            assert socket.accepted_subprotocol == "fer.v1", "the key is not said aloud"
            assert socket.receive_json()["type"] == "session.created"


@pytest.mark.parametrize("offered", [["fer.v1"], ["fer.v1", "fer_wrong"]])
def test_a_stream_without_a_key_is_401_and_in_a_browser_4401(locked: TestClient, offered: list[str]) -> None:
    with pytest.raises(WebSocketDenialResponse) as caught, locked.websocket_connect(URL, subprotocols=offered):
        pass
    assert caught.value.status_code == 401
    assert json.loads(caught.value.content)["code"] == "unauthorized"
    # A browser keeps the status from its page.
    page = {"origin": "http://testserver"}
    with locked.websocket_connect(URL, subprotocols=offered, headers=page) as socket:
        assert closed_with(socket) == 4401


def test_other_origins_may_send_keys(settings: Settings, key_file: Path, key: str) -> None:
    origin = "https://app.example"
    asked = {"origin": origin, "access-control-request-method": "POST"}
    with limited(settings, api_keys_file=key_file, allowed_origins=(origin,)) as client:
        preflight = client.options("/v1/predict", headers={**asked, "access-control-request-headers": "authorization"})
        assert preflight.status_code == 200
        refused = client.get("/v1/limits", headers={"origin": origin})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin, "the page can read why"

"""Who misspells an option is told which there are: in a query, a form, JSON, a stream, the environment, a command."""

import sys

import pytest
from fastapi.testclient import TestClient

from service import __main__, settings
from service.schemas import PredictOptions
from service.settings import Settings, SettingsError
from service.stream.messages import SessionUpdate
from service.video.messages import VideoOptions
from tests.service.answers import assert_problem
from tests.service.streams import session


@pytest.mark.parametrize(
    ("path", "options"),
    [("/v1/predict", PredictOptions), ("/v1/predict/batch", PredictOptions), ("/v1/predict/video", VideoOptions)],
)
def test_in_a_query(client: TestClient, path: str, options: type[PredictOptions]) -> None:
    answer = client.post(f"{path}?explian=gradcam", files={"file": b"a file"})
    detail = assert_problem(answer, 422, "invalid_option")["detail"]
    assert detail == f"explian: it does not exist; there are {', '.join(options.model_fields)}."


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("explain=lime", "'none' or 'gradcam'"),
        ("detector=yolo", "'haar' or 'centerface'"),
        ("crop=half", "'detect' or 'whole'"),
        ("explain=gradcam&heatmap=red", "'map' or 'overlay'"),
        ("explain=gradcam&head=crowd", "'emotions' or 'votes'"),
        ("explain=gradcam&target=bored", "top, all, dark, bright, never"),
        ("max_faces=51", "at most 50"),
        ("target=top", "target: without explain=gradcam it has no effect"),
    ],
)
def test_a_value_in_a_query(client: TestClient, white: bytes, option: str, told: str) -> None:
    detail = assert_problem(client.post(f"/v1/predict?{option}", content=white), 422, "invalid_option")["detail"]
    assert told in detail


def test_in_a_form(client: TestClient, white: bytes) -> None:
    for path in ("/v1/predict", "/v1/predict/batch", "/v1/predict/video"):
        answer = client.post(path, files={"picture": white})
        assert "'file'" in assert_problem(answer, 400, "malformed_body")["detail"]


def test_in_json(client: TestClient) -> None:
    answer = client.post("/v1/predict", json={"picture": ""})
    assert '{"image": ' in assert_problem(answer, 400, "malformed_body")["detail"]


def test_in_a_stream(client: TestClient) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "explian": "gradcam"})
        answer = socket.receive_json()
        members = ", ".join(SessionUpdate.model_fields)
        assert answer["detail"] == f"session.update.explian: it does not exist; there are {members}"


def test_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_WORKER", "2")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert str(caught.value).startswith("FER_WORKER: no such setting; there are FER_")
    assert "FER_WORKERS" in str(caught.value)


@pytest.mark.parametrize(("arguments", "status"), [(["--port", "9000"], 2), (["--help"], 0), (["-h"], 0)])
def test_on_the_command_line(
    arguments: list[str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service has none; it served on another port than the one that was asked for."""
    monkeypatch.setattr(sys, "argv", ["fer-service", *arguments])
    assert __main__.main() == status
    out, err = capsys.readouterr()
    assert (out == "") is (status == 2)
    assert all(f"FER_{name.upper()}" in out + err for name in Settings.model_fields)
    assert status == 0 or err.startswith("fer-service: error: --port 9000: no such option.")

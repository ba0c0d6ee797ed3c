"""A shadow model reads along: its labels are counted, and answered to nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import service.loading
from service.analysis import Options
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

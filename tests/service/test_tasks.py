"""What workers do with an image or a frame, called in the test's own process."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from service import tasks
from service.analysis import Options
from service.problems import MalformedBody, UndecodableImage
from service.settings import Settings
from service.tracking import Tracker
from service.workers.channel import Body, Header
from service.workers.process import Handler
from tests.service.conftest import LABELS

WHOLE = Options(crop="whole")


@pytest.fixture(scope="module")
def loaded(model_path: Path) -> tuple[Handler, Header]:
    return tasks.load_images(model_path, model_path.read_bytes(), "haar", 2, 300)


def done(loaded: tuple[Handler, Header], task: Header, content: bytes, threads: int = 1) -> tuple[Header, Any]:
    """The one answer to a task: its header, and its payload as JSON."""
    ((header, payload),) = loaded[0]({**task, "threads": threads}, Body(content))
    return header, json.loads(payload)


def test_workers_say_which_model_and_detector_they_have(loaded: tuple[Handler, Header]) -> None:
    about = json.loads(json.dumps(loaded[1]))
    contract = tasks.contract_of(about)
    assert contract.labels == LABELS
    assert contract.size_wh == (8, 8)
    assert about["detectors"]["by_option"]["haar"]["name"] == "haar_frontalface_default"


@pytest.mark.parametrize("threads", [1, 2])
def test_an_image_is_answered_alike_with_any_number_of_threads(
    loaded: tuple[Handler, Header], white: bytes, threads: int
) -> None:
    header, found = done(loaded, tasks.image_task(WHOLE), white, threads)
    assert header["last"] is True
    assert set(header["timing_ms"]) == {"decode", "detect", "infer", "explain"}
    assert found["image"] == {"width": 16, "height": 16}
    assert [face["emotion"] for face in found["faces"]] == ["bright"]


def test_the_json_form_gives_the_same_answer(loaded: tuple[Handler, Header], white: bytes) -> None:
    body = json.dumps({"image": base64.b64encode(white).decode()}).encode()
    assert done(loaded, tasks.image_task(WHOLE, "json"), body)[1] == done(loaded, tasks.image_task(WHOLE), white)[1]


@pytest.mark.parametrize("body", [b"", b"{", b'{"image": "?"}', b'{"image": ""}', b'{"image": "data:x,y"}'])
def test_json_without_an_image_is_refused(loaded: tuple[Handler, Header], body: bytes) -> None:
    with pytest.raises(MalformedBody):
        done(loaded, tasks.image_task(WHOLE, "json"), body)


def test_a_damaged_image_is_refused(loaded: tuple[Handler, Header], white: bytes) -> None:
    with pytest.raises(UndecodableImage):
        done(loaded, tasks.image_task(WHOLE), white[:40])


def test_a_frame_is_tracked_by_what_came_back_with_the_frame_before(
    loaded: tuple[Handler, Header], white: bytes
) -> None:
    track = Tracker(prediction_set_threshold=0.2).state()
    for number in range(3):
        header, found = done(loaded, tasks.frame_task(WHOLE, track, number / 30), white)
        assert [face["track_id"] for face in found["faces"]] == [1]
        track = json.loads(json.dumps(header["track"]))


def test_room_for_pixels_grows_with_their_limit(settings: Settings) -> None:
    small, large = (
        tasks.plan_images(settings.model_copy(update={"max_pixels": pixels}), b"").headroom_bytes
        for pixels in (1_000_000, 25_000_000)
    )
    assert large - small >= 3 * 24_000_000

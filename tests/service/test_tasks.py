"""What workers do with an image or a frame, called in the test's own process."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import images, tasks
from service.analysis import Options
from service.problems import MalformedBody, UndecodableImage
from service.settings import DetectorChoice, Settings
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
    contract = tasks.contract_of(about["contract"])
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
    stream = tasks.stream_state(Tracker(prediction_set_threshold=0.2))
    for number in range(3):
        header, found = done(loaded, tasks.frame_task(WHOLE, stream, number / 30, busy=False), white)
        assert [face["track_id"] for face in found["faces"]] == [1]
        stream = json.loads(json.dumps(header["stream"]))


def stream_of(
    loaded: tuple[Handler, Header], bodies: list[bytes], *, per_s: float = 30, busy: bool = False
) -> list[tuple[int, int]]:
    """How many frames ago each was searched everywhere, and its number of faces."""
    stream, seen = tasks.stream_state(Tracker(prediction_set_threshold=0.2)), []
    for number, body in enumerate(bodies):
        header, found = done(loaded, tasks.frame_task(Options(), stream, number / per_s, busy=busy), body)
        stream = json.loads(json.dumps(header["stream"]))
        seen.append((stream["schedule"]["frames"], len(found["faces"])))
    return seen


@pytest.fixture(scope="module")
def scenes(photo: bytes) -> dict[str, bytes]:
    """640x240: a face at the left, at the right, at both sides, and none."""
    head = images.decode(photo, max_pixels=25_000_000).grey[20:220, 125:325]
    made = {}
    for name in ("", "l", "r", "lr"):
        scene = np.full((240, 640), 128, np.uint8)
        for place, x in (("l", 40), ("r", 400)):
            if place in name:
                scene[20:220, x : x + 200] = head
        made[name] = images.encode(".png", scene)
    return made


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # near, and everywhere with every tenth frame
        (["l"] * 12, [*((n, 1) for n in range(10)), (0, 1), (1, 1)]),
        # another one comes: it is found when everything is searched
        (["l"] * 2 + ["lr"] * 10, [*((n, 1) for n in range(10)), (0, 2), (1, 2)]),
        # one of two leaves: everywhere at once, until it is no longer missed
        (["lr", "lr", *["l"] * 6], [(0, 2), (1, 2), *[(0, 1)] * 4, (1, 1), (2, 1)]),
        # a cut: everywhere at once
        (["l", "l", "r", "r"], [(0, 1), (1, 1), (0, 1), (0, 1)]),
        # without a face every frame is searched everywhere
        (["", "", "l", "l"], [(0, 0), (0, 0), (0, 1), (1, 1)]),
    ],
)
def test_frames_are_searched_near_the_last_faces_and_at_times_everywhere(
    model_path: Path, scenes: dict[str, bytes], names: list[str], expected: list[tuple[int, int]]
) -> None:
    handler = tasks.load_images(model_path, model_path.read_bytes(), "haar", 1, 640 * 240)
    assert stream_of(handler, [scenes[name] for name in names]) == expected


def test_while_others_wait_one_that_has_left_is_looked_for_where_it_was(
    model_path: Path, scenes: dict[str, bytes]
) -> None:
    handler = tasks.load_images(model_path, model_path.read_bytes(), "haar", 1, 640 * 240)
    bodies = [scenes[name] for name in ("lr", "lr", "l", "l", "lr", "lr")]
    assert stream_of(handler, bodies, busy=True) == [(0, 2), (1, 2), (0, 1), (1, 1), (2, 2), (3, 2)]


@pytest.mark.usefixtures("centerface_detector")
@pytest.mark.parametrize("detector", ["haar", "centerface"])
@pytest.mark.parametrize("per_s", [5, 6, 10, 30])
def test_a_stream_that_gets_slower_is_searched_everywhere_no_more_often(
    model_path: Path, photo: bytes, per_s: int, detector: DetectorChoice
) -> None:
    """A head sways by more than the width of its face, once a second."""
    head = images.decode(photo, max_pixels=25_000_000).grey[20:220, 125:325]
    bodies = []
    for number in range(16):
        scene = np.full((240, 640), 128, np.uint8)
        x = 220 + round(60 * math.cos(2 * math.pi * number / per_s))
        scene[20:220, x : x + 200] = head
        bodies.append(images.encode(".png", scene))
    handler = tasks.load_images(model_path, model_path.read_bytes(), detector, 1, 640 * 240)
    assert stream_of(handler, bodies, per_s=per_s, busy=True) == [*((n, 1) for n in range(15)), (0, 1)]


def test_room_for_pixels_grows_with_their_limit(settings: Settings) -> None:
    small, large = (
        tasks.plan_images(settings.model_copy(update={"max_pixels": pixels}), b"").headroom_bytes
        for pixels in (1_000_000, 25_000_000)
    )
    assert large - small >= 3 * 24_000_000

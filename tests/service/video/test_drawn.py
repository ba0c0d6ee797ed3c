"""The answer as a video: through the service, in a worker that may open nothing."""

import io
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.problems import UndecodableVideo
from service.settings import Settings
from service.video.analysis import load_videos, video_task
from service.video.messages import VideoOptions
from service.workers.channel import Body
from tests.service.clips import clip, noisy, steady
from tests.service.processes import serving
from tests.service.videos import URL, portrait


def decoded(body: bytes) -> list[tuple[float, Any]]:
    with av.open(io.BytesIO(body), "r") as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("form", "kind"), [("mp4", b"ftyp"), ("webm", b"\x1aE\xdf\xa3")])
def test_every_frame_comes_back_with_its_faces(client: TestClient, photo: bytes, form: str, kind: bytes) -> None:
    answer = client.post(URL, content=portrait(photo), params={"format": form, "fps": 2})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"video/{form}"
    assert kind in answer.content[:12]
    frames = decoded(answer.content)
    assert [time_s for time_s, _ in frames] == pytest.approx([number / 5 for number in range(10)], abs=2e-3)
    plain = decoded(portrait(photo))
    for (_, drawn), (_, bare) in zip(frames, plain, strict=True):
        difference = np.abs(drawn.astype(int) - bare).max(axis=2) > 60
        assert difference[40:190, 150:310].sum() > 400, "the face is marked, also between two frames that are analysed"
        assert difference[300:].mean() < 0.01, "and nothing else"


def test_a_part_of_it_begins_at_zero_and_is_as_upright_as_the_answer(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"format": "mp4", "crop": "whole", "from_s": 1, "to_s": 1.5})
    assert [time_s for time_s, _ in decoded(answer.content)] == pytest.approx(steady(0.5), abs=2e-3)


def test_a_large_frame_is_made_smaller(client: TestClient) -> None:
    large = clip([0.0, 0.1], size_wh=(1602, 402))
    answer = client.post(URL, content=large, params={"format": "webm", "crop": "whole"})
    assert [frame.shape for _, frame in decoded(answer.content)] == [(322, 1280, 3)] * 2


def test_a_video_without_frames_is_empty(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"format": "mp4", "from_s": 9})
    assert (answer.status_code, answer.content) == (200, b"")


def test_damage_ends_it_after_all_that_came_before(model_path: Any) -> None:
    """The connection is cut then, so that a half video does not pass for a whole one."""
    handler, _ = load_videos(Settings(model=model_path, workers=1), model_path.read_bytes())
    broken = noisy(clip(steady(4), container="webm", codec="libvpx", grain=99))
    pieces: list[bytes] = []
    answers = handler(video_task(VideoOptions(crop="whole", format="mp4"), URL, "x"), Body(broken))
    with pytest.raises(UndecodableVideo):
        pieces.extend(piece for _, piece in answers)
    assert 60 < len(decoded(b"".join(pieces))) < 80


def test_damage_cuts_the_connection(model_path: Path) -> None:
    broken = noisy(clip(steady(4), container="webm", codec="libvpx", grain=99))
    with serving(model_path) as (_, address), closing(HTTPConnection(address, timeout=60)) as connection:
        connection.request("POST", f"{URL}?format=mp4&crop=whole", broken)
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(IncompleteRead) as caught:
            answer.read()
    assert caught.value.partial[4:8] == b"ftyp"


@pytest.mark.parametrize(
    "options",
    [{"format": "mp4", "explain": "gradcam", "target": "all"}, {"format": "webm", "heatmap": "overlay"}],
)
def test_options_without_an_effect_are_refused(client: TestClient, body: bytes, options: dict[str, str]) -> None:
    answer = client.post(URL, content=body, params=options)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")

"""What a video's worker does, called in the test's own process."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.problems import UndecodableVideo, UnsupportedMediaType
from service.settings import Settings
from service.video.analysis import load_videos, plan_videos, video_task
from service.video.messages import VideoOptions
from service.workers.channel import Body, Header
from service.workers.process import Handler
from tests.service.clips import clip, noisy, steady


@pytest.fixture(scope="module")
def handler(model_path: Any) -> Handler:
    return load_videos(Settings(model=model_path, workers=1), model_path.read_bytes())[0]


def answers(handler: Handler, content: bytes, **options: Any) -> Iterator[tuple[Header, bytes]]:
    task = video_task(VideoOptions(crop="whole", **options), "/v1/predict/video", "abc")
    return handler(task, Body(content))


def test_the_first_answer_says_that_the_file_is_open_and_only_the_last_one_that_it_is_the_last(
    handler: Handler,
) -> None:
    first, *others = answers(handler, clip(steady(2)))
    assert first == ({"declared_s": pytest.approx(2, abs=0.01)}, b"")
    assert [header.get("last", False) for header, _ in others] == [*[False] * (len(others) - 1), True]
    *frames, summary = [json.loads(line) for line in b"".join(payload for _, payload in others).splitlines()]
    assert [frame["index"] for frame in frames] == list(range(10))
    assert summary["frames_analysed"] == 10


@pytest.mark.parametrize(
    ("content", "problem"), [(b"GIF89a", UnsupportedMediaType), (b"\0\0\0\x18ftypmp42", UndecodableVideo)]
)
def test_a_file_that_cannot_be_opened_is_a_problem_before_any_answer(
    handler: Handler, content: bytes, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        next(answers(handler, content))


@pytest.mark.parametrize(
    ("form", "told"), [("ndjson", '"code":"undecodable_video"'), ("csv", "undecodable_video: The")]
)
def test_damage_is_the_last_answer_in_the_form_that_was_asked_for(handler: Handler, form: str, told: str) -> None:
    broken = noisy(clip(steady(4), container="webm", codec="libvpx", grain=99))
    *_, (header, payload) = answers(handler, broken, fps=30, format=form)
    assert header == {"last": True, "code": "undecodable_video"}
    assert told in payload.decode()


def test_images_come_before_videos(settings: Settings) -> None:
    assert plan_videos(settings, b"").niceness > 0

"""A video file as timed frames: containers, times, rotation."""

from pathlib import Path

import numpy as np
import pytest

from tests.service.clips import SIZE_WH, clip, steady, turned
from tests.service.video.readings import opened, times


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "libx264"),
        ("mp4", "mpeg4"),
        ("mov", "libx264"),
        ("webm", "libvpx"),
        ("webm", "libvpx-vp9"),
        ("avi", "mjpeg"),
    ],
)
def test_containers_and_codecs(container: str, codec: str) -> None:
    video = opened(clip(steady(1), container=container, codec=codec))
    frames = list(video.frames(fps=10))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(10)], abs=2e-3)
    assert {frame.image.size_wh for frame in frames} == {SIZE_WH}
    assert video.frames_read == 30
    assert video.duration_s == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mjpeg")])
def test_what_a_file_says_of_itself_may_be_in_any_encoding(container: str, codec: str) -> None:
    """Old cameras and editors write titles in Latin-1: damaged for PyAV before 19, and a fault of the service then."""
    body = clip(steady(0.4), container=container, codec=codec)
    assert body.count(b"Lavf") > 0, "the name of what wrote it"
    assert len(list(opened(body.replace(b"Lavf", b"L\xe4vf")).frames(fps=5))) == 2


def test_grey_runs_from_black_to_white() -> None:
    frame = next(opened(clip([0.0])).frames(fps=1))
    grey = frame.image.grey
    assert grey.dtype == np.uint8
    assert grey[10, 10] == pytest.approx(255, abs=3)
    assert grey[40, 50] == pytest.approx(16, abs=3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"fps": 5}, [0, 0.2, 0.4, 0.6, 0.8]),
        ({"fps": 2, "from_s": 0.25}, [0.267, 0.767]),
        ({"fps": 10, "from_s": 0.5, "to_s": 0.8}, [0.5, 0.6, 0.7]),
        ({"fps": 0.01}, [0]),
        ({"fps": 30, "to_s": 0.1}, [0, 0.033, 0.067]),
        ({"fps": 5, "from_s": 7.0}, []),
        ({"fps": 5, "from_s": 0.9, "to_s": 99.0}, [0.9]),
    ],
)
def test_which_frames_are_given(options: dict[str, float], expected: list[float]) -> None:
    assert times(clip(steady(1)), **options) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("options", [None, {"movflags": "frag_keyframe+empty_moov+default_base_moof"}])
def test_a_place_is_found_exactly(options: dict[str, str] | None) -> None:
    body = clip(steady(2), options=options, grain=99)
    shown = times(body)
    for from_s in shown:
        assert times(body, from_s=from_s) == [time_s for time_s in shown if time_s >= from_s]


def test_a_rate_that_the_files_is_no_multiple_of_is_kept_on_average() -> None:
    assert len(times(clip(steady(3)), fps=7)) == 21
    assert len(times(clip(steady(3), container="webm", codec="libvpx"), fps=6)) == 18


def test_frames_read_are_those_asked_for() -> None:
    video = opened(clip(steady(2)))
    list(video.frames(fps=5, from_s=0.5, to_s=1.0))
    assert video.frames_read == 15


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_variable_frame_rate(container: str) -> None:
    """Ten a second, then thirty: times are the file's own, and a place in it is found by time."""
    taken = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.533, 0.567, 0.6, 0.633, 0.667, 0.7]
    body = clip(taken, container=container, codec="libx264" if container == "mp4" else "libvpx")
    assert times(body) == pytest.approx(taken, abs=2e-3)
    assert times(body, fps=5) == pytest.approx([0, 0.2, 0.4, 0.6], abs=2e-3)
    assert times(body, from_s=0.25)[0] == pytest.approx(0.3, abs=2e-3)
    assert times(body, from_s=0.55)[0] == pytest.approx(0.567, abs=2e-3)


def test_it_is_lazy() -> None:
    video = opened(clip(steady(4)))
    frames = video.frames(fps=30)
    next(frames)
    assert video.frames_read == 1


def test_stop_ends_it() -> None:
    video = opened(clip(steady(4)))
    frames = video.frames(fps=30)
    next(frames)
    video.stop()
    assert len(list(frames)) < 60
    video.close()


@pytest.mark.parametrize(
    ("degrees", "size_wh", "corner"),
    [
        (0, (64, 48), "top left"),
        (90, (48, 64), "bottom left"),
        (180, (64, 48), "bottom right"),
        (270, (48, 64), "top right"),
    ],
)
def test_frames_are_upright(degrees: int, size_wh: tuple[int, int], corner: str) -> None:
    frame = next(opened(turned(clip([0.0]), degrees)).frames(fps=1))
    assert frame.image.size_wh == size_wh
    grey = frame.image.grey
    corners = {
        "top left": grey[3, 3],
        "top right": grey[3, -4],
        "bottom left": grey[-4, 3],
        "bottom right": grey[-4, -4],
    }
    assert max(corners, key=lambda name: corners[name]) == corner


@pytest.mark.parametrize(
    ("name", "size_wh", "frames"),
    # The tag of rotation_tag_90 leaves its person upside down, in every player.
    [
        ("neutral_to_smile.mp4", (640, 360), 72),
        ("neutral_to_smile.webm", (320, 180), 72),
        ("neutral_to_smile.avi", (320, 180), 72),
        ("rotation_tag_90.mp4", (640, 360), 72),
        ("face_then_none.mp4", (640, 360), 192),
        ("cartoon_no_face.mp4", (640, 360), 95),
    ],
)
def test_real_clips(media: Path, name: str, size_wh: tuple[int, int], frames: int) -> None:
    video = opened((media / "videos" / name).read_bytes())
    assert {frame.image.size_wh for frame in video.frames(fps=5)} == {size_wh}
    assert video.frames_read == frames

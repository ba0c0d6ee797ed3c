"""Where a video begins and is entered: one zero for all times, no damage seen where there is none."""

import io
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from service.problems import UndecodableVideo
from tests.service.clips import clip, steady, with_matrix
from tests.service.video.readings import opened, times, until_it_breaks

LATE = [2 + time_s for time_s in steady(1)]
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "libx264", None),
        ("mp4", "libx264", {"use_editlist": "0"}),
        ("mp4", "libx264", FRAGMENTS),
        ("mov", "libx264", None),
        ("webm", "libvpx", None),
        ("webm", "libvpx", {"live": "1"}),
        ("matroska", "libx264", None),
    ],
)
def test_a_piece_of_a_longer_recording_begins_at_zero(
    container: str, codec: str, options: dict[str, str] | None
) -> None:
    body = clip(LATE, container=container, codec=codec, options=options)
    video = opened(body)
    assert [frame.time_s for frame in video.frames(fps=60)] == pytest.approx(steady(1), abs=3e-3)
    assert video.duration_s == pytest.approx(1, abs=0.05)
    assert times(body, fps=10, from_s=0.5, to_s=0.8) == pytest.approx([0.5, 0.6, 0.7], abs=3e-3)


def test_a_late_picture_begins_after_its_sound() -> None:
    video = opened(with_sound(clip(LATE)))
    assert next(video.frames(fps=60)).time_s == pytest.approx(2, abs=0.05)


def with_sound(body: bytes) -> bytes:
    """The video, and a second of silence from 0 on."""
    file = io.BytesIO()
    with av.open(io.BytesIO(body), "r") as source, av.open(file, "w", "matroska") as output:
        pictures = output.add_stream_from_template(source.streams.video[0])
        sound: Any = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number in range(8):
            frame = av.AudioFrame(format="s16", layout="mono", samples=1000)
            frame.sample_rate, frame.pts, frame.time_base = 8000, 1000 * number, Fraction(1, 8000)
            output.mux(sound.encode(frame))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                output.mux(packet)
    return file.getvalue()


def test_the_length_is_never_less_than_what_was_read() -> None:
    """A frame every tenth of a second, declared to be one every hundredth: the times of the frames count."""
    body = bytearray(clip(steady(2, fps=10), container="webm", codec="libvpx"))
    # Duration, EBML id 0x4489, a float of 8 bytes in milliseconds.
    at = body.index(b"\x44\x89\x88") + 3
    declared = memoryview(bytes(body[at : at + 8]))[::-1].tobytes()
    assert memoryview(declared).cast("d")[0] == pytest.approx(2000, abs=100)
    body[at : at + 8] = (0x4069000000000000).to_bytes(8, "big")
    video = opened(bytes(body))
    assert video.duration_s == pytest.approx(0.2)
    last = list(video.frames(fps=60))[-1]
    assert video.duration_s > last.time_s == pytest.approx(1.9, abs=2e-3)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_open_groups_of_pictures_are_entered_and_cut_without_damage(codec: str) -> None:
    whole = open_groups(codec)
    shown = times(whole)
    assert len(shown) == 150
    for from_s in (1.2, 2.0, 2.04, 3.3, 4.96):
        assert times(whole, from_s=from_s) == [time_s for time_s in shown if time_s >= from_s]
    for container in ("mp4", "matroska"):
        frames = list(opened(cut_without_encoding(whole, 2.5, container)).frames(fps=60))
        # What leans on frames before the cut is missing, nothing else.
        assert 86 <= len(frames) <= 104


def open_groups(codec: str) -> bytes:
    """Six seconds of 25 frames, a group of pictures each, each open."""
    file = io.BytesIO()
    options = {"x264-params": "open-gop=1:keyint=25:bframes=3:log=-1"}
    if codec == "libx265":
        options = {"x265-params": "open-gop=1:keyint=25:bframes=3:log-level=none"}
    body = clip(steady(6, fps=25), grain=99)
    with av.open(io.BytesIO(body), "r") as source, av.open(file, "w", "mp4") as output:
        stream: Any = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base, stream.codec_context.thread_count = Fraction(1, 1000), 1
        for frame in source.decode(video=0):
            fresh = av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), format="yuv420p")
            fresh.pts, fresh.time_base = round(1000 * float(frame.time or 0)), Fraction(1, 1000)
            output.mux(stream.encode(fresh))
        output.mux(stream.encode(None))
    return file.getvalue()


def cut_without_encoding(body: bytes, from_s: float, container: str) -> bytes:
    """As `ffmpeg -ss FROM -c copy`: from the key frame before it on."""
    file = io.BytesIO()
    with av.open(io.BytesIO(body), "r") as source, av.open(file, "w", container) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        source.seek(round(from_s * av.time_base))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return file.getvalue()


def test_a_video_of_which_nothing_can_be_decoded_is_damaged() -> None:
    """Its key frame is missing; that is no place to enter it."""
    file = io.BytesIO()
    body = clip(steady(2), container="webm", codec="libvpx")
    with av.open(io.BytesIO(body), "r") as source, av.open(file, "w", "webm") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and not packet.is_keyframe:
                packet.stream = stream
                output.mux(packet)
    seen, problem = until_it_breaks(file.getvalue())
    assert seen == []
    assert isinstance(problem, UndecodableVideo)


def test_the_default_track_is_read() -> None:
    """Two tracks, of which the second is the default one."""
    small, large = (clip(steady(1), size_wh=size) for size in ((64, 48), (128, 96)))
    file = io.BytesIO()
    with av.open(file, "w", "matroska") as output:
        parts = [av.open(io.BytesIO(body), "r") for body in (small, large)]
        streams = [output.add_stream_from_template(part.streams.video[0]) for part in parts]
        streams[1].disposition = av.stream.Disposition.default
        for part, stream in zip(parts, streams, strict=True):
            for packet in part.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    assert next(opened(file.getvalue()).frames(fps=1)).image.size_wh == (128, 96)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), "top left"),
        ((-1, 0, 0, 1), "top right"),
        ((1, 0, 0, -1), "bottom left"),
        ((-1, 0, 0, -1), "bottom right"),
        ((0, 1, 1, 0), "top left"),
        ((0, -1, -1, 0), "bottom right"),
        ((0, 1, -1, 0), "top right"),
        ((0, -1, 1, 0), "bottom left"),
        ((2, 0, 0, 2), "top left"),
        ((math.cos(0.1), math.sin(0.1), -math.sin(0.1), math.cos(0.1)), "top left"),
    ],
)
def test_every_orientation_is_applied(matrix: tuple[float, float, float, float], corner: str) -> None:
    """Where the corner that is white in the file is to be shown; a turn by a few degrees is left out."""
    grey = next(opened(with_matrix(clip([0.0]), *matrix)).frames(fps=1)).image.grey
    assert grey.shape == ((64, 48) if matrix[0] == 0 else (48, 64))
    corners = {"top left": (3, 3), "top right": (3, -4), "bottom left": (-4, 3), "bottom right": (-4, -4)}
    assert max(corners, key=lambda name: grey[corners[name]]) == corner


@pytest.fixture(scope="module")
def cases(media: Path) -> Path:
    return media / "cases"


@pytest.mark.parametrize(
    ("name", "length_s", "frames"),
    [
        ("mediarecorder_chrome.webm", 5.95, 149),
        ("open_gop_h264.mp4", 6.0, 150),
        ("matrix_mirrored.mp4", 2.0, 50),
        ("segment_starts_at_2s.mp4", 2.0, 50),
        ("vfr_bframes.mp4", 5.64, 60),
    ],
)
def test_shared_cases(cases: Path, name: str, length_s: float, frames: int) -> None:
    body = (cases / name).read_bytes()
    video = opened(body)
    seen = [frame.time_s for frame in video.frames(fps=60)]
    assert (len(seen), seen[0]) == (frames, 0)
    assert seen == sorted(seen)
    assert seen[-1] < video.duration_s == pytest.approx(length_s, abs=0.05)
    shown = times(body)
    for from_s in (0.5, 1.3, 3.3, 4.9):
        assert times(body, from_s=from_s) == [time_s for time_s in shown if time_s >= from_s]

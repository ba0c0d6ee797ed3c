"""Video files that are damaged, too large, too long, or no video."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from service.problems import UndecodableVideo, UnsupportedMediaType, VideoTooLong, VideoTooManyPixels
from tests.service.clips import clip, noisy, steady
from tests.service.conftest import ROOT
from tests.service.video.readings import opened, times, until_it_breaks

FORMS = [
    ("mp4", "libx264", {"moov_size": "4000"}),
    ("mp4", "libx264", {"movflags": "frag_keyframe+delay_moov"}),
    ("webm", "libvpx", None),
    ("avi", "mjpeg", None),
]


def assert_all_from_the_start(seen: list[float]) -> None:
    """H.264 stores a frame before those that lean on it and are shown before it: the last few may follow a gap."""
    numbers = [round(time_s * 30) for time_s in seen]
    assert seen == pytest.approx([number / 30 for number in numbers], abs=2e-3)
    assert numbers == sorted(set(numbers))
    assert numbers[:-3] == list(range(len(numbers) - 3))
    assert numbers[-1] < len(numbers) + 3


@pytest.mark.parametrize(("container", "codec", "options"), FORMS)
def test_all_before_a_damaged_middle_is_given(container: str, codec: str, options: dict[str, str] | None) -> None:
    body = clip(steady(4), container=container, codec=codec, options=options, grain=99)
    seen, problem = until_it_breaks(noisy(body))
    assert isinstance(problem, UndecodableVideo)
    assert 30 < len(seen) < 110
    assert_all_from_the_start(seen)


@pytest.mark.parametrize(("container", "codec", "options"), FORMS)
def test_a_file_that_is_cut_short(container: str, codec: str, options: dict[str, str] | None) -> None:
    body = clip(steady(4), container=container, codec=codec, options=options, grain=99)
    seen, problem = until_it_breaks(body[: int(len(body) * 0.7)])
    assert isinstance(problem, UndecodableVideo)
    assert 30 < len(seen) < 110
    assert_all_from_the_start(seen)


def test_an_mp4_without_its_index_cannot_be_opened() -> None:
    with pytest.raises(UndecodableVideo, match="cannot be opened"):
        opened(clip(steady(1))[:-300])


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"\xff\xd8\xff" + bytes(99), "image/jpeg"),
        (b"just words, no video", "text"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n", "text"),
        (bytes(99), "an unknown kind of file"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "HEIC"),
    ],
)
def test_what_is_no_video_is_named(body: bytes, seen: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=f"This is {seen}"):
        opened(body)


def sound(container: str = "mp4") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", container) as output:
        stream: Any = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def test_sound_alone_is_no_video() -> None:
    with pytest.raises(UnsupportedMediaType, match="no moving picture"):
        opened(sound())


def test_other_decoders_are_not_run() -> None:
    with pytest.raises(UnsupportedMediaType, match="ffv1"):
        opened(clip(steady(1), container="avi", codec="ffv1"))


def test_a_video_without_frames() -> None:
    assert times(clip([], container="avi", codec="mjpeg")) == []
    for container, codec in (("mp4", "libx264"), ("webm", "libvpx")):
        with pytest.raises((UnsupportedMediaType, UndecodableVideo)):
            opened(clip([], container=container, codec=codec))


def test_too_many_pixels() -> None:
    with pytest.raises(VideoTooManyPixels, match="64 x 48") as caught:
        opened(clip(steady(1)), max_pixels=3000)
    assert caught.value.limit == 3000


def test_a_video_that_grows_is_stopped() -> None:
    """Matroska lets the size change on the way, whatever its header says."""
    small, large = (clip(steady(1), container="webm", codec="libvpx", size_wh=size) for size in ((64, 48), (320, 240)))
    grown = io.BytesIO()
    with av.open(grown, "w", "webm") as output:
        stream: Any = None
        for shift, body in enumerate((small, large)):
            with av.open(io.BytesIO(body), "r") as part:
                stream = stream or output.add_stream_from_template(part.streams.video[0])
                for packet in part.demux(part.streams.video[0]):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + 1000 * shift, packet.dts + 1000 * shift
                        packet.stream = stream
                        output.mux(packet)
    assert len(times(grown.getvalue())) == 60
    seen, problem = until_it_breaks(grown.getvalue(), max_pixels=50_000)
    assert len(seen) == 30
    assert isinstance(problem, VideoTooManyPixels)
    seen, problem = until_it_breaks(grown.getvalue(), max_pixels=4_000)
    assert len(seen) == 30
    assert isinstance(problem, UndecodableVideo)


def claiming(frames: int, form: str) -> bytes:
    """An MP4 of a few kilobytes whose index says that it holds so many frames (ISO 14496-12, 8.6.1, 8.7, 8.8.8)."""
    body = bytearray(clip([0.0], options={"movflags": "frag_keyframe+delay_moov"} if form == "fragment" else None))
    # Where each box names a count of frames; a sample size that all share needs no table of sizes.
    places = {"fragment": {b"trun": 8}, "index": {b"stsz": 12, b"stts": 12, b"stsc": 16}}[form]
    for box, offset in places.items():
        at = body.index(box) + offset
        body[at : at + 4] = frames.to_bytes(4, "big")
    if form == "fragment":
        # No field of its own for any frame.
        at = body.index(b"trun") + 4
        body[at : at + 4] = bytes(4)
        body[at + 4 : at + 8] = frames.to_bytes(4, "big")
    return bytes(body)


@pytest.mark.parametrize("form", ["index", "fragment"])
def test_frames_that_are_only_claimed_take_no_memory(form: str, tmp_path: Path) -> None:
    """In a process of its own, whose most memory ever is known."""
    path = tmp_path / "claims.mp4"
    path.write_bytes(claiming(80_000_000, form))
    code = """
import contextlib, resource, sys
from service.problems import UndecodableVideo
from service.video.reader import Video
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with contextlib.suppress(UndecodableVideo):
    assert list(Video(open(sys.argv[1], "rb"), max_pixels=9_000_000, max_s=7200).frames(fps=5)) == []
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100, "MB"


def test_too_long() -> None:
    with pytest.raises(VideoTooLong, match="longer than 2 s") as caught:
        opened(clip(steady(3, fps=5)), max_s=2)
    assert caught.value.limit == 2


def test_too_long_without_saying_so() -> None:
    """As a browser's recorder writes it, with no duration in the header."""
    body = clip(steady(3, fps=5), container="webm", codec="libvpx", options={"live": "1"})
    assert opened(body).duration_s == 0
    seen, problem = until_it_breaks(body, max_s=2)
    assert seen == pytest.approx(steady(2.2, fps=5), abs=2e-3)
    assert isinstance(problem, VideoTooLong)
    video = opened(body)
    list(video.frames(fps=5))
    assert video.duration_s == pytest.approx(3, abs=0.2)


def test_every_hostile_file_is_refused(media: Path) -> None:
    files = [*(media / "hostile").iterdir(), *(media / "formats").iterdir()]
    assert len(files) > 40
    for path in files:
        with pytest.raises(UnsupportedMediaType):
            opened(path.read_bytes())
    for name in ("audio_only.mp4", "text_named.mp4", "truncated.mp4"):
        with pytest.raises((UnsupportedMediaType, UndecodableVideo)):
            opened((media / "videos" / name).read_bytes())

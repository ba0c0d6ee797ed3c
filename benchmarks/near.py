"""What streams find that are searched near the last faces, beside searching everywhere in every frame.

    python -m benchmarks.near MEDIA [--every 10] > docs/streams.md

MEDIA holds videos/ and cases/ with video files, and the photos and annotations.json of benchmarks/scenes.py, of which
clips are made by a moving camera, so that each face's box is known. Times are processor time on one thread.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks import media
from benchmarks.answers import Reader, agreement
from benchmarks.detection import table
from benchmarks.scenes import Picture, matched, photos
from service import images, schedule
from service.analysis import Face, Options
from service.detectors import near
from service.detectors.base import Detection, FaceDetector
from service.detectors.centerface import CenterFaceDetector
from service.detectors.haar import HaarDetector
from service.images import Box, Grey
from service.schedule import NEVER_SEARCHED
from service.tracking import Tracker

INTRODUCTION = """# Searching near the last faces, measured

Written by `python -m benchmarks.near FOLDER > docs/streams.md`. The clips are test data that is not published.

A frame of a stream is searched near the faces of the frame before: half a face's width around it, and further, up to
one and a half, where the frame before is older than a tenth of a second. It is searched everywhere every 10 frames and
every second, and at once where a face is not found again, was missing in the frame before, or an option has changed. So
a face that comes into view beside another one is found at most 10 analysed frames, and at most a second, after its
first frame. While no face is in view, every frame is searched everywhere, as images and the frames of videos always
are. Haar looks for each face in a smaller image first, and then as always around where it seems to be there.

While frames of other streams wait for a worker (`busy`), it is searched everywhere every 15 frames, the second does not
count, and a face that was missing in the frame before is looked for where it was. Otherwise streams that get slower
would be searched everywhere in more of their frames, and get slower still.

The tables count what a stream gets that is searched everywhere after other intervals. A box is a face's when they
share more than 0.35 of their union. `most frames late`: so many analysed frames in a row lacked a face that searching
everywhere found. `same answer`: how the classifier reads a face, beside how it reads the box of searching everywhere;
the distance is the total variation distance. Milliseconds are processor time of the search on one thread.
"""
RECORDED = """Each shows one person, or nobody. Faces are counted by the boxes of searching everywhere: those that are
found, and others (`false`).
"""
MADE = """A moving, trembling camera over photos of up to seven people, and a clip that cuts from photo to photo. It is
hard on purpose: faces come into view all the time, and the detector finds some of them only now and then. The boxes
are those of the photos. Not all people in them have one, and the picture's edges cut faces off.
"""
SWAYING = """The clip of `make bench`: a head sways by more than the width of its face once a second. The fewer answers
a second, the further the face is from where it was. Two boxes of Haar's a second are on a space shuttle beside it.
"""
OPTIONS = Options(max_faces=100)
SUFFIXES = (".mp4", ".webm", ".avi")
FRAME_WH = (640, 360)
# Frames of a made clip.
FRAMES = 45
SWAYING_S = 6


@dataclass(frozen=True)
class Clip:
    """Grey frames of 30 a second, and the boxes of all faces of each; None where they are not known."""

    frames: list[Grey]
    faces: list[tuple[Box, ...]] | None = None


@dataclass
class Count:
    """What one way of searching has found."""

    found: int = 0
    false: int = 0
    frames: int = 0
    everywhere: int = 0
    spent_s: float = 0.0
    latest: int = 0
    """The most frames in a row that showed a face which only searching everywhere found."""
    pairs: list[tuple[Grey, Detection, Detection]] = field(default_factory=list)


def recorded(media: Path) -> list[Clip]:
    """The video files as they are."""
    clips = []
    for path in sorted(each for name in ("videos", "cases") for each in (media / name).iterdir()):
        if path.suffix in SUFFIXES:
            frames = list(_frames(path))
            if frames:
                clips.append(Clip(frames))
    return clips


def _frames(path: Path) -> Iterator[Grey]:
    video = cv2.VideoCapture(str(path))
    while True:
        good, image = video.read()
        if not good:
            return
        yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def made(pictures: Sequence[Picture], seed: int = 3) -> list[Clip]:
    """Each photo under a camera that moves, zooms and trembles, and one clip that cuts from photo to photo."""
    rng = np.random.default_rng(seed)
    clips = [_filmed(picture, rng, speed=2.0) for picture in pictures if picture.faces]
    # A cut every half second.
    frames = [frame for clip in clips for frame in clip.frames[15:30]]
    faces = [boxes for clip in clips for boxes in (clip.faces or [])[15:30]]
    return [*clips, Clip(frames, faces)]


def swaying() -> list[Clip]:
    """The frames of `make bench`'s streams, which last a second, over and over."""
    grey = [images.decode(body, max_pixels=2**20).grey for body in media.clip()]
    return [Clip(grey * SWAYING_S)]


def _filmed(picture: Picture, rng: np.random.Generator, speed: float) -> Clip:
    """A camera that sees about two thirds of the photo, and moves by `speed` hundredths of it a frame, to and fro."""
    height, width = picture.grey.shape
    scale = 1.5 * max(FRAME_WH[0] / width, FRAME_WH[1] / height)
    room = np.array([width * scale - FRAME_WH[0], height * scale - FRAME_WH[1]])
    phase = rng.uniform(0, 2 * np.pi, 2)
    frames, faces = [], []
    for number in range(FRAMES):
        swing = 0.5 + 0.5 * np.sin(phase + number * speed / 15 * np.array([1.0, 0.7]))
        x, y = swing * room + rng.normal(0, 1, 2)
        move = np.array([[scale, 0, -x], [0, scale, -y]])
        frame = cv2.warpAffine(picture.grey, move, FRAME_WH, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        frame = np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255)
        frames.append(frame.astype(np.uint8))
        boxes = (Box(*(round(v) for v in (scale * b.x - x, scale * b.y - y, scale * b.width, scale * b.height)))
                 for b in picture.faces)  # fmt: skip
        faces.append(tuple(box for box in boxes if _is_inside(box)))
    return Clip(frames, faces)


def _is_inside(box: Box) -> bool:
    return box.x >= 0 and box.y >= 0 and box.x + box.width <= FRAME_WH[0] and box.y + box.height <= FRAME_WH[1]


def search(
    detector: FaceDetector, frames: Sequence[Grey], rate: float, count: Count, *, busy: bool
) -> list[list[Detection]]:
    """As a stream is searched; what each frame shows."""
    tracker, now = Tracker(prediction_set_threshold=0.2), NEVER_SEARCHED
    results = []
    for number, grey in enumerate(frames):
        at_s = number / rate
        started = time.process_time()
        expected = now.near(tracker.expected(at_s), at_s, OPTIONS, busy=busy)
        found = detector.detect_near(grey, expected, max_faces=OPTIONS.max_faces) if expected else None
        if found is not None and not near.all_found(expected, found):
            found = None
        everywhere = found is None
        if found is None:
            found = detector.detect(grey, max_faces=OPTIONS.max_faces)
        now = now.after(at_s, OPTIONS, everywhere=everywhere)
        tracker.follow([_face(each) for each in found], at_s)
        count.spent_s += time.process_time() - started
        count.everywhere += everywhere
        results.append(found)
    count.frames += len(frames)
    return results


def _face(detection: Detection) -> Face:
    return Face(("any",), detection, None, np.ones(1), (0,), 0.0, 0.0, (), ())


def compare(
    clips: Sequence[Clip],
    detector: FaceDetector,
    rate: int,
    step: int,
    always: Sequence[list[list[Detection]]],
    *,
    busy: bool,
) -> Count:
    """Faces found and false ones, of every `step`-th frame: by the known boxes, or by those of `always`, by clip."""
    count = Count()
    for clip, reference in zip(clips, always, strict=True):
        frames = clip.frames[::step]
        late = 0
        for number, found in enumerate(search(detector, frames, rate, count, busy=busy)):
            truth = [each.box for each in reference[number * step]] if clip.faces is None else clip.faces[number * step]
            hits = len(matched([each.box for each in found], truth))
            count.found, count.false = count.found + hits, count.false + len(found) - hits
            theirs = reference[number * step]
            both = matched([each.box for each in found], [each.box for each in theirs])
            late = late + 1 if len(both) < len(theirs) else 0
            count.latest = max(count.latest, late)
            count.pairs += [(frames[number], found[i], theirs[j]) for j, i in both.items()]
    return count


def report(
    clips: Sequence[Clip], rates: Sequence[int], detector: FaceDetector, intervals: Sequence[int], reader: Reader
) -> None:
    """A table; a stream gets so many answers a second as `rates` say."""
    # Frames of 30 a second of which the fastest stream gets so many.
    step = 30 // max(rates)
    clips = [Clip(clip.frames[::step], clip.faces and clip.faces[::step]) for clip in clips]
    always = [[detector.detect(grey, max_faces=OPTIONS.max_faces) for grey in clip.frames] for clip in clips]
    rows = []
    ways = [(every, busy) for every in intervals for busy in (False, True)]
    for rate, (every, busy) in itertools.product(rates, [(1, False), *ways]):
        frames = every * 3 // 2 if busy else every
        with patch.multiple(schedule, EVERY_FRAMES=every, BUSY_EVERY_FRAMES=frames, EVERY_S=every / 10):
            count = compare(clips, detector, rate, max(rates) // rate, always, busy=busy)
        step = max(rates) // rate
        wanted = sum(
            len(boxes)
            for clip, found in zip(clips, always, strict=True)
            for boxes in (found if clip.faces is None else clip.faces)[::step]
        )
        same, apart = agreement(
            reader.read([(grey, mine) for grey, mine, _ in count.pairs]),
            reader.read([(grey, theirs) for grey, _, theirs in count.pairs]),
        )
        rows.append(
            [
                rate,
                "always" if every == 1 else f"{frames} frames, {'busy' if busy else f'{every / 10:g} s'}",
                f"{count.found} of {wanted}",
                count.false,
                f"{count.everywhere / count.frames:.0%}",
                f"{1000 * count.spent_s / count.frames:.1f}",
                count.latest,
                f"{same:.1%}, {apart:.3f}",
            ]
        )
    head = ["answers a second", "everywhere after", "found", "false", "searched everywhere", "ms for a frame",
            "most frames late", "same answer, distance"]  # fmt: skip
    table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", type=Path)
    parser.add_argument("--every", type=int, nargs="+", default=[10])
    parser.add_argument("--model", type=Path, default=Path("models/emotion.onnx"))
    parser.add_argument("--detector", choices=("haar", "centerface"), help="this one alone")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    reader = Reader(given.model)
    detectors: dict[str, Callable[[], FaceDetector]] = {"haar": HaarDetector, "centerface": CenterFaceDetector}
    print(INTRODUCTION)
    for title, text, clips, rates in (
        ("Recorded clips", RECORDED, recorded(given.media), (30, 10, 3)),
        ("Clips made of photos", MADE, made(photos(given.media)), (10, 5)),
        ("A clip that sways", SWAYING, swaying(), (30, 10, 6, 5, 3)),
    ):
        print(f"## {title}\n\n{text}")
        for name in (given.detector,) if given.detector else detectors:
            print(f"### {name}\n")
            report(clips, rates, detectors[name](), given.every, reader)


if __name__ == "__main__":
    main()

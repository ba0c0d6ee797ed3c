"""Tracks of faces that the detector finds, in real clips and in a composed scene."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.analysis import Face
from service.detectors.haar import HaarDetector
from service.images import Grey
from tests.service.tracks import face, ids, tracker


def detected(frames: Iterable[Grey]) -> list[list[Face]]:
    """The faces of each frame, largest first."""
    detector = HaarDetector()
    return [
        [
            face(each.box.x + each.box.width / 2, each.box.y + each.box.height / 2, each.box.width)
            for each in detector.detect(grey, max_faces=10)
        ]
        for grey in frames
    ]


def owners(frames: list[list[Face]], frame_s: float) -> list[int | None]:
    """The track of the largest face of each frame that has one."""
    return [tracks[0] for tracks in ids(frames, frame_s) if tracks]


def clip(path: Path, every: int) -> Iterator[Grey]:
    video = cv2.VideoCapture(str(path))
    number = 0
    while video.grab():
        if number % every == 0:
            _, image = video.retrieve()
            yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        number += 1


@pytest.mark.parametrize(
    "name", ["neutral_to_smile.mp4", "neutral_to_smile.avi", "neutral_to_smile.webm", "face_then_none.mp4"]
)
def test_one_person_is_one_track(media: Path, name: str) -> None:
    """At 15 and at 5 frames a second."""
    frames = detected(clip(media / "videos" / name, every=2))
    for step in (1, 3):
        found = owners(frames[::step], step / 15)
        assert len(found) == 36 / step
        assert sum(before != after for before, after in pairwise(found)) == 0


def test_one_person_is_one_track_the_right_way_up(media: Path) -> None:
    """The file's rotation tag leaves the person upside down, in every player."""
    upside_down = clip(media / "videos" / "rotation_tag_90.mp4", 3)
    found = owners(detected(np.ascontiguousarray(grey[::-1, ::-1]) for grey in upside_down), 0.1)
    assert found == [1] * 24


def test_two_copies_of_a_face_cross(photo: bytes) -> None:
    """They pass each other in front of the detector, the second behind the first; one frame has one face alone."""
    portrait = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    head = portrait[30:200, 150:300]
    detector, followed = HaarDetector(), tracker()
    counts: list[int] = []
    first: set[int | None] = set()
    second: set[int | None] = set()
    for n in range(17):
        scene = np.full((240, 640), 128, np.uint8)
        x, behind_x = 20 + 28 * n, 468 - 28 * n
        scene[30:200, behind_x : behind_x + 150] = head
        scene[40:210, x : x + 150] = head
        boxes = [each.box for each in detector.detect(scene, max_faces=10)]
        found = followed.follow([face(b.x + b.width / 2, b.y + b.height / 2, b.width) for b in boxes], n / 10)
        counts.append(len(found))
        if len(found) == 2:
            left, right = sorted(found, key=lambda each: each.box.x)
            (first if x < behind_x else second).add(left.track_id)
            (second if x < behind_x else first).add(right.track_id)
    assert counts[0] == counts[-1] == 2
    assert 1 in counts
    assert (len(first), len(second)) == (1, 1)

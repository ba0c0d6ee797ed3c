"""The same photo twice."""

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from training.data import duplicates
from training.data.dataset import LABELS, Dataset, Split
from training.studies.figures.duplicates import draw_duplicates

# Rows of the three splits below.
TRAINING, PUBLIC, PRIVATE = 6, 5, 3


def scene(seed: int) -> np.ndarray:
    """A picture uint8 (64, 64) with shapes of many sizes, unlike any other seed's."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(64, 64)).astype(np.float32)
    mixed = np.sum([sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 3.0, 6.0)], axis=0)
    return np.interp(mixed, (mixed.min(), mixed.max()), (20, 235)).astype(np.uint8)


def face(seed: int, x: int = 8, y: int = 8) -> np.ndarray:
    return scene(seed)[y : y + 48, x : x + 48][..., None]


def packed(picture: np.ndarray, quality: int) -> np.ndarray:
    body = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(body, format="JPEG", quality=quality)
    return np.asarray(Image.open(body))[..., None]


@pytest.fixture
def data() -> Dataset:
    blank = np.zeros((48, 48, 1), np.uint8)
    training = [face(1), face(2), face(3), face(4), blank, face(5)]
    public = [face(1), face(2, x=10, y=7), face(3)[:, ::-1], face(10), packed(face(5) // 2 + 60, 60)]
    private = [face(10), blank, face(20)]
    return Dataset(
        Split(np.stack(training), np.array([0, 1, 2, 3, 4, 5])),
        Split(np.stack(public), np.array([0, 2, 2, 1, 5])),
        Split(np.stack(private), np.array([3, 4, 6])),
        sha256="",
        name="faces",
        labels=LABELS,
    )


@pytest.fixture
def pairs(data: Dataset) -> duplicates.Pairs:
    return duplicates.find(data)


def kinds(pairs: duplicates.Pairs) -> dict[tuple[int, int], str]:
    names = np.where(pairs.exact, "exact", np.where(pairs.mirrored, "mirrored", "near"))
    return {(int(a), int(b)): str(name) for a, b, name in zip(pairs.first, pairs.second, names, strict=True)}


def test_finds_each_kind_of_copy_and_no_more(pairs: duplicates.Pairs) -> None:
    assert kinds(pairs) == {
        (0, TRAINING + 0): "exact",
        (1, TRAINING + 1): "near",
        (2, TRAINING + 2): "mirrored",
        (5, TRAINING + 4): "near",
        (TRAINING + 3, TRAINING + PUBLIC + 0): "exact",
        (4, TRAINING + PUBLIC + 1): "exact",
    }
    assert pairs.similarity.min() >= duplicates.SIMILAR


def test_counts_by_splits(pairs: duplicates.Pairs, data: Dataset) -> None:
    counted = duplicates.count(pairs, data)
    assert json.loads(json.dumps(counted)) == counted
    assert counted["splits"]["train x validation"] == {
        "pairs": 4,
        "exact": 1,
        "near": 2,
        "mirrored": 1,
        "other_label": 1,
        "other_label_exact": 0,
        "faces": {"train": 4, "validation": 4},
    }
    across = counted["splits"]["validation x test"]
    assert (across["pairs"], across["other_label"], across["other_label_exact"]) == (1, 1, 1)
    assert counted["splits"]["train x test"]["exact"] == 1
    assert counted["splits"]["train"] == {
        "pairs": 0,
        "exact": 0,
        "near": 0,
        "mirrored": 0,
        "other_label": 0,
        "other_label_exact": 0,
        "faces": {"train": 0},
    }


def test_faces_without_a_copy_elsewhere(pairs: duplicates.Pairs, data: Dataset) -> None:
    def kept(split: str, *others: str) -> list[int]:
        return np.flatnonzero(duplicates.unseen(pairs, data, split, others)).tolist()

    assert kept("validation", "train") == [3]
    assert kept("validation", "train", "test") == []
    assert kept("test", "train") == [0, 2]
    assert kept("train", "validation") == [3, 4]


def test_within_a_split_the_first_of_each_stays() -> None:
    faces = np.stack([face(1), face(2), face(1), face(1, x=9)])
    other = Split(face(30)[None], np.zeros(1, int))
    data = Dataset(Split(faces, np.zeros(4, int)), other, other, sha256="", name="faces", labels=LABELS)
    pairs = duplicates.find(data)
    counted = duplicates.count(pairs, data)["splits"]
    assert (counted["train"]["pairs"], counted["train"]["exact"]) == (3, 1)
    assert counted["train"]["faces"] == {"train": 3}
    assert duplicates.unseen(pairs, data, "train", ("train",)).tolist() == [True, True, False, False]


def test_blocks_do_not_part_pairs(data: Dataset, pairs: duplicates.Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "BLOCK", 2)
    assert kinds(duplicates.find(data)) == kinds(pairs)


def test_no_pairs_is_an_answer() -> None:
    found = duplicates.find_among(np.stack([face(1), face(2)]))
    assert len(found) == 0


def test_figure_shows_training_beside_public_test_only(pairs: duplicates.Pairs, data: Dataset) -> None:
    drawn = draw_duplicates(pairs, data)
    shown = [axis.get_title() for axis in drawn.axes if axis.images]
    assert len(shown) == 3
    assert [title.split("\n")[1] for title in shown] == ["surprise", "disgust | fear", "fear"]
    left = drawn.axes[0].images[0].get_array()[:, :48]
    np.testing.assert_array_equal(left, data.train.faces[5, :, :, 0])

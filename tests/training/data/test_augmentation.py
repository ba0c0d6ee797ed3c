"""The same seed gives the same pictures, and pictures stay pictures."""

import math

import numpy as np
import pytest
import tensorflow as tf

from training.data.augmentation import BRIGHTNESS, COARSE_PROBABILITY, GAIN, JPEG_SHARE, augment, coarsen, compress
from training.data.dataset import Split


def changed(faces: np.ndarray, size: int, seed: int) -> np.ndarray:
    return augment(tf.constant(faces), size, tf.constant([7, seed])).numpy()


@pytest.mark.parametrize("size", [36, 48])
def test_shape_and_range(splits: dict[str, Split], size: int) -> None:
    out = changed(splits["train"].faces, size, 0)
    assert out.shape == (63, size, size, 1)
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 255


def test_every_draw_follows_from_the_seed(splits: dict[str, Split]) -> None:
    faces = splits["train"].faces[:8]
    np.testing.assert_array_equal(changed(faces, 48, 1), changed(faces, 48, 1))
    assert np.abs(changed(faces, 48, 1) - changed(faces, 48, 2)).mean() > 5


def test_faces_of_a_batch_are_changed_each_in_its_own_way(splits: dict[str, Split]) -> None:
    same = np.repeat(splits["train"].faces[:1], 8, axis=0)
    assert np.ptp(changed(same, 48, 1), axis=0).max() > 5


def test_without_strength_faces_are_mirrored_and_nothing_else(splits: dict[str, Split]) -> None:
    faces = splits["train"].faces
    out = augment(tf.constant(faces), 48, tf.constant([7, 0]), 0.0).numpy()
    as_it_is, mirrored = (np.abs(out - given).max((1, 2, 3)) < 0.01 for given in (faces, faces[:, :, ::-1]))
    assert (as_it_is | mirrored).all()
    assert 0.25 < mirrored.mean() < 0.75


def test_more_strength_changes_more(splits: dict[str, Split]) -> None:
    # Smooth faces: of noise, a shift by a pixel is as different as one by ten.
    faces = tf.image.resize(tf.image.resize(splits["train"].faces, (6, 6)), (48, 48)).numpy()
    seed = tf.constant([7, 0])
    bare, *rest = (augment(tf.constant(faces), 48, seed, strength).numpy() for strength in (0.0, 0.2, 0.5, 1.0))
    changes = [float(np.abs(out - bare).mean()) for out in rest]
    assert 0 < 1.5 * changes[0] < changes[1] < changes[2]


def test_a_grey_face_only_changes_its_brightness() -> None:
    out = changed(np.full((16, 48, 48, 1), 128, np.uint8), 48, 3)
    assert np.ptp(out, axis=(1, 2, 3)).max() < 1e-3
    assert out.min() >= 128 * math.exp(-GAIN) - BRIGHTNESS - 1
    assert out.max() <= 128 * math.exp(GAIN) + BRIGHTNESS + 1


def test_the_first_faces_of_a_batch_are_poor_jpegs(splits: dict[str, Split]) -> None:
    faces = tf.constant(splits["train"].faces[:16], tf.float32)
    out = compress(faces, JPEG_SHARE).numpy()
    count = int(JPEG_SHARE * 16)
    assert count >= 1
    assert np.abs(out - faces.numpy())[:count].mean((1, 2, 3)).min() > 1
    np.testing.assert_array_equal(out[count:], faces[count:])


def test_some_faces_have_the_detail_of_half_their_size(splits: dict[str, Split]) -> None:
    faces = tf.constant(splits["train"].faces, tf.float32)
    coarse = coarsen(faces, tf.constant([7, 1]), COARSE_PROBABILITY).numpy()
    changed_ones = np.abs(coarse - faces.numpy()).max((1, 2, 3)) > 0
    assert 0.05 < changed_ones.mean() < 0.6
    halves = tf.image.resize(tf.nn.avg_pool2d(faces, 2, 2, "VALID"), (48, 48)).numpy()
    np.testing.assert_allclose(coarse[changed_ones], halves[changed_ones])

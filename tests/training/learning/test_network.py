"""The promises of the network's shape."""

from dataclasses import replace

import numpy as np
import pytest

from training.data.dataset import Split
from training.learning import network
from training.learning.recipe import Recipe

TINY = network.Shape(classes=7, widths=(4, 8, 8), blocks=(1, 1))


def test_the_recipe_s_network_keeps_to_its_budget() -> None:
    shape = Recipe().shape(7)
    assert network.multiply_adds(shape) <= 60_000_000
    # As float32, with room for the graph around them.
    assert network.build(shape).count_params() * 4 < 4_500_000


def test_multiply_adds_by_hand() -> None:
    stem = 24 * 24 * 6 * 6 * 1 * 4
    first = 12 * 12 * (4 * 8 + 9 * 4 * 8 + 9 * 8 * 8)
    second = 6 * 6 * (8 * 8 + 9 * 8 * 8 + 9 * 8 * 8)
    assert network.multiply_adds(TINY) == stem + first + second + 8 * 7


@pytest.mark.parametrize(("side", "cells"), [(36, 5), (48, 6), (64, 8)])
def test_any_size_and_count(side: int, cells: int) -> None:
    model = network.build(TINY)
    logits, features = model(np.zeros((3, side, side, 1), np.uint8))
    assert logits.shape == (3, 7)
    assert features.shape == (3, cells, cells, 8)


def test_fine_features_are_both_stages_maps() -> None:
    shape = replace(TINY, widths=(4, 6, 8), fine=True)
    model = network.build(shape)
    _, features = model(np.zeros((3, 48, 48, 1), np.uint8))
    assert features.shape == (3, 12, 12, 8 + 6)
    assert network.multiply_adds(shape) == network.multiply_adds(replace(shape, fine=False)) + 6 * 7
    assert [shape for _, shape, _ in network.outline(shape)][-4:] == [(6, 6, 8), (12, 12, 14), (14,), (7,)]


def test_squeeze_and_excitation_is_two_linear_layers_for_each_block() -> None:
    shape = replace(TINY, squeeze=4)
    assert network.multiply_adds(shape) == network.multiply_adds(TINY) + 2 * (8 * 2 + 2 * 8)
    added = network.build(shape).count_params() - network.build(TINY).count_params()
    assert added == 2 * (8 * 2 + 2 + 2 * 8 + 8)


def test_an_oriented_network_sees_the_brighter_half_on_the_left(splits: dict[str, Split]) -> None:
    faces = splits["validation"].faces.copy()
    faces[::2, :, :24] //= 2
    faces[1::2, :, 24:] //= 2
    shape = replace(TINY, fine=True)
    plain, oriented = network.build(shape), network.build(shape, oriented=True)
    oriented.set_weights(plain.get_weights())
    turned = faces.copy()
    turned[::2] = faces[::2, :, ::-1]
    wanted, maps = (output.numpy() for output in plain(turned))
    maps[::2] = maps[::2, :, ::-1]
    logits, features = oriented(faces)
    np.testing.assert_allclose(logits, wanted, atol=1e-5)
    np.testing.assert_allclose(features, maps, atol=1e-4)
    others, mirrored = oriented(faces[:, :, ::-1])
    np.testing.assert_allclose(others, logits, atol=1e-5)
    np.testing.assert_allclose(mirrored[:, :, ::-1], features, atol=1e-4)
    assert np.abs(plain(faces)[0] - wanted)[::2].max() > 1e-3


@pytest.mark.parametrize(("fine", "squeeze"), [(False, 0), (True, 0), (True, 2)])
def test_logits_are_linear_in_the_mean_of_the_features(splits: dict[str, Split], fine: bool, squeeze: int) -> None:
    model = network.build(replace(TINY, fine=fine, squeeze=squeeze), oriented=True)
    logits, features = model(splits["validation"].faces)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(logits, features.numpy().mean((1, 2)) @ kernel + bias, atol=1e-5)
    np.testing.assert_allclose(network.head(model, features), logits, atol=1e-5)


@pytest.mark.parametrize("fine", [False, True])
def test_joined_products_of_the_stages_are_products_of_the_features(splits: dict[str, Split], fine: bool) -> None:
    model = network.build(replace(TINY, widths=(4, 6, 8), fine=fine, squeeze=2), oriented=True)
    faces = splits["validation"].faces
    *maps, mirrored = network.stages(model)(faces)
    assert [part.shape[1:] for part in maps] == ([(6, 6, 8), (12, 12, 6)] if fine else [(6, 6, 8)])
    assert 0 < np.mean(mirrored) < 1
    _, features = model(faces)
    kernel = np.random.default_rng(0).normal(size=(features.shape[-1], 3)).astype(np.float32)
    products = [part @ kernel[:8] if part is maps[0] else part @ kernel[8:] for part in maps]
    np.testing.assert_allclose(network.join(model, products, mirrored), features @ kernel, atol=1e-4)


def test_scaling_is_a_layer_that_evens_out_light() -> None:
    face = np.random.default_rng(0).integers(0, 100, (1, 48, 48, 1)).astype(np.float32)
    scaling = network.Standardise()
    np.testing.assert_allclose(scaling(face), scaling(face + 100), atol=1e-4)
    assert abs(float(np.mean(scaling(face)))) < 1e-5
    assert float(np.abs(scaling(np.full((1, 48, 48, 1), 255, np.uint8))).max()) == 0


def test_outline_counts_every_parameter() -> None:
    shape = replace(TINY, squeeze=2)
    outline = network.outline(shape)
    assert sum(parameters for _, _, parameters in outline) == network.build(shape).count_params()
    assert outline[0] == ("faces", (48, 48, 1), 0)
    assert outline[-1][1] == (7,)
    assert outline[-3][1] == (6, 6, 8)

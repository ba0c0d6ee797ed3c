"""What a recipe says of each epoch, and that it survives a checkpoint."""

import json
from dataclasses import asdict, replace

from tests.training.runs import TINY
from training.learning.recipe import Recipe


def test_a_recipe_comes_back_from_json() -> None:
    assert Recipe(seed=1) != Recipe(seed=2)
    assert Recipe.from_json(json.dumps(asdict(TINY))) == TINY


def test_options_that_are_newer_than_a_checkpoint_are_off() -> None:
    values = {key: value for key, value in asdict(TINY).items() if key not in ("squeeze", "eased")}
    assert Recipe.from_json(json.dumps(values)) == replace(TINY, squeeze=0, eased=1.0)


def test_small_faces_come_first() -> None:
    recipe = Recipe(epochs=46)
    assert [recipe.size_at(epoch) for epoch in (0, 16, 17, 45)] == [40, 40, 48, 48]


def test_augmentation_eases_from_its_time_on() -> None:
    recipe = replace(TINY, epochs=2, ease_from=0.5, eased=0.25)
    assert [recipe.strength_at(epoch) for epoch in (0, 1)] == [1.0, 0.25]

"""Curves know true maps from false ones, ROAD fills in what the equations say, and shuffled weights change the maps."""

import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from scipy import sparse
from scipy.sparse.linalg import spsolve

from service import images
from service.classifier import EmotionClassifier
from training.data.dataset import Dataset
from training.studies import faithfulness, imputation, randomisation
from training.studies.figures.faithfulness import draw_faithfulness


def corner(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers 'bright' by the upper left quarter alone, and says so in its heatmap."""
    bright = faces[:, :24, :24, 0].mean((1, 2)) / 255
    heatmaps = np.zeros((len(faces), 2, 4, 4), np.float32)
    heatmaps[:, :, :2, :2] = 1
    return np.stack([bright, 1 - bright], axis=1), heatmaps


def other_corner(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same answers, with a heatmap that says the lower right."""
    probabilities, heatmaps = corner(faces)
    return probabilities, heatmaps[:, :, ::-1, ::-1]


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Dark, with the upper left quarter white; some brightness differs, so that the bootstrap has something to do."""
    made = np.zeros((6, 48, 48, 1), np.uint8)
    made[:, :24, :24] = np.arange(205, 256, 10)[:, None, None, None]
    return made


@pytest.fixture(scope="module")
def compared(faces: np.ndarray) -> dict:
    return compare(corner, faces)


def compare(explain: faithfulness.Explain, faces: np.ndarray) -> dict:
    probabilities, heatmaps = explain(faces)
    answers = probabilities.argmax(1)
    maps = heatmaps[np.arange(len(faces)), answers]
    return faithfulness.compare(explain, faces, answers, faithfulness.orders(maps))


# --- curves ------------------------------------------------------------------------------------


def test_deletion_and_insertion_as_computed_by_hand(compared: dict, faces: np.ndarray) -> None:
    white, mean = faces.max((1, 2, 3)) / 255, np.rint(faces.mean((1, 2, 3))) / 255
    deletion, insertion = (compared["curves"][curve]["ours"] for curve in ("deletion", "insertion"))
    assert deletion[0] == pytest.approx(white.mean())
    # With the true corner first, four tenths of the pixels are more than the corner: all of it is in the mean.
    assert deletion[4] == pytest.approx(mean.mean())
    assert deletion[-1] == pytest.approx(mean.mean())
    assert insertion[4] == insertion[-1] == pytest.approx(white.mean())
    assert insertion[0] < 0.85 * white.mean()


def test_a_curves_area_is_its_mean_height(compared: dict) -> None:
    shares, heights = np.array(compared["shares"]), np.array(compared["curves"]["road"]["blob"])
    wanted = ((heights[1:] + heights[:-1]) / 2 * np.diff(shares)).sum() / shares[-1]
    assert compared["area"]["road"]["blob"] == pytest.approx(wanted)


def test_a_true_map_leads_and_a_false_one_is_found_out(compared: dict, faces: np.ndarray) -> None:
    false = compare(other_corner, faces)
    still = {"levels": [{"rank_correlation": 0.0}]}
    assert faithfulness.failures(compared | {"randomisation": still}) == []
    broken = faithfulness.failures(false | {"randomisation": still})
    assert len(broken) == 8
    assert broken[0].startswith("deletion: our maps are not better than random maps (lead -0.")
    for curve in faithfulness.CURVES:
        assert compared["lead"][curve]["blob"]["mean"] > 0 > false["lead"][curve]["blob"]["mean"]


def test_a_lead_is_the_difference_of_areas_and_lies_in_its_interval(compared: dict) -> None:
    area, lead = compared["area"]["deletion"], compared["lead"]["deletion"]["random"]
    assert lead["mean"] == pytest.approx(area["random"] - area["ours"])
    low, high = lead["interval_95"]
    assert low < lead["mean"] < high


@pytest.mark.parametrize("curve", faithfulness.CURVES)
@pytest.mark.parametrize("low", [0.0, -0.01, float("nan")])
def test_each_curve_has_to_lead_beyond_chance(curve: str, low: float) -> None:
    lead = {"random": {"mean": 0.01, "interval_95": [0.001, 0.03]}, "blob": {"mean": 0.01, "interval_95": [low, 0.03]}}
    still = {"levels": [{"rank_correlation": 0.0}]}
    broken = faithfulness.failures({"lead": {curve: lead}, "randomisation": still})
    assert len(broken) == 1
    assert broken[0].startswith(f"{faithfulness.CURVES[curve]}: our maps are not better than a centred blob")


@pytest.mark.parametrize("left", [0.31, float("nan")])
def test_maps_that_outlive_their_network_are_named(left: float) -> None:
    levels = [{"rank_correlation": 0.9}, {"rank_correlation": left}]
    assert "all weights shuffled" in faithfulness.failures({"lead": {}, "randomisation": {"levels": levels}})[0]


# --- orders ------------------------------------------------------------------------------------


def test_highest_first_is_the_order_of_the_served_map() -> None:
    maps = np.random.default_rng(4).random((3, 6, 6), np.float32)
    for place, one in zip(faithfulness.highest_first(maps), maps, strict=True):
        with Image.open(io.BytesIO(images.encode_map(one, (48, 48)))) as picture:
            served = np.asarray(picture)
        assert sorted(place) == list(range(48 * 48))
        assert (np.diff(served.ravel()[place.argsort()].astype(int)) <= 0).all()


def test_ties_make_patches_not_scattered_pixels() -> None:
    flat = faithfulness.highest_first(np.zeros((1, 6, 6), np.float32))[0].reshape(48, 48) < 1152
    # A pixel's right neighbour is on the same side of the order far more often than not.
    assert 0.85 < (flat[:, 1:] == flat[:, :-1]).mean() < 1


def test_the_blob_goes_outwards_from_the_centre() -> None:
    places = faithfulness.orders(np.ones((1, 6, 6), np.float32))["blob"][0].reshape(48, 48)
    assert set(places[23:25, 23:25].ravel()) == {0, 1, 2, 3}
    assert set(places[[0, 0, -1, -1], [0, -1, 0, -1]]) == set(range(2300, 2304))


def test_halving_takes_means_of_two_by_two() -> None:
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert faithfulness.halved(maps).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]


def test_maps_of_odd_size_are_not_halved() -> None:
    assert set(faithfulness.orders(np.ones((1, 3, 3), np.float32))) == {"ours", "random", "blob"}


# --- ROAD --------------------------------------------------------------------------------------


def test_filling_solves_the_paper_s_equations() -> None:
    random = np.random.default_rng(5)
    grey = random.integers(0, 256, (4, 12, 9), np.uint8)
    removed = random.random((4, 12, 9)) < np.array([0.1, 0.5, 0.9, 0])[:, None, None]
    filled = imputation.fill(grey, removed)
    np.testing.assert_array_equal(filled[~removed], grey[~removed])
    np.testing.assert_array_equal(filled[3], grey[3])
    for face, mask, found in zip(grey[:3], removed[:3], filled[:3], strict=True):
        unknown = {(int(y), int(x)): place for place, (y, x) in enumerate(np.argwhere(mask))}
        matrix, right = sparse.lil_array((len(unknown), len(unknown))), np.zeros(len(unknown))
        for (y, x), place in unknown.items():
            for down, across in np.argwhere(np.ones((3, 3))) - 1:
                near = (int(y + down), int(x + across))
                if (down or across) and 0 <= near[0] < 12 and 0 <= near[1] < 9:
                    weight = 1 / 12 if down and across else 1 / 6
                    matrix[place, place] += weight
                    if near in unknown:
                        matrix[place, unknown[near]] -= weight
                    else:
                        right[place] += weight * face[near]
        np.testing.assert_allclose(found[mask], spsolve(matrix.tocsr(), right), atol=1e-8)


def test_imputed_faces_have_noise_where_they_were_filled_in_and_only_there() -> None:
    faces = np.full((20, 48, 48, 1), 100, np.uint8)
    removed = np.zeros((20, 48, 48), bool)
    removed[:, 10:30, 10:30] = True
    found = imputation.imputed(faces, removed)[..., 0]
    assert (found[~removed] == 100).all()
    assert found[removed].mean() == pytest.approx(100, abs=0.2)
    assert found[removed].std() == pytest.approx(imputation.NOISE, rel=0.05)


# --- shuffled weights --------------------------------------------------------------------------


def test_rank_correlation_of_known_maps() -> None:
    one = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    assert randomisation.rank_correlation(one, one**2) == pytest.approx(1)
    assert randomisation.rank_correlation(one, -one) == pytest.approx(-1)
    assert randomisation.rank_correlation(one, np.zeros_like(one)) == 0
    assert randomisation.rank_correlation(np.concatenate([one, one]), np.concatenate([one, -one])) == pytest.approx(0)


def test_the_cascade_goes_from_the_linear_layer_to_the_stem(model_path: Path) -> None:
    parts = randomisation.layers(onnx.load(model_path))
    assert list(parts) == ["linear", "stage2_block1", "stage1_block1", "stem"]
    # The linear layer's weights by stage; of a block three convolutions, and two linear layers that weigh its channels.
    assert [len(tensors) for tensors in parts.values()] == [2, 2 * (3 + 2), 2 * (3 + 2), 2]


def test_shuffling_changes_a_level_and_those_before_it(model_path: Path, data: Dataset) -> None:
    graph = onnx.load(model_path)
    before = graph.SerializeToString()
    faces = data.validation.faces
    maps = [heatmaps for _, heatmaps in randomisation.shuffled(graph, 0, faces)]
    assert graph.SerializeToString() == before
    true = EmotionClassifier(model_path).classify(faces).heatmaps
    for one, other in zip([true, *maps], maps, strict=False):
        assert np.abs(one - other).max() > 1e-6
    again = [heatmaps for _, heatmaps in randomisation.shuffled(graph, 0, faces)]
    np.testing.assert_array_equal(maps, again)


# --- all of it ---------------------------------------------------------------------------------


def test_a_model_is_measured_and_drawn(model_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(randomisation, "SHUFFLES", 1)
    classifier = EmotionClassifier(model_path)

    def explain(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        reading = classifier.classify(faces)
        return reading.probabilities, reading.heatmaps

    faces = data.validation.faces[:14]
    result = faithfulness.measure(explain, faces, model_path)
    assert json.loads(json.dumps(result)) == result
    assert result["faces"] == 14
    assert result["map_hw"] == [12, 12]
    assert result["unchanged"] == pytest.approx(explain(faces)[0].max(1).mean())
    for curve in faithfulness.CURVES:
        assert set(result["curves"][curve]) == {"ours", "random", "blob", "halved"}
        # Nothing is changed yet, or all is blurred, whatever the order.
        starts = {heights[0] for heights in result["curves"][curve].values()}
        assert len(starts) == 1
        assert (starts.pop() == pytest.approx(result["unchanged"])) is (curve != "insertion")
    assert [level["shuffled_down_to"] for level in result["randomisation"]["levels"]][-1] == "stem"

    figure = draw_faithfulness(result)
    words = [text.get_text() for axis in figure.axes[:3] for text in axis.get_legend().get_texts()]
    assert f"our maps, 12x12: {100 * result['area']['deletion']['ours']:.1f}" in words
    assert "ours at 6x6" in " ".join(words)
    assert [bar.get_text() for bar in figure.axes[3].get_yticklabels()][-1] == "down to stem"

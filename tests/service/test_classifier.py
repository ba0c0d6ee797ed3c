"""The ONNX file's contract: what it must carry, and what its answers are."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import ArrayLike

from service.classifier import EmotionClassifier, ModelError
from tests.service.conftest import LABELS, METADATA, SIDE, VOTES_METADATA, brightness_network
from tests.service.models import changed, end_with, nan_for_bright, weights


def faces(*greys: int) -> np.ndarray:
    return np.stack([np.full((SIDE, SIDE, 1), grey, np.uint8) for grey in greys])


def test_the_contract_comes_from_the_file(classifier: EmotionClassifier, model_path: Path) -> None:
    contract = classifier.contract
    assert contract.labels == LABELS
    assert contract.size_wh == (SIDE, SIDE)
    assert contract.heatmap_wh == (2, 2)
    assert contract.version == "1.2.3"
    assert contract.metrics == {"accuracy": 1.0}
    assert contract.temperature == 1.0
    assert len(contract.sha256) == 64


def test_the_thresholds_former_name_is_read_too(tmp_path: Path, classifier: EmotionClassifier) -> None:
    path = tmp_path / "former.onnx"
    former = dict(METADATA)
    former["plausible_threshold"] = former.pop("prediction_set_threshold")
    path.write_bytes(brightness_network(former))
    threshold = EmotionClassifier(path).contract.prediction_set_threshold
    assert threshold == classifier.contract.prediction_set_threshold == 0.2


def test_bright_means_bright(classifier: EmotionClassifier) -> None:
    reading = classifier.classify(faces(0, 255))
    assert reading.probabilities.argmax(1).tolist() == [0, 1]
    expected = np.exp(10) / (np.exp(10) + 1 + np.exp(-20))
    np.testing.assert_allclose(reading.probabilities[1, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(reading.heatmaps[1, 1], 1)
    np.testing.assert_allclose(reading.heatmaps[1, 0], 0)


def test_probabilities_sum_to_one(classifier: EmotionClassifier) -> None:
    sums = classifier.classify(faces(*range(0, 256, 5))).probabilities.sum(1)
    np.testing.assert_allclose(sums, 1, atol=1e-15)


def test_no_face_is_an_empty_reading(classifier: EmotionClassifier) -> None:
    reading = classifier.classify(np.zeros((0, SIDE, SIDE, 1), np.uint8))
    assert reading.probabilities.shape == (0, 3)
    assert reading.heatmaps.shape == (0, 3, 2, 2)


@pytest.mark.parametrize("name", METADATA)
def test_a_file_without_some_metadata_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({key: value for key, value in METADATA.items() if key != name}))
    with pytest.raises(ModelError, match=f"lacks metadata '{name}'"):
        EmotionClassifier(path)


@pytest.mark.parametrize(("name", "value"), [("labels", "angry"), ("temperature", "warm"), ("metrics", "{")])
def test_unreadable_metadata_is_refused(tmp_path: Path, name: str, value: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({**METADATA, name: value}))
    with pytest.raises(ModelError, match="metadata that cannot be read"):
        EmotionClassifier(path)


@pytest.mark.parametrize("labels", [["dark", "bright"], ["dark", "bright", "bright"], [*LABELS, "more"]])
def test_labels_that_do_not_fit_the_answers_are_refused(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({**METADATA, "labels": json.dumps(labels)}))
    with pytest.raises(ModelError, match=f"names {', '.join(labels)} and answers with 3 probabilities"):
        EmotionClassifier(path)


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        EmotionClassifier(tmp_path / "nothing.onnx")
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        EmotionClassifier(path)


# --- damaged files -----------------------------------------------------------------------------


def with_golden_face(content: bytes, path: Path) -> bytes:
    classifier = EmotionClassifier(path, content=content)
    golden = classifier.golden(faces(140)[0], 0.01).to_metadata()
    return changed(content, lambda model: model.metadata_props.add(key="golden", value=golden))


def refused(content: bytes, path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        EmotionClassifier(path, content=content)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("votes", [False, True])
def test_a_golden_face_is_compared(model_path: Path, votes: bool) -> None:
    good = with_golden_face(brightness_network(VOTES_METADATA if votes else METADATA, votes=votes), model_path)
    assert EmotionClassifier(model_path, content=good).contract.has_golden_face
    assert not EmotionClassifier(model_path).contract.has_golden_face
    changes: list[Callable[[onnx.ModelProto], object]] = [
        lambda model: weights(model, "gain", [[-10, 12, 0]]),
        lambda model: weights(model, "white", 260),
        lambda model: weights(model, "one", 2),
    ]
    if votes:
        changes.append(lambda model: weights(model, "votes_gain", [[-0.4, 0.4, 0]]))
    for change in changes:
        assert "is damaged: output " in refused(changed(good, change), model_path)
    # What processors differ by.
    EmotionClassifier(model_path, content=changed(good, lambda model: weights(model, "white", 255.01)))


@pytest.mark.parametrize(
    "text", ["", "{}", '{"face": "AA==", "shares": {}, "maps": {}, "tolerance": 1}', '{"face": "é"}']
)
def test_a_golden_face_that_cannot_be_read(model_path: Path, text: str) -> None:
    content = brightness_network({**METADATA, "golden": text})
    assert "golden face that cannot be read" in refused(content, model_path)


def test_metadata_that_are_no_text(model_path: Path) -> None:
    content = brightness_network().replace(b"brightness", b"brightne\xff\xff")
    assert "no text" in refused(content, model_path)


@pytest.mark.parametrize("gain", [np.nan, np.inf, [[-10, np.nan, 0]]])
def test_answers_that_are_no_numbers(model_path: Path, gain: ArrayLike) -> None:
    content = changed(brightness_network(), lambda model: weights(model, "gain", gain))
    assert "no numbers" in refused(content, model_path)


def test_answers_that_do_not_sum_to_one(model_path: Path) -> None:
    content = changed(brightness_network(), end_with("Mul", 2.0))
    assert "no probabilities that sum to one" in refused(content, model_path)


def test_a_network_that_fails_on_some_faces_only(model_path: Path) -> None:
    """Its file passes the warm-up, whose face is black: an answer that is no number is an error all the same."""
    content = changed(brightness_network(), nan_for_bright)
    classifier = EmotionClassifier(model_path, content=content)
    assert classifier.classify(faces(10)).probabilities.argmax() == 0
    with pytest.raises(ModelError, match="no numbers"):
        classifier.classify(faces(10, 250))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 0.99, 0.9999])
def test_a_file_that_is_cut_short(share: float) -> None:
    path = Path(__file__).parents[2] / "models" / "emotion.onnx"
    whole = path.read_bytes()
    assert "damaged or cut short" in refused(whole[: int(share * len(whole))], path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (["n", "h", "w", 1], "instead of uint8"),
        # ONNX Runtime itself finds out that the network does not fit.
        (["n", SIDE, SIDE], "is not an ONNX file that"),
        (["n", SIDE, SIDE, 3], "instead of uint8"),
        (["n", SIDE + 4, SIDE, 1], "output 'heatmaps' is ['n', 3, None, 2]"),
    ],
)
def test_a_file_of_another_shape(model_path: Path, shape: list[int | str], message: str) -> None:
    def change(model: onnx.ModelProto) -> None:
        kind = onnx.TensorProto.UINT8
        model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("faces", kind, shape))
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        maps = onnx.helper.make_tensor_value_info("heatmaps", onnx.TensorProto.FLOAT, ["n", 3, 2, 2])
        model.graph.output[1].CopyFrom(maps)

    assert message in refused(changed(brightness_network(), change), model_path)

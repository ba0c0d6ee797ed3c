"""The votes head: both answers in every form of a result, and a model without it serves as before."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service import images, tasks
from service.analysis import Analyzer, Options
from service.classifier import Contract, EmotionClassifier, ModelError
from service.descriptions import csv_columns
from service.detectors.available import Detectors
from service.detectors.haar import HaarDetector
from service.schemas import Explanation
from service.tracking import Tracker
from tests.service.answers import assert_problem, stable
from tests.service.conftest import LABELS, METADATA, SIDE, VOTES, VOTES_METADATA, brightness_network, encoded
from tests.service.streams import session
from tests.service.tracks import face

WHITE_VOTES = {"dark": 0.0, "bright": 0.5, "never": 0.5}


@pytest.fixture(scope="module")
def voting(votes_model_path: Path) -> EmotionClassifier:
    return EmotionClassifier(votes_model_path)


@pytest.fixture(scope="module")
def contract(voting: EmotionClassifier) -> Contract:
    return voting.contract


# --- the file ----------------------------------------------------------------------------------


def test_votes_are_shares_of_the_same_shape(voting: EmotionClassifier) -> None:
    reading = voting.classify(np.stack([np.full((SIDE, SIDE, 1), grey, np.uint8) for grey in (0, 255)]))
    np.testing.assert_allclose(np.asarray(reading.votes), [[0.5, 0, 0.5], [0, 0.5, 0.5]], atol=1e-7)
    assert reading.votes_heatmaps is not None
    np.testing.assert_array_equal(reading.votes_heatmaps, reading.heatmaps[:, ::-1])


def test_no_face_is_an_empty_reading(voting: EmotionClassifier) -> None:
    reading = voting.classify(np.zeros((0, SIDE, SIDE, 1), np.uint8))
    assert reading.votes is not None
    assert reading.votes.shape == (0, 3)
    assert reading.votes_heatmaps is not None
    assert reading.votes_heatmaps.shape == (0, 3, 2, 2)


def test_a_file_without_the_head_has_no_votes(classifier: EmotionClassifier) -> None:
    assert classifier.contract.votes is None
    reading = classifier.classify(np.zeros((1, SIDE, SIDE, 1), np.uint8))
    assert reading.votes is None
    assert reading.votes_heatmaps is None


@pytest.mark.parametrize(
    ("metadata", "votes", "lacks"),
    [(VOTES_METADATA, False, "output 'votes', output 'votes_heatmaps'"), (METADATA, True, "metadata 'votes'")],
)
def test_half_a_votes_head_is_refused_by_name(
    tmp_path: Path, metadata: dict[str, str], votes: bool, lacks: str
) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(brightness_network(metadata, votes=votes))
    with pytest.raises(ModelError, match=f"lacks {lacks};"):
        EmotionClassifier(path)


@pytest.mark.parametrize("about", ["{", "[]", json.dumps({"source": "people"})])
def test_unreadable_votes_metadata_is_refused(tmp_path: Path, about: str) -> None:
    path = tmp_path / "unreadable.onnx"
    path.write_bytes(brightness_network({**METADATA, "votes": about}, votes=True))
    with pytest.raises(ModelError, match="metadata that cannot be read"):
        EmotionClassifier(path)


@pytest.mark.parametrize("name", ["model_path", "votes_model_path"])
def test_the_contract_comes_back_from_a_worker(request: pytest.FixtureRequest, name: str) -> None:
    contract = EmotionClassifier(request.getfixturevalue(name)).contract
    about = tasks.about(contract, Detectors({"haar": HaarDetector()}))
    assert tasks.contract_of(json.loads(json.dumps(about))["contract"]) == contract


# --- REST --------------------------------------------------------------------------------------


def predicted(client: TestClient, body: bytes, **query: str) -> Any:
    return stable(client.post("/v1/predict", content=body, params={"crop": "whole", **query}))["faces"][0]


def test_a_face_has_both_answers(votes_client: TestClient, white: bytes) -> None:
    found = predicted(votes_client, white)
    assert found["emotion"] == "bright"
    assert found["votes"] == pytest.approx(WHITE_VOTES, abs=1e-7)
    assert list(found["votes"]) == list(found["emotions"]) == list(LABELS)
    assert sum(found["votes"].values()) == pytest.approx(1, abs=1e-15)


def test_without_the_head_votes_are_null(client: TestClient, white: bytes) -> None:
    assert predicted(client, white)["votes"] is None


@pytest.mark.parametrize("head", ["emotions", "votes"])
def test_either_head_can_be_explained(votes_client: TestClient, white: bytes, head: str) -> None:
    found = predicted(votes_client, white, explain="gradcam", target="never", head=head)
    (explained,) = [Explanation.model_validate(each) for each in found["explanations"]]
    assert (explained.head, explained.target) == (head, "never")


def test_the_heatmaps_are_those_of_the_head(voting: EmotionClassifier, contract: Contract) -> None:
    quarters = np.zeros((SIDE, SIDE), np.uint8)
    quarters[: SIDE // 2, : SIDE // 2] = 255
    analyzer = Analyzer(Detectors({"haar": HaarDetector()}), voting, max_pixels=1000)

    def maps(head: Any) -> dict[str, bytes]:
        options = Options(crop="whole", explain="gradcam", target="all", head=head)
        return {each.target: each.data for each in analyzer.analyse(encoded(quarters), options).faces[0].explanations}

    emotions, votes = maps("emotions"), maps("votes")
    assert (votes["dark"], votes["never"]) == (emotions["never"], emotions["dark"])
    assert emotions["dark"] == images.encode_map(np.array([[0, 1], [1, 1]], np.float32), contract.size_wh)


def test_top_is_the_label_with_the_most_votes(voting: EmotionClassifier) -> None:
    analyzer = Analyzer(Detectors({"haar": HaarDetector()}), voting, max_pixels=1000)
    grey = encoded(np.full((SIDE, SIDE), 100))
    for head, top in (("emotions", "dark"), ("votes", "never")):
        options = Options(crop="whole", explain="gradcam", head=head)  # type: ignore[arg-type]
        assert [each.target for each in analyzer.analyse(grey, options).faces[0].explanations] == [top]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/video"])
def test_a_head_that_the_model_lacks_is_refused(client: TestClient, white: bytes, body: bytes, path: str) -> None:
    content = white if path == "/v1/predict" else body
    answer = client.post(path, content=content, params={"explain": "gradcam", "head": "votes"})
    assert "no votes head" in assert_problem(answer, 422, "invalid_option")["detail"]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/video"])
@pytest.mark.parametrize("option", [{"head": "votes"}, {"head": "emotions"}, {"target": "top"}, {"heatmap": "map"}])
def test_an_option_of_heatmaps_without_heatmaps_is_refused(
    votes_client: TestClient, white: bytes, path: str, option: dict[str, str]
) -> None:
    detail = assert_problem(votes_client.post(path, content=white, params=option), 422, "invalid_option")["detail"]
    assert next(iter(option)) in detail
    assert "without explain=gradcam it has no effect" in detail


def test_an_unknown_head_is_refused(votes_client: TestClient, white: bytes) -> None:
    assert_problem(votes_client.post("/v1/predict?explain=gradcam&head=crowd", content=white), 422, "invalid_option")


def test_the_model_says_what_each_answer_is_for_and_was_measured_at(
    client: TestClient, votes_client: TestClient
) -> None:
    emotions, votes = votes_client.get("/v1/model").json()["heads"]
    assert [emotions["option"], votes["option"]] == ["emotions", "votes"]
    assert emotions["metrics"] == {"accuracy": 1.0}
    assert {name: votes[name] for name in VOTES} == VOTES
    assert "people" in votes["use"]
    assert [head["option"] for head in client.get("/v1/model").json()["heads"]] == ["emotions"]


# --- over time ---------------------------------------------------------------------------------


def test_smoothing_averages_votes_as_well() -> None:
    tracker = Tracker(smoothing=1.0, prediction_set_threshold=0.2)
    for number, votes in enumerate(([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])):
        (seen,) = tracker.follow([face(100, votes=votes)], number)
        tracker = Tracker.restored(json.loads(json.dumps(tracker.state())), prediction_set_threshold=0.2)
    np.testing.assert_allclose(np.asarray(seen.votes), [0.5, 0.5, 0])
    np.testing.assert_allclose(seen.probabilities, [0.5, 0.5, 0])
    assert seen.prediction_set == (0, 1)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_without_the_head_a_tracked_face_has_no_votes(smoothing: float) -> None:
    tracker = Tracker(smoothing=smoothing, prediction_set_threshold=0.2)
    assert [tracker.follow([face(100)], number)[0].votes for number in range(2)] == [None, None]


def test_a_stream_carries_votes_and_explains_either_head(votes_client: TestClient, photo: bytes) -> None:
    with session(votes_client) as (socket, _):
        socket.send_json({"type": "session.update", "explain": "gradcam", "target": "dark", "head": "votes"})
        assert socket.receive_json()["configuration"]["head"] == "votes"
        socket.send_bytes(photo)
        (found,) = socket.receive_json()["faces"]
    assert list(found["votes"]) == list(LABELS)
    assert [(each["head"], each["target"]) for each in found["explanations"]] == [("votes", "dark")]


def test_a_stream_refuses_a_head_that_the_model_lacks(client: TestClient) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "head": "votes"})
        refused = socket.receive_json()
    assert (refused["type"], refused["code"]) == ("error", "invalid_option")


# --- videos ------------------------------------------------------------------------------------


def video(client: TestClient, body: bytes, **query: str) -> str:
    answer = client.post("/v1/predict/video", content=body, params={"crop": "whole", "fps": "2", **query})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_lines_and_summary_have_votes(votes_client: TestClient, client: TestClient, body: bytes) -> None:
    *frames, summary = map(json.loads, video(votes_client, body).splitlines())
    votes = [each["faces"][0]["votes"] for each in frames]
    (track,) = summary["tracks"]
    assert track["mean_votes"] == pytest.approx(
        {label: np.mean([each[label] for each in votes]) for label in LABELS}, abs=1e-9
    )
    *frames, summary = map(json.loads, video(client, body).splitlines())
    assert frames[0]["faces"][0]["votes"] is None
    assert summary["tracks"][0]["mean_votes"] is None


def test_csv_has_a_column_of_votes_for_each_label(votes_client: TestClient, body: bytes, contract: Contract) -> None:
    header, first, *_ = (line.split(",") for line in video(votes_client, body, format="csv").splitlines())
    assert header == csv_columns(contract)
    assert header[-4:] == ["votes_dark", "votes_bright", "votes_never", "error"]
    assert len(first) == len(header)
    assert sum(map(float, first[-4:-1])) == pytest.approx(1)


def test_csv_without_the_head_has_no_such_columns(client: TestClient, body: bytes) -> None:
    header, *_ = video(client, body, format="csv").splitlines()
    assert "votes" not in header


def test_a_cue_names_the_label_with_the_most_votes(votes_client: TestClient, client: TestClient, body: bytes) -> None:
    assert "\nface 1: dark, votes never\n" in video(votes_client, body, format="webvtt")
    assert "votes" not in video(client, body, format="webvtt").partition("NOTE")[0]

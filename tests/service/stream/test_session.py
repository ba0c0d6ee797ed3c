"""WS /v1/stream: every frame gets one answer, whatever its session is configured to."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.settings import Settings
from tests.service.conftest import LABELS, encoded
from tests.service.streams import closed_with, limited, numbered, session


def test_session_created_comes_first(client: TestClient, settings: Settings) -> None:
    with session(client) as (socket, created):
        assert socket.accepted_subprotocol == "fer.v1"
        assert created["type"] == "session.created"
        assert created["labels"] == list(LABELS)
        assert created["credits"] == settings.stream_credits
        assert created["limits"] == client.get("/v1/limits").json()
        assert created["model"]["crop_margin"] == 0
        assert created["configuration"]["explain"] == "none"


def test_frames_are_answered_like_images(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_bytes(photo)
        first = socket.receive_json()
        socket.send_bytes(numbered(77, photo))
        second = socket.receive_json()
    (face,) = client.post("/v1/predict", content=photo).json()["faces"]
    assert (first["type"], first["frame_id"]) == ("result", 1)
    assert (second["type"], second["frame_id"]) == ("result", 77)
    assert first["faces"] == [{**face, "track_id": 1}]
    assert face["track_id"] is None
    # The second frame is searched near the face of the first one: its box may differ by some pixels.
    (again,) = second["faces"]
    assert (again["track_id"], again["emotion"]) == (1, face["emotion"])
    assert again["emotions"] == pytest.approx(face["emotions"], abs=0.05)
    for member, value in face["box"].items():
        assert again["box"][member] == pytest.approx(value, abs=5)
    assert first["age_ms"] >= first["timing_ms"]["total"] - 1


def test_a_session_is_configured_at_any_time(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "explain": "gradcam", "max_faces": 3})
        updated = socket.receive_json()
        assert updated["type"] == "session.updated"
        assert updated["configuration"]["explain"] == "gradcam"
        socket.send_json({"type": "session.update", "explain_every": 2})
        assert socket.receive_json()["configuration"] == {
            **updated["configuration"],
            "explain_every": 2,
        }
        explained = []
        for _ in range(4):
            socket.send_bytes(photo)
            explained.append(len(socket.receive_json()["faces"][0]["explanations"]))
        assert explained == [1, 0, 1, 0]


def test_the_heatmap_of_any_label(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        for target, explained in {"top": ["bright"], "dark": ["dark"], "all": list(LABELS)}.items():
            socket.send_json({"type": "session.update", "explain": "gradcam", "target": target})
            assert socket.receive_json()["configuration"]["target"] == target
            socket.send_bytes(photo)
            [face] = socket.receive_json()["faces"]
            assert [one["target"] for one in face["explanations"]] == explained


@pytest.mark.parametrize(
    "change",
    [
        {"explain": "lime"},
        {"max_faces": 0},
        {"max_faces": 51},
        {"explian": "none"},
        {"max_age_ms": -1},
        {"max_age_ms": float("inf")},
        {"smoothing": -0.1},
        {"smoothing": 1.1},
        {"smoothing": float("nan")},
        {"smoothing": True},
        {"target": "bored"},
    ],
)
def test_a_bad_option_is_an_error_and_the_session_goes_on(
    client: TestClient, white: bytes, change: dict[str, Any]
) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", **change})
        answer = socket.receive_json()
        assert (answer["type"], answer["code"], answer["status"]) == ("error", "invalid_option", 422)
        assert answer["frame_id"] is None
        assert next(iter(change)) in answer["detail"]
        socket.send_bytes(white)
        assert socket.receive_json()["type"] == "result"


def test_fewer_faces_than_the_default_may_be_all_that_is_allowed(settings: Settings) -> None:
    with limited(settings, max_faces=3) as client, session(client) as (socket, created):
        assert created["configuration"]["max_faces"] == 3
        socket.send_json({"type": "session.update", "explain": "gradcam"})
        assert socket.receive_json()["type"] == "session.updated"


def test_smoothing_averages_over_time_and_is_one_sessions_own(client: TestClient, photo: bytes) -> None:
    pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    bright, dark = encoded(pixels), encoded(pixels // 3)
    with session(client) as (socket, _), session(client) as (other, _):
        socket.send_json({"type": "session.update", "smoothing": 1})
        assert socket.receive_json()["configuration"]["smoothing"] == 1
        alone: list[dict[str, Any]] = []
        smoothed: list[dict[str, Any]] = []
        for image in (bright, dark, dark):
            for each, faces in ((other, alone), (socket, smoothed)):
                each.send_bytes(image)
                faces.append(each.receive_json()["faces"][0])
    assert {face["track_id"] for face in alone + smoothed} == {1}
    shares = [face["emotions"]["dark"] for face in alone]
    assert shares[1] > shares[0] + 0.1
    for count, face in enumerate(smoothed, 1):
        # One session may have searched near the face where the other searched everywhere: it depends on the time.
        assert face["emotions"]["dark"] == pytest.approx(sum(shares[:count]) / count, abs=0.005)
        assert sum(face["emotions"].values()) == pytest.approx(1)
        assert face["emotion"] == max(face["emotions"], key=face["emotions"].__getitem__)


def test_one_person_of_a_clip_is_one_track(client: TestClient, media: Path) -> None:
    video = cv2.VideoCapture(str(media / "videos" / "neutral_to_smile.mp4"))
    tracks = []
    with session(client) as (socket, _):
        for number in range(72):
            _, image = video.read()
            if number % 6 == 0:
                socket.send_bytes(encoded(image, ".jpg"))
                tracks += [face["track_id"] for face in socket.receive_json()["faces"]]
    assert tracks == [1] * 12


@pytest.mark.parametrize(("every", "heatmaps"), [(1, [1, 1, 1, 1, 1]), (2, [1, 0, 1, 0, 1]), (3, [1, 0, 0, 1, 0])])
def test_each_nth_frame_is_explained(client: TestClient, photo: bytes, every: int, heatmaps: list[int]) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "explain": "gradcam", "explain_every": every})
        assert socket.receive_json()["type"] == "session.updated"
        counts = []
        for _ in heatmaps:
            socket.send_bytes(photo)
            counts.append(len(socket.receive_json()["faces"][0]["explanations"]))
    assert counts == heatmaps


def test_a_bad_frame_is_an_error_and_the_session_goes_on(client: TestClient, white: bytes) -> None:
    with session(client) as (socket, _):
        for body, code in (
            (b"", "unsupported_media_type"),
            (b"GIF89a", "unsupported_media_type"),
            (white[:60], "undecodable_image"),
        ):
            socket.send_bytes(numbered(5, body))
            answer = socket.receive_json()
            assert (answer["type"], answer["code"], answer["frame_id"]) == ("error", code, 5)
        socket.send_bytes(white)
        assert socket.receive_json()["type"] == "result"


def test_session_close_is_answered_last_with_counts(client: TestClient, white: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_bytes(white)
        socket.send_json({"type": "session.close"})
        assert socket.receive_json()["type"] == "result"
        closed = socket.receive_json()
        assert closed["type"] == "session.closed"
        assert closed["frames"] == {"received": 1, "processed": 1, "dropped": 0, "errors": 0}
        assert closed_with(socket) == 1000

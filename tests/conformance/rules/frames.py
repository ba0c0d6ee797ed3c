"""Frames and their answers."""

import base64
import math
import struct
import zlib

from tests.conformance.client import PATIENCE_S, PHOTO, Message, Service
from tests.conformance.rules.base import (
    Rules,
    equal,
    goes_on,
    within,
)

rule = Rules()


@rule("a frame is answered by a result: numbered, aged, boxes inside the image, probabilities that sum to 1")
def _(service: Service) -> None:
    with service.session() as session:
        for number in (1, 2):
            answer = session.analyse(PHOTO)
            equal((answer["type"], answer["frame_id"]), ("result", number), "type and number")
            assert 0 < answer["age_ms"] < 60_000, f"age_ms is {answer['age_ms']}"
            assert answer["request_id"], "request_id is empty"
            assert {"queue", "decode", "detect", "infer", "total"} <= set(answer["timing_ms"]), (
                "timing_ms lacks a stage"
            )
            equal(answer["image"], {"width": 512, "height": 512}, "the image's size")
            assert 0 < answer["searched_from_px"] <= 512, f"searched_from_px is {answer['searched_from_px']}"
            (face,) = answer["faces"]
            _check_face(face, session.created["labels"])


def _check_face(face: Message, labels: list[str]) -> None:
    box = face["box"]
    assert min(box["x"], box["y"]) >= 0, "the box begins outside the image"
    assert max(box["x"] + box["width"], box["y"] + box["height"]) <= 512, "the box ends outside the image"
    equal(list(face["emotions"]), labels, "the labels")
    assert math.isclose(sum(face["emotions"].values()), 1, abs_tol=1e-6), "the probabilities do not sum to 1"
    equal(face["confidence"], max(face["emotions"].values()), "confidence")
    equal(face["emotions"][face["emotion"]], face["confidence"], "the emotion's probability")
    equal(face["prediction_set"][0], face["emotion"], "the first label of the prediction set")
    equal(face["uncertain"], len(face["prediction_set"]) > 1, "uncertain")


@rule("a header's frame id comes back, whatever its time says")
def _(service: Service) -> None:
    with service.session() as session:
        for frame_id, captured_ms in ((0, 0.0), (77, math.nan), (2**32 - 1, -math.inf)):
            session.send_frame(PHOTO, frame_id, captured_ms)
            answer = session.receive()
            equal((answer["type"], answer["frame_id"]), ("result", frame_id), "type and frame_id")


@rule("frames and session.update may be sent before the answers to those before")
def _(service: Service) -> None:
    with service.session() as session:
        session.send_frame(PHOTO, 5)
        session.send("session.update", max_faces=1)
        received = sorted(session.receive()["type"] for _ in range(2))
        equal(received, ["result", "session.updated"], "what is sent")
        goes_on(session)


@rule("a ping is answered while a frame is being analysed")
def _(service: Service) -> None:
    with service.session() as session:
        session.send_frame(PHOTO, 5)
        assert session.socket.ping().wait(PATIENCE_S), "no pong has come"
        equal(session.receive()["frame_id"], 5, "frame_id")


@rule("a frame in many fragments is one frame")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.send([PHOTO[start : start + 1000] for start in range(0, len(PHOTO), 1000)])
        equal(session.receive()["type"], "result", "the answer")


@rule("explain adds heatmaps, explain_every only to each n-th frame")
def _(service: Service) -> None:
    with service.session() as session:
        session.command("session.update", explain="gradcam", explain_every=2)
        faces = [session.analyse(PHOTO)["faces"][0] for _ in range(4)]
        equal([len(face["explanations"]) for face in faces], [1, 0, 1, 0], "the number of heatmaps, frame by frame,")
        (heatmap,) = faces[0]["explanations"]
        answered = [heatmap[name] for name in ("method", "head", "target", "media_type")]
        equal(answered, ["gradcam", "emotions", faces[0]["emotion"], "image/png"], "the heatmap's description")
        assert base64.b64decode(heatmap["data"]).startswith(b"\x89PNG"), "the heatmap is no PNG"


@rule("min_face_px leaves out smaller faces; no face is a result")
def _(service: Service) -> None:
    with service.session() as session:
        session.command("session.update", min_face_px=400)
        answer = session.analyse(PHOTO)
        equal((answer["type"], answer["faces"]), ("result", []), "type and faces")


@rule("track_id is the same from frame to frame, and counts from 1 in every session")
def _(service: Service) -> None:
    for _ in range(2):
        with service.session() as session:
            equal([session.analyse(PHOTO)["faces"][0]["track_id"] for _ in range(3)], [1] * 3, "track_id")


@rule("smoothing averages: of equal frames the average is the frame, with probabilities that sum to 1")
def _(service: Service) -> None:
    with service.session() as session:
        alone = session.analyse(PHOTO)["faces"][0]
        session.command("session.update", smoothing=1)
        for _ in range(3):
            face = session.analyse(PHOTO)["faces"][0]
            _check_face(face, session.created["labels"])
            for label, probability in face["emotions"].items():
                # A service may search a frame near the last faces: an equal frame's box then differs by some pixels.
                assert math.isclose(probability, alone["emotions"][label], abs_tol=0.03), f"{label} has moved"


@rule("a frame that waited longer than max_age_ms is dropped as stale")
def _(service: Service) -> None:
    with service.session() as session:
        session.command("session.update", max_age_ms=0.0001)
        answer = session.analyse(PHOTO, 5)
        equal(answer, {"type": "dropped", "frame_id": 5, "reason": "stale"}, "the answer")
        session.command("session.update", max_age_ms=None)
        goes_on(session)


def _claiming(pixels: int) -> bytes:
    """A PNG of one row that is one pixel too long, by its header; of pixels it has none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", pixels + 1, 1, 8, 0, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b""), b"IEND")
    sealed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(sealed)


@rule("a bad image is an error with its frame_id, and the session goes on")
def _(service: Service) -> None:
    with service.session() as session:
        for body, code in (
            (b"", "unsupported_media_type"),
            (b"GIF89a" + bytes(100), "unsupported_media_type"),
            (b"FER1", "unsupported_media_type"),
            (PHOTO[:200], "undecodable_image"),
            (_claiming(service.limits["max_pixels"]), "image_too_many_pixels"),
            (bytes(service.limits["max_frame_bytes"] - 16), "unsupported_media_type"),
        ):
            answer = session.analyse(body, 9)
            answered = [answer.get(name) for name in ("type", "code", "frame_id")]
            equal(answered, ["error", code, 9], f"the answer to {body[:10]!r}…")
        goes_on(session)


@rule("a hundred frames at once get one answer each, and the newest is never dropped")
def _(service: Service) -> None:
    within(100, service.limits["stream_abuse"], "the number of frames")
    with service.session() as session:
        for frame_id in range(100):
            session.send_frame(PHOTO, frame_id)
        answers = [session.receive() for _ in range(100)]
        equal(sorted(answer["frame_id"] for answer in answers), list(range(100)), "the answered frames")
        kinds = {(answer["type"], answer.get("reason")) for answer in answers}
        assert kinds <= {("result", None), ("dropped", "superseded")}, f"the answers are {kinds}"
        (last,) = (answer for answer in answers if answer["frame_id"] == 99)
        equal(last["type"], "result", "the newest frame's answer")
        goes_on(session)

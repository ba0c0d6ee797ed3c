"""The rules of fer.v1, one function each: it takes the service, and raises where the rule is broken."""

import base64
import json
import math
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.conformance.client import PATIENCE_S, PHOTO, Message, Service, Session, end

# Rules that would wait longer for a limit, or do more to reach it, are skipped.
LONGEST_S, MOST_SESSIONS, MOST_MESSAGES, MOST_BYTES = 30.0, 64, 5000, 2**26
# The kernel's buffers take some megabytes from a client that does not read; a service that takes more hoards them.
MOST_UNREAD, HELD_UP_S = 2**25, 3.0
OPTIONS = {"explain", "explain_every", "target", "max_faces", "min_face_px", "smoothing", "max_age_ms"}


class Skipped(Exception):
    """The rule cannot be checked on this service; says why."""


@dataclass(frozen=True)
class Rule:
    says: str
    check: Callable[[Service], None]


RULES: list[Rule] = []


def rule(says: str) -> Callable[[Callable[[Service], None]], Callable[[Service], None]]:
    def take(check: Callable[[Service], None]) -> Callable[[Service], None]:
        RULES.append(Rule(says, check))
        return check

    return take


def equal(got: object, expected: object, what: str) -> None:
    assert got == expected, f"{what} is {got!r}, not {expected!r}"


def within(limit: float, most: float, name: str) -> None:
    if limit > most:
        raise Skipped(f"{name} is {limit:g}, more than is tried here ({most:g})")


def goes_on(session: Session) -> None:
    """The session still answers."""
    equal(session.look(PHOTO, 4242)["type"], "result", "the next frame's answer")


def answers_a_good_client(service: Service) -> None:
    """A client that does everything right gets its answer; it comes again where sessions are only just ending."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with service.session() as session:
                answer = session.look(PHOTO, 7)
                equal((answer["type"], answer.get("frame_id")), ("result", 7), "a good client's answer")
                assert answer["faces"], "a good client's face was not found"
                return
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1013 or time.monotonic() > until:
                raise
        time.sleep(0.2)


# --- the handshake -----------------------------------------------------------------------------


@rule("the subprotocol fer.v1 is agreed on")
def _(service: Service) -> None:
    with service.connect() as socket:
        equal(socket.subprotocol, "fer.v1", "the subprotocol")


@rule("a client that names no subprotocol is taken")
def _(service: Service) -> None:
    with service.connect(subprotocols=()) as socket:
        equal(json.loads(socket.recv(timeout=PATIENCE_S))["type"], "session.created", "the first message")


@rule("another subprotocol is closed with 1002")
def _(service: Service) -> None:
    with service.connect(subprotocols=("mqtt",)) as socket:
        equal(end(socket), ([], 1002), "what is said, and the close code,")


@rule("a page of the service's own origin is let in")
def _(service: Service) -> None:
    with service.connect(origin=service.origin) as socket:
        equal(json.loads(socket.recv(timeout=PATIENCE_S))["type"], "session.created", "the first message")


@rule("a page of a foreign origin is refused before the session: 403 forbidden_origin")
def _(service: Service) -> None:
    for origin in ("https://elsewhere.example", "null", f"{service.origin}.elsewhere.example"):
        try:
            service.connect(origin=origin).close()
        except InvalidStatus as refused:
            equal(refused.response.status_code, 403, f"the status for {origin}")
            equal(json.loads(refused.response.body or b"{}").get("code"), "forbidden_origin", "the problem's code")
        else:
            raise AssertionError(f"{origin} was let in")


# --- the greeting and the configuration --------------------------------------------------------


@rule("the service speaks first: session.created with session, limits, labels, model, credits and configuration")
def _(service: Service) -> None:
    with service.session() as session, service.session() as other:
        greeting = session.greeting
        equal(greeting["type"], "session.created", "the first message")
        equal(greeting["limits"], service.limits, "limits")
        equal(greeting["credits"], service.limits["stream_credits"], "credits")
        equal(len(set(greeting["labels"])), len(greeting["labels"]), "the number of labels")
        assert {"name", "version", "sha256"} <= set(greeting["model"]), "the model is not named"
        equal(set(greeting["configuration"]), OPTIONS, "the configuration's members")
        assert greeting["session_id"] != other.greeting["session_id"], "two sessions have one id"


@rule("session.update changes what it names, and is answered with the whole configuration in force")
def _(service: Service) -> None:
    with service.session() as session:
        expected = session.greeting["configuration"]
        for name, value in (
            ("explain", "gradcam"),
            ("explain_every", 3),
            ("max_faces", 1),
            ("min_face_px", 20),
            ("smoothing", 0.5),
            ("max_age_ms", 60_000.0),
        ):
            expected = {**expected, name: value}
            updated = session.answer("session.update", **{name: value})
            equal(updated, {"type": "session.updated", "configuration": expected}, "the answer")
        goes_on(session)


@rule("a wrong option is an error (422 invalid_option, no frame_id) and changes nothing")
def _(service: Service) -> None:
    with service.session() as session:
        before = session.greeting["configuration"]
        for wrong in (
            {"explain": "lime"},
            {"explain_every": 0},
            {"max_faces": service.limits["max_faces"] + 1},
            {"min_face_px": "20"},
            {"smoothing": 1.5},
            {"smoothing": math.nan},
            {"max_age_ms": 0},
            {"unheard_of": 1},
        ):
            answer = session.answer("session.update", **wrong)
            told = [answer.get(name) for name in ("type", "code", "status", "frame_id")]
            equal(told, ["error", "invalid_option", 422, None], f"the answer to {wrong}")
        equal(session.answer("session.update")["configuration"], before, "the configuration")


# --- frames ------------------------------------------------------------------------------------


@rule("a frame is answered by a result: numbered, aged, boxes inside the image, shares that sum to 1")
def _(service: Service) -> None:
    with service.session() as session:
        for number in (1, 2):
            answer = session.look(PHOTO)
            equal((answer["type"], answer["frame_id"]), ("result", number), "type and number")
            assert 0 < answer["age_ms"] < 60_000, f"age_ms is {answer['age_ms']}"
            assert answer["request_id"], "request_id is empty"
            assert {"queue", "decode", "detect", "infer", "total"} <= set(answer["timing_ms"]), (
                "timing_ms lacks a stage"
            )
            equal(answer["image"], {"width": 512, "height": 512}, "the image's size")
            (face,) = answer["faces"]
            _check_face(face, session.greeting["labels"])


def _check_face(face: Message, labels: list[str]) -> None:
    box = face["box"]
    assert min(box["x"], box["y"]) >= 0, "the box begins outside the image"
    assert max(box["x"] + box["width"], box["y"] + box["height"]) <= 512, "the box ends outside the image"
    equal(list(face["emotions"]), labels, "the labels")
    assert math.isclose(sum(face["emotions"].values()), 1, abs_tol=1e-6), "the shares do not sum to 1"
    equal(face["confidence"], max(face["emotions"].values()), "confidence")
    equal(face["emotions"][face["emotion"]], face["confidence"], "the emotion's share")
    equal(face["prediction_set"][0], face["emotion"], "the first label of the prediction set")
    equal(face["uncertain"], len(face["prediction_set"]) > 1, "uncertain")


@rule("a header's frame id comes back, whatever its time says")
def _(service: Service) -> None:
    with service.session() as session:
        for frame_id, captured_ms in ((0, 0.0), (77, math.nan), (2**32 - 1, -math.inf)):
            session.show(PHOTO, frame_id, captured_ms)
            answer = session.hear()
            equal((answer["type"], answer["frame_id"]), ("result", frame_id), "type and frame_id")


@rule("frames and session.update may be sent before the answers to those before")
def _(service: Service) -> None:
    with service.session() as session:
        session.show(PHOTO, 5)
        session.say("session.update", max_faces=1)
        heard = sorted(session.hear()["type"] for _ in range(2))
        equal(heard, ["result", "session.updated"], "what is said")
        goes_on(session)


@rule("a ping is answered while a frame is under way")
def _(service: Service) -> None:
    with service.session() as session:
        session.show(PHOTO, 5)
        assert session.socket.ping().wait(PATIENCE_S), "no pong has come"
        equal(session.hear()["frame_id"], 5, "frame_id")


@rule("a frame in many fragments is one frame")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.send([PHOTO[start : start + 1000] for start in range(0, len(PHOTO), 1000)])
        equal(session.hear()["type"], "result", "the answer")


@rule("explain adds heatmaps, explain_every only to each n-th frame")
def _(service: Service) -> None:
    with service.session() as session:
        session.answer("session.update", explain="gradcam", explain_every=2)
        faces = [session.look(PHOTO)["faces"][0] for _ in range(4)]
        equal([len(face["explanations"]) for face in faces], [1, 0, 1, 0], "the number of heatmaps, frame by frame,")
        (heatmap,) = faces[0]["explanations"]
        told = [heatmap[name] for name in ("method", "target", "media_type")]
        equal(told, ["gradcam", faces[0]["emotion"], "image/png"], "the heatmap's description")
        assert base64.b64decode(heatmap["data"]).startswith(b"\x89PNG"), "the heatmap is no PNG"


@rule("min_face_px leaves out smaller faces; no face is a result")
def _(service: Service) -> None:
    with service.session() as session:
        session.answer("session.update", min_face_px=400)
        answer = session.look(PHOTO)
        equal((answer["type"], answer["faces"]), ("result", []), "type and faces")


@rule("track_id is the same from frame to frame, and counts from 1 in every session")
def _(service: Service) -> None:
    for _ in range(2):
        with service.session() as session:
            equal([session.look(PHOTO)["faces"][0]["track_id"] for _ in range(3)], [1] * 3, "track_id")


@rule("smoothing averages: of equal frames the average is the frame, with shares that sum to 1")
def _(service: Service) -> None:
    with service.session() as session:
        alone = session.look(PHOTO)["faces"][0]
        session.answer("session.update", smoothing=1)
        for _ in range(3):
            face = session.look(PHOTO)["faces"][0]
            _check_face(face, session.greeting["labels"])
            for label, share in face["emotions"].items():
                assert math.isclose(share, alone["emotions"][label], abs_tol=1e-6), f"{label} has moved"


@rule("a frame that waited longer than max_age_ms is dropped as stale")
def _(service: Service) -> None:
    with service.session() as session:
        session.answer("session.update", max_age_ms=0.0001)
        answer = session.look(PHOTO, 5)
        equal(answer, {"type": "dropped", "frame_id": 5, "reason": "stale"}, "the answer")
        session.answer("session.update", max_age_ms=None)
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
            answer = session.look(body, 9)
            told = [answer.get(name) for name in ("type", "code", "frame_id")]
            equal(told, ["error", code, 9], f"the answer to {body[:10]!r}…")
        goes_on(session)


@rule("a hundred frames at once get one answer each, and the newest is never dropped")
def _(service: Service) -> None:
    within(100, service.limits["stream_abuse"], "the number of frames")
    with service.session() as session:
        for frame_id in range(100):
            session.show(PHOTO, frame_id)
        answers = [session.hear() for _ in range(100)]
        equal(sorted(answer["frame_id"] for answer in answers), list(range(100)), "the answered frames")
        kinds = {(answer["type"], answer.get("reason")) for answer in answers}
        assert kinds <= {("result", None), ("dropped", "superseded")}, f"the answers are {kinds}"
        (last,) = (answer for answer in answers if answer["frame_id"] == 99)
        equal(last["type"], "result", "the newest frame's answer")
        goes_on(session)


# --- how sessions end --------------------------------------------------------------------------


@rule("session.close is answered when all is answered: session.closed with counts, then 1000")
def _(service: Service) -> None:
    with service.session() as session:
        session.look(b"junk")
        session.show(PHOTO)
        session.say("session.close")
        heard, code = session.end()
        equal([message["type"] for message in heard], ["result", "session.closed"], "what is said")
        equal(heard[1]["frames"], {"received": 2, "processed": 1, "dropped": 0, "errors": 1}, "frames")
        equal(code, 1000, "the close code")


def _ends(service: Service, send: Callable[[Session], object], code: int) -> None:
    """The last word is session.closed, then the close code."""
    with service.session() as session:
        send(session)
        heard, closed = session.end()
        equal(closed, code, "the close code")
        equal([message["type"] for message in heard], ["session.closed"], "what is said")


@rule("text that is not JSON, an image in base64 as well, is closed with 1007")
def _(service: Service) -> None:
    for text in ("/9j/4AAQSkZJRg==", "{", "", '{"type": "session.update", "\\ud800": 1}', "[" * 4000):
        _ends(service, lambda session, text=text: session.socket.send(text), 1007)  # type: ignore[misc]


@rule("text that is not UTF-8 is closed with 1007, what is no WebSocket frame with 1002")
def _(service: Service) -> None:
    for wrong, code in (
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.BINARY, PHOTO).serialize(mask=False), 1002),
        (b"\x83\x80" + bytes(4), 1002),
    ):
        with service.session() as session:
            session.socket.socket.sendall(wrong)
            equal(session.end(), ([], code), f"what is said to {wrong[:2]!r}, and the close code,")


@rule("a client that closes by WebSocket's own means is answered in kind")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.close(1000)
        assert session.socket.close_code == 1000, f"the close code is {session.socket.close_code}"


@rule("JSON that is no command is closed with 1003")
def _(service: Service) -> None:
    for text in ("[]", "1", "null", "{}", '{"type": "hello"}', '{"type": null}', '{"type": ["session.close"]}'):
        _ends(service, lambda session, text=text: session.socket.send(text), 1003)  # type: ignore[misc]


@rule("text longer than max_text_chars is closed with 1009")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.send('{"type": "session.update"}'.ljust(service.limits["max_text_chars"]))
        equal(session.hear()["type"], "session.updated", "the answer to text of max_text_chars")
    _ends(service, lambda session: session.socket.send(" " * (service.limits["max_text_chars"] + 1)), 1009)


@rule("a frame over max_frame_bytes is closed with 1009")
def _(service: Service) -> None:
    size = service.limits["max_frame_bytes"] + 1
    within(size, MOST_BYTES, "max_frame_bytes")
    _ends(service, lambda session: session.socket.send(bytes(size)), 1009)


@rule("a frame three times as large is closed with 1009 or cut off")
def _(service: Service) -> None:
    size = service.limits["max_frame_bytes"] * 3
    within(size, MOST_BYTES, "max_frame_bytes")
    with service.session() as session:
        with suppress(ConnectionClosed):
            session.socket.send(bytes(size))
        _, code = session.end()
        assert code in (1009, None), f"the close code is {code}"


@rule("a session without a message is closed with 4408, one with half a message as well")
def _(service: Service) -> None:
    within(service.limits["stream_idle_s"], LONGEST_S, "stream_idle_s")
    _ends(service, lambda session: None, 4408)
    half = Frame(Opcode.BINARY, PHOTO[:1000], fin=False).serialize(mask=True)
    _ends(service, lambda session: session.socket.socket.sendall(half), 4408)


@rule("a session is closed with 4409 after stream_session_s")
def _(service: Service) -> None:
    session_s, idle_s = service.limits["stream_session_s"], service.limits["stream_idle_s"]
    within(session_s, LONGEST_S, "stream_session_s")
    with service.session() as session:
        until = time.monotonic() + session_s + PATIENCE_S
        with suppress(ConnectionClosed):
            while time.monotonic() < until:
                session.look(PHOTO)
                time.sleep(min(1.0, idle_s / 4))
        equal(session.end()[1], 4409, "the close code")


# --- clients that misbehave; after each the runner asks with a good one --------------------------


@rule("a connection dropped in the middle of a frame, or of a fragmented message, harms nobody")
def _(service: Service) -> None:
    whole = Frame(Opcode.BINARY, PHOTO).serialize(mask=True)
    fragment = Frame(Opcode.BINARY, PHOTO[:1000], fin=False).serialize(mask=True)
    for part in (whole[: len(whole) // 2], whole[:3], fragment):
        session = service.session()
        session.socket.socket.sendall(part)
        session.socket.socket.close()


@rule("a client that goes on ignoring credits is closed with 4429")
def _(service: Service) -> None:
    _closes_in_the_end(service, lambda session: session.show(b"junk", 1))


@rule("a client that goes on with messages in error is closed with 4429")
def _(service: Service) -> None:
    _closes_in_the_end(service, lambda session: session.say("session.update", explain="lime"))


def _closes_in_the_end(service: Service, misbehave: Callable[[Session], None]) -> None:
    most = service.limits["stream_abuse"]
    within(most, MOST_MESSAGES, "stream_abuse")
    with service.session() as session:
        with suppress(ConnectionClosed):
            # Twice as many: the count may begin anew on the way.
            for _ in range(2 * (most + session.greeting["credits"]) + 1):
                misbehave(session)
        heard, code = session.end()
        equal(code, 4429, "the close code")
        equal(heard[-1]["type"], "session.closed", "the last word")


@rule("a client that never reads is let go")
def _(service: Service) -> None:
    within(service.limits["stream_send_s"], LONGEST_S, "stream_send_s")
    # Wrong in many ways, so that the answers are long.
    wrong = json.dumps({"type": "session.update", **{f"x{number}": 1 for number in range(300)}})
    message = Frame(Opcode.TEXT, wrong.encode()).serialize(mask=True)
    until = time.monotonic() + service.limits["stream_send_s"] + 2 * PATIENCE_S
    taken = 0
    with service.deaf() as deaf:
        deaf.settimeout(1.0)
        while time.monotonic() < until:
            try:
                taken += deaf.send(message[taken % len(message) :])
            except TimeoutError:
                continue
            except OSError:
                return
    raise AssertionError("it still has its connection")


@rule("a client that sends pings and never reads is not taken from without end")
def _(service: Service) -> None:
    pings = Frame(Opcode.PING, bytes(125)).serialize(mask=True) * 100
    taken = 0
    with service.deaf() as deaf:
        deaf.settimeout(HELD_UP_S)
        # Held up, or let go.
        with suppress(OSError):
            while taken < MOST_UNREAD:
                taken += deaf.send(pings[taken % len(pings) :])
    assert taken < MOST_UNREAD, f"{taken} bytes were taken, and their pongs are kept"


# --- at last, for what has gone before may have cost a place --------------------------------------


@rule("max_streams sessions find a place, one more is closed with 1013, and there is room when one has left")
def _(service: Service) -> None:
    most = service.limits["max_streams"]
    within(most, MOST_SESSIONS, "max_streams")
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        sessions: list[Session] = []
        while len(sessions) < most:
            try:
                sessions.append(stack.enter_context(service.session()))
            except ConnectionClosed:
                # Those before may only just be ending.
                assert time.monotonic() < until, f"only {len(sessions)} sessions find a place"
                time.sleep(0.2)
        with service.connect() as socket:
            equal(end(socket), ([], 1013), "what is said to one more, and the close code,")
        sessions[0].say("session.close")
        sessions[0].end()
        answers_a_good_client(service)

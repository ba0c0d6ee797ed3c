"""The attacks, each a function of an Attacker."""

import itertools
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.siege import hostile
from benchmarks.siege.attacker import Attacker

_SHARED = Path(__file__).parents[3] / "shared" / "media" / "hostile"
_MB = 10**6
_PREDICT, _VIDEO = "/v1/predict", "/v1/predict/video"
_FIN, _CONTINUED, _TEXT, _BINARY, _PING = 0x80, 0, 1, 2, 9


@dataclass(frozen=True)
class Attack:
    """`refused` is the only status that the attack may be answered with, `open_files` the service's limit."""

    name: str
    run: Callable[[Attacker], None]
    refused: int | None = None
    open_files: int | None = None


def _send_files(attacker: Attacker, files: Iterable[bytes], path: str = _PREDICT, callers: int = 16) -> None:
    turns = itertools.cycle([attacker.post(path, body) for body in files])
    attacker.repeat(lambda: attacker.ask(next(turns)), callers)


def claims(attacker: Attacker) -> None:
    shared = [path.read_bytes() for path in sorted(_SHARED.glob("*"))] if _SHARED.is_dir() else []
    _send_files(attacker, hostile.claims() + shared)


def scans(attacker: Attacker) -> None:
    found = _SHARED / "jpeg_scans_1000.jpg"
    _send_files(attacker, [hostile.many_scans(), *([found.read_bytes()] if found.is_file() else [])])


def _endless(attacker: Attacker, begin: bytes, more: bytes) -> None:
    def act() -> None:
        with attacker.connect() as connection:
            until = time.monotonic() + attacker.seconds
            attacker.send(connection, begin)
            while time.monotonic() < until and attacker.send(connection, more):
                pass
            attacker.read_status(connection)

    attacker.repeat(act, 16)


def endless_headers(attacker: Attacker) -> None:
    _endless(attacker, attacker.head("GET /livez")[:-2], b"X-Header: value\r\n" * 1000)


def endless_request_line(attacker: Attacker) -> None:
    _endless(attacker, b"GET /", b"a" * 2**16)


def endless_trailers(attacker: Attacker) -> None:
    begin = attacker.head(f"POST {_PREDICT}", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n"
    _endless(attacker, begin, b"X-Trailer: value\r\n" * 1000)


def silent_sockets(attacker: Attacker, count: int) -> None:
    """Half of them say nothing, half begin a request."""
    for number in range(count):
        connection = attacker.connect()
        attacker.silent.append(connection)
        if number % 2:
            attacker.send(connection, b"GET / HTTP/1.1\r\nHost: loc")


def slow_headers(attacker: Attacker) -> None:
    """A byte a second each, so that none of them is ever silent."""
    silent_sockets(attacker, 200)
    until = time.monotonic() + 12
    while time.monotonic() < until:
        for connection in attacker.silent:
            attacker.send(connection, b"a")
        time.sleep(1)


def _hold(attacker: Attacker, path: str, size: int, sent: int, *headers: str) -> None:
    """Announce a body of `size` bytes and send so many of it."""
    connection = attacker.connect()
    attacker.silent.append(connection)
    request = attacker.head(f"POST {path}", f"Content-Length: {size}", *headers)
    attacker.send(connection, request + bytes(sent))


def held_uploads(attacker: Attacker) -> None:
    attacker.at_once([partial(_hold, attacker, _PREDICT, 10 * _MB, 10 * _MB - 1)] * 100)


def held_videos_and_images(attacker: Attacker) -> None:
    videos = [partial(_hold, attacker, _VIDEO, 200 * _MB, 200 * _MB - 1)] * 2
    attacker.at_once([*videos, *[partial(_hold, attacker, _PREDICT, 10 * _MB, 10 * _MB - 1)] * 34])


def uploads_without_a_body(attacker: Attacker) -> None:
    form = "Content-Type: multipart/form-data; boundary=form"
    for path, count, *headers in ((_VIDEO, 20), (_PREDICT, 40), ("/v1/predict/batch", 20, form)):
        for _ in range(count):
            _hold(attacker, path, 10 * _MB, 0, *headers)


def slow_requests(attacker: Attacker) -> None:
    _send_files(attacker, [hostile.white(6000, 4000)], callers=34)


def small_faces(attacker: Attacker) -> None:
    _send_files(attacker, [hostile.white(5000, 5000)], f"{_PREDICT}?min_face_px=1", callers=34)


def small_faces_of_a_network(attacker: Attacker) -> None:
    _send_files(attacker, [hostile.white(5000, 5000)], f"{_PREDICT}?min_face_px=1&detector=centerface", callers=34)


def small_videos(attacker: Attacker) -> None:
    _send_files(attacker, [hostile.small_video()], _VIDEO, callers=20)


def silent_streams(attacker: Attacker) -> None:
    attacker.sessions += [attacker.open_stream() for _ in range(64)]
    time.sleep(attacker.seconds)


def _frame(opcode: int, content: bytes = b"", fin: int = _FIN) -> bytes:
    """A client's frame, masked with zeros."""
    size = bytes([0x80 | len(content)]) if len(content) < 126 else b"\xff" + struct.pack(">Q", len(content))
    return bytes([fin | opcode]) + size + bytes(4) + content


def _stream(attacker: Attacker, messages: bytes) -> None:
    with attacker.open_stream() as connection:
        attacker.read_status(connection)
        connection.settimeout(5)
        attacker.send(connection, messages)


def large_frames(attacker: Attacker) -> None:
    """The largest frame, whole and all but its end, on four times as many streams as there are."""
    frame = _frame(_BINARY, bytes(2**21))
    attacker.sessions += [attacker.open_stream() for _ in range(64)]

    def send(number: int) -> None:
        attacker.sessions[number].settimeout(attacker.seconds)
        attacker.send(attacker.sessions[number], frame * 4 + frame[:-1])

    attacker.at_once([partial(send, number) for number in range(64)])


def pings(attacker: Attacker) -> None:
    attacker.repeat(partial(_stream, attacker, _frame(_PING) * 10**6), 4)


def empty_fragments(attacker: Attacker) -> None:
    begin = _frame(_BINARY, fin=0)
    attacker.repeat(partial(_stream, attacker, begin + _frame(_CONTINUED, fin=0) * 10**6), 4)


def bad_utf8(attacker: Attacker) -> None:
    attacker.repeat(partial(_stream, attacker, _frame(_TEXT, b"\xff\xfe")), 16)


def foreign_origin(attacker: Attacker) -> None:
    photo = hostile.white(64, 64)
    request = attacker.post(_PREDICT, photo, "Content-Type: text/plain", "Origin: https://evil.example")
    attacker.repeat(lambda: attacker.ask(request), 16)


def rebound_host(attacker: Attacker) -> None:
    request = attacker.head("GET /v1/limits", f"Host: evil.example:{attacker.port}")
    attacker.repeat(lambda: attacker.ask(request), 16)


ATTACKS = [
    Attack("no attack", lambda attacker: time.sleep(attacker.seconds)),
    Attack("files that claim more than they have", claims),
    Attack("JPEG of 1,000 scans", scans),
    Attack("endless headers", endless_headers),
    Attack("an endless request line", endless_request_line),
    Attack("endless trailers", endless_trailers),
    Attack("200 silent sockets", partial(silent_sockets, count=200)),
    Attack("200 sockets, a byte a second", slow_headers),
    Attack("100 held uploads of 10 MB", held_uploads),
    Attack("2 held videos of 200 MB, 34 images", held_videos_and_images),
    Attack("80 uploads without a body", uploads_without_a_body),
    Attack("34 callers of slow requests", slow_requests),
    Attack("`min_face_px=1`, 25 megapixels, Haar", small_faces),
    Attack("`min_face_px=1`, 25 megapixels, CenterFace", small_faces_of_a_network),
    Attack("many small videos", small_videos),
    Attack("64 silent streams", silent_streams),
    Attack("64 streams of the largest frames", large_frames),
    Attack("a million pings", pings),
    Attack("a million empty fragments", empty_fragments),
    Attack("text that is not UTF-8", bad_utf8),
    Attack("POST from a foreign origin", foreign_origin, refused=403),
    Attack("a rebound host name", rebound_host, refused=403),
    Attack("1,100 silent sockets, 1,024 open files", partial(silent_sockets, count=1100), open_files=1024),
]

"""What the tests let workers do."""

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from service.problems import InvalidOption
from service.workers.channel import Body, Header
from service.workers.process import Handler

# Each of these needs a file descriptor that the kernel has to refuse.
FORBIDDEN: dict[str, Callable[[], object]] = {
    "read a file": lambda: Path("/etc/passwd").read_bytes(),
    "make a file": lambda: Path("/tmp/made-by-a-worker").write_bytes(b"x"),  # noqa: S108 - it must not come to be
    "open a socket": lambda: socket.create_connection(("127.0.0.1", 9)),
    "start a program": lambda: subprocess.run(["/bin/true"], check=True),
    "make a pipe": os.pipe,
}
# Each of these needs no descriptor, but a right to a path, or over another process. The first to come to be would be
# seen in the folder; the last comes last, as it would end the worker.
UNRIGHTFUL: dict[str, Callable[[Path], object]] = {
    "make a folder": lambda folder: (folder / "made").mkdir(),
    "make a file without opening it": lambda folder: os.mknod(folder / "made"),
    "make a link": lambda folder: (folder / "made").symlink_to("victim"),
    "rename a file": lambda folder: (folder / "victim").rename(folder / "made"),
    "remove a file": lambda folder: (folder / "victim").unlink(),
    "empty a file": lambda folder: os.truncate(folder / "victim", 0),
    "signal its parent": lambda _: os.kill(os.getppid(), 0),
    "become a program": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606
}


def obedient() -> tuple[Handler, Header]:
    """A handler that does what its task says, nothing loaded."""

    def handle(task: Header, body: Body) -> Iterator[tuple[Header, bytes]]:
        for number in range(task.get("times", 0)):
            yield {"number": number, "at_s": time.monotonic()}, bytes(task.get("size", 0))
        content = body.file().read() if task.get("as_file") else body.content()
        header, payload = _DOES[task["do"]](task, content)
        yield header | {"last": True}, payload

    return handle, {"obeys": sorted(_DOES)}


def obedient_for(seconds: float) -> tuple[Handler, Header]:
    """As `obedient`, but the process dies so long after it has loaded, whatever it does."""
    threading.Timer(seconds, os.abort).start()
    return obedient()


def without_model() -> tuple[Handler, Header]:
    raise FileNotFoundError("there is no model")


def dead_at_start() -> tuple[Handler, Header]:
    os.abort()


def _echo(task: Header, body: bytes) -> tuple[Header, bytes]:
    return {"pid": os.getpid(), "threads": task.get("threads"), "said": task.get("say")}, body


def _sleep(task: Header, body: bytes) -> tuple[Header, bytes]:
    time.sleep(task["seconds"])
    return _echo(task, body)


def _spin(task: Header, body: bytes) -> tuple[Header, bytes]:
    while True:
        pass


def _segfault(task: Header, body: bytes) -> tuple[Header, bytes]:
    ctypes.string_at(0)
    return {}, b""


def _allocate(task: Header, body: bytes) -> tuple[Header, bytes]:
    return {"allocated": len(bytearray(task["bytes"]))}, b""


def _refuse(task: Header, body: bytes) -> tuple[Header, bytes]:
    raise InvalidOption("It is too odd.", limit=3)


def _fail(task: Header, body: bytes) -> tuple[Header, bytes]:
    raise ZeroDivisionError("a fault of ours")


def _run_out(task: Header, body: bytes) -> tuple[Header, bytes]:
    raise MemoryError


def _answer_long(task: Header, body: bytes) -> tuple[Header, bytes]:
    return {}, bytes(task["bytes"])


def _say_long(task: Header, body: bytes) -> tuple[Header, bytes]:
    return {"said": "x" * task["bytes"]}, b""


def _try_forbidden(task: Header, body: bytes) -> tuple[Header, bytes]:
    return {"outcomes": {name: _outcome(act) for name, act in FORBIDDEN.items()}}, b""


def _try_unrightful(task: Header, body: bytes) -> tuple[Header, bytes]:
    folder = Path(task["folder"])
    return {"outcomes": {name: _outcome(partial(act, folder)) for name, act in UNRIGHTFUL.items()}}, b""


def _empty_all_it_holds(task: Header, body: bytes) -> tuple[Header, bytes]:
    """What it could do to the file of its body without opening it."""
    for fd in range(3, 1000):
        with suppress(OSError):
            os.pwrite(fd, b"overwritten", 0)
        with suppress(OSError):
            os.ftruncate(fd, 0)
    return {}, b""


def _outcome(act: Callable[[], object]) -> str | None:
    try:
        act()
    except OSError as error:
        return error.strerror
    return "it could"


_DOES: dict[str, Callable[[Header, bytes], tuple[Header, bytes]]] = {
    "echo": _echo,
    "sleep": _sleep,
    "spin": _spin,
    "segfault": _segfault,
    "allocate": _allocate,
    "refuse": _refuse,
    "fail": _fail,
    "run out": _run_out,
    "answer long": _answer_long,
    "say long": _say_long,
    "try forbidden": _try_forbidden,
    "try unrightful": _try_unrightful,
    "empty all it holds": _empty_all_it_holds,
}

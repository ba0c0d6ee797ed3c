"""What runs in a worker process: give up rights, load, give up more, then answer one task after the other."""

import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..problems import InvalidOption, OutOfMemory, Problem
from . import sandbox
from .channel import Body, Header, Inbox, pack, receive_blocking
from .heap import bound_heap

# Seconds that the service's own deadline is earlier than the kernel's, which holds where the service is gone.
_LATER_S = 2.0
# Of a traceback, whose message can be as long as a file.
_MOST_TRACE_CHARS = 20_000

Handler = Callable[[Header, Body], Iterator[tuple[Header, bytes]]]
"""A task's header and body to its answers, each a header and a payload; the last one's header says `"last": True`.

Raises Problem for what the client did wrong.
"""


@dataclass(frozen=True)
class Plan:
    """What a worker is made of: `make(*arguments)` loads its models and returns its handler and what to say of them."""

    make: Callable[..., tuple[Handler, Header]]
    arguments: tuple[Any, ...]
    headroom_bytes: int
    deadline_s: float
    niceness: int = 0
    most_answer_bytes: int = 2**26
    """The service reads no longer payload."""


def main(connection: socket.socket, inbox: Inbox, plan: Plan) -> None:
    """Answer until the service closes the connection."""
    # Ctrl-C reaches every process of a terminal, and systemd's stop every process of a unit. The service ends its
    # workers itself, once they have done what was accepted.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.nice(plan.niceness)
    sandbox.give_up_rights()
    bound_heap()
    try:
        handler, about = plan.make(*plan.arguments)
    except Exception as error:
        connection.sendall(pack({"refused": str(error), "trace": traceback.format_exc()}))
        return
    sandbox.lock_down(plan.headroom_bytes)
    connection.sendall(pack({"about": about}))
    while True:
        try:
            task, inline = receive_blocking(connection)
        except (EOFError, OSError):
            return
        body = Body(inline, inbox, task["inbox_bytes"]) if "inbox_bytes" in task else Body(inline)
        sandbox.end_after(plan.deadline_s + _LATER_S)
        for answer in _answers(plan, handler, task, body):
            connection.sendall(answer)
        sandbox.end_after(0)


def _answers(plan: Plan, handler: Handler, task: Header, body: Body) -> Iterator[bytes]:
    """Each answer as soon as it is there; one that ends the task says `last` in its header."""
    try:
        for header, payload in handler(task, body):
            if len(payload) > (most := plan.most_answer_bytes):
                raise InvalidOption(
                    f"The answer is larger than {most:,} bytes; ask for fewer faces or heatmaps.", limit=most
                )
            yield pack(header, payload)
    except Problem as problem:
        yield pack({"last": True, "problem": problem.to_wire()})
    except MemoryError:
        yield pack({"last": True, "problem": OutOfMemory("This needs more memory than a worker has.").to_wire()})
    except Exception:
        yield pack({"last": True, "trace": traceback.format_exc()[-_MOST_TRACE_CHARS:]})

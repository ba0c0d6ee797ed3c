"""Ports for services that tests and measurements start."""

import random
import socket
from contextlib import suppress

# Below those that systems give to connections (Linux from 32,768, others from 49,152 on): between its choice and the
# start of the service, one of them may be taken by a connection of another test.
_PORTS = range(10_000, 32_000)
# Not the common generator, which Hypothesis seeds alike in all processes.
_random = random.SystemRandom()


def free_port() -> int:
    """One that nobody listens on."""
    while True:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port := _random.choice(_PORTS)))
            return port


def free_ports(count: int) -> list[int]:
    """Different ones."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)

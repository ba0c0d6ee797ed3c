"""How many connections may be open, and which one is closed for another."""

import asyncio
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from service.connections.registry import Connections, connections_below_file_limit
from tests.service.processes import serving
from tests.service.sockets import connect, exchange, head


class Transport:
    """What the register needs of one."""

    def __init__(self, register: Connections, address: str = "a") -> None:
        self.register, self.aborted = register, False
        self.taken = register.add(cast(Any, self), address)

    def abort(self) -> None:
        self.aborted = True

    def works(self) -> None:
        self.register.works(cast(asyncio.Transport, self))

    def ends(self) -> None:
        self.register.remove(cast(asyncio.Transport, self))


def test_the_one_that_has_waited_longest_is_closed_for_another() -> None:
    register = Connections(4)
    first, second, third = (Transport(register) for _ in range(3))
    first.works()
    fourth = Transport(register)
    assert [each.aborted for each in (first, second, third, fourth)] == [False, True, False, False]
    assert len(register) == 3


def test_where_all_work_another_is_refused_and_other_addresses_have_room() -> None:
    register = Connections(4)
    for _ in range(3):
        Transport(register).works()
    assert not Transport(register).taken
    other = Transport(register, "b")
    other.works()
    assert other.taken
    assert not Transport(register, "c").taken
    other.ends()
    assert Transport(register, "c").taken


def test_where_all_are_taken_the_address_that_waits_most_loses_one() -> None:
    register = Connections(4)
    crowd = [Transport(register) for _ in range(3)]
    quiet = Transport(register, "b")
    assert Transport(register, "c").taken
    assert ([each.aborted for each in crowd], quiet.aborted) == ([True, False, False], False)


def test_there_are_fewer_than_files_that_may_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert connections_below_file_limit(5000, workers=4) == 1024 - 64 - 16
    assert connections_below_file_limit(500, workers=4) == 500
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert connections_below_file_limit(5000, workers=4) == 5000


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_silent_sockets_beyond_the_file_limit_keep_no_one_out(model_path: Path) -> None:
    """400 of them where a process may open 256 files, all from the bystander's own address."""
    program = ("-c", "import resource as r, sys; r.setrlimit(r.RLIMIT_NOFILE, (256, 256)); "
               "sys.argv = ['service']; import runpy; runpy.run_module('service', run_name='__main__')")  # fmt: skip
    with serving(model_path, (), program, FER_WORKERS="1", FER_SILENCE_S="2") as (process, address):
        silent = []
        for _ in range(400):
            silent.append(connect(address))
        for path in ("/livez", "/v1/model"):
            begun = time.monotonic()
            assert exchange(address, head(f"GET {path} HTTP/1.1"))[0] == 200
            assert time.monotonic() - begun < 3
        open_files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        assert open_files < 256
        time.sleep(4)
        assert all(_is_closed(each) for each in silent)
        for each in silent:
            each.close()


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except BlockingIOError:
        return False

"""A service that a benchmark has started: when it is ready, and what all its processes take (Linux)."""

import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
START_S = 120.0
CONTAINER_BYTES = 2**30


def is_ready(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + START_S
    while not is_ready(port):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit("the service did not start")
        time.sleep(0.1)


@contextmanager
def service(module: str = "service", /, **settings: str) -> Iterator[tuple[int, int]]:
    """A service that is ready, with these environment variables: its port and its process. Nobody reads its log."""
    port = free_port()
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), **settings}
    process = subprocess.Popen([sys.executable, "-m", module], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(process, port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


class Tree:
    """A process and all that it has started, directly or not."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def pids(self) -> list[int]:
        """The process itself first."""
        parents = {}
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                with suppress(OSError):
                    parents[int(path.name)] = int(_stat(int(path.name))[1])
        found = [self._pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_s(self) -> tuple[float, float]:
        """Processor seconds so far: of the process itself, and of all others together."""
        own, *others = (_cpu_s(pid) for pid in self.pids())
        return own, sum(others)

    def pss_mb(self) -> dict[int, float]:
        """The proportional set size of each process, megabytes: memory that n processes share counts 1/n in each."""
        sizes = {}
        for pid in self.pids():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                sizes[pid] = kilobytes / 1024
        return sizes

    def memory_mb(self) -> float:
        """What all processes have in memory, megabytes: their own, their share of files, and each memory file once.

        A memory file (memfd) takes memory also where no process has it mapped.
        """
        kilobytes = 0
        files: dict[int, int] = {}
        for pid in self.pids():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_File:")))
                files |= _memory_files(pid)
        return kilobytes / 1024 + sum(files.values()) / 2**20


def _memory_files(pid: int) -> dict[int, int]:
    """Bytes in memory of the memory files that a process has open, by their inodes."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if str(path.readlink()).startswith("/memfd:"):
                file = path.stat()
                found[file.st_ino] = 512 * file.st_blocks
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextmanager
def serving(open_files: int | None = None) -> Iterator[tuple[str, int, Tree]]:
    """The service as its container would limit it: host, port, processes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))

    port = free_port()
    settings = {"FER_HOST": "127.0.0.1", "FER_PORT": str(port), "FER_MAX_HELD_BYTES": str(CONTAINER_BYTES // 4)}
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stderr=subprocess.DEVNULL,
        preexec_fn=limit,
    )
    try:
        wait_until_ready(process, port)
        yield "127.0.0.1", port, Tree(process.pid)
    finally:
        process.terminate()
        process.wait()

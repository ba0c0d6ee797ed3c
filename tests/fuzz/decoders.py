"""python -m tests.fuzz.decoders TARGET --seconds S: damaged files without end, in a process that may die of them.

With Atheris, which prefers files that make the code go new ways; without it, or with --at-random, damaged at random,
which is faster. A file that breaks a promise, or at which a decoder crashes, is kept in .cache/fuzz: name it for what
it shows and move it to tests/fuzz/found.
"""

import argparse
import hashlib
import importlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from tests.fuzz.damage import damaged

KEPT = Path(".cache") / "fuzz"
# A file at which a decoder takes longer is one of its own.
_SLOW_S = 10
_MOST_MB = 1000
_MOST_BYTES = 2**16
# What Atheris looks into. Native code it sees only from outside.
_INSTRUMENTED = {
    "images": ["imagesize", "service.files", "service.images"],
    "videos": ["service.files", "service.video.container", "service.video.frames", "service.video.reader"],
    "messages": ["service.stream.protocol"],
}

Check = Callable[[bytes], None]
"""Raises AssertionError where a promise is broken."""


def with_atheris(target: str, seconds: int) -> int:
    """Does not return: libFuzzer ends the process, with the file at which it ended kept."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED[target]):
        for name in _INSTRUMENTED[target]:
            importlib.import_module(name)
    from tests.fuzz.targets import TARGETS

    check, files = TARGETS[target]
    with tempfile.TemporaryDirectory() as corpus:
        for number, body in enumerate(files()):
            Path(corpus, str(number)).write_bytes(body)
        limits = [f"-max_total_time={seconds}", f"-timeout={_SLOW_S}", f"-rss_limit_mb={_MOST_MB}"]
        # The decoders' own complaints are left out.
        kept = [f"-artifact_prefix={KEPT}/{target}-", f"-max_len={_MOST_BYTES}", "-close_fd_mask=2"]
        atheris.Setup([sys.argv[0], *limits, *kept, "-print_final_stats=1", corpus], check)
        atheris.Fuzz()
    return 0


def at_random(name: str, check: Check, files: tuple[bytes, ...], seconds: float, kept: Path = KEPT) -> int:
    """Damages `files` in a child process until the time is over: 1 where one was kept, in `kept`."""
    until, seed = time.monotonic() + seconds, random.SystemRandom().randrange(2**32)
    context = multiprocessing.get_context("fork")
    # What is tried stands in memory that outlives the child.
    file, length = context.Array("c", _MOST_BYTES, lock=False), context.Value("q", 0)
    tried, found = context.Value("q", 0), 0
    while time.monotonic() < until:
        child = context.Process(target=_child, args=(check, files, seed, until, file, length, tried))
        child.start()
        child.join(until + _SLOW_S - time.monotonic())
        if child.exitcode != 0:
            child.kill()
            body = bytes(file[: length.value])
            path = kept / f"{name}-{hashlib.sha256(body).hexdigest()[:12]}"
            path.write_bytes(body)
            print(f"{name}: kept {path}; the process ended with {child.exitcode}", flush=True)
            found += 1
        seed += 1
    print(f"{name}: {tried.value:,} files at random, {found} kept", flush=True)
    return 1 if found else 0


def _child(
    check: Check,
    files: tuple[bytes, ...],
    seed: int,
    until: float,
    file: Any,
    length: "Synchronized[int]",
    tried: "Synchronized[int]",
) -> None:
    # The decoders' own complaints.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    dice = random.Random(seed)
    while time.monotonic() < until:
        body = damaged(dice.choice(files), dice)[:_MOST_BYTES]
        file[: len(body)], length.value = body, len(body)
        started = time.monotonic()
        try:
            check(body)
            assert time.monotonic() - started < _SLOW_S, "slow"
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(1)
        tried.value += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=_INSTRUMENTED)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--at-random", action="store_true", help="without Atheris")
    given = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    if not given.at_random:
        try:
            return with_atheris(given.target, given.seconds)
        except ImportError:
            print(f"{given.target}: at random, as Atheris is not installed (it is made for Linux on x86_64)")
    from tests.fuzz.targets import TARGETS

    check, files = TARGETS[given.target]
    return at_random(given.target, check, files(), given.seconds)


if __name__ == "__main__":
    sys.exit(main())

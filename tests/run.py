"""Runs the parts of the test suite side by side and says at the end how each one ended.

    python tests/run.py --lane 'NAME: COMMAND' ['NAME: COMMAND'…] [--lane …] [--skipped 'NAME: REASON']

The parts of a lane run one after the other, the lanes run at the same time. The first lane's output appears as it
comes, the output of the others afterwards. The exit status is 0 only if every part exited with 0; a part that a signal
ended (a crash in a native library) counts as failed.
"""

import argparse
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

LOGS = Path(".cache")


@dataclass
class Part:
    """One command, what it is called, and after `run` how it ended."""

    name: str
    command: list[str]
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    status: int | None = None
    seconds: float = 0.0

    def run(self) -> None:
        """Run the command to its end; its output goes to `log`, or straight to the terminal where there is none."""
        started = time.monotonic()
        output = self.log.open("wb") if self.log else None
        try:
            # In a process group of its own, so that Ctrl-C reaches it once, through `Suite.stop`. Not in a session of
            # its own: Linux shares the processor equally among sessions, and `nice` would mean nothing between parts.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                process_group=0,
            )
            self.status = self.process.wait()
        except OSError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            self.status = 127
        finally:
            if output:
                output.close()
            self.seconds = time.monotonic() - started

    @property
    def verdict(self) -> str:
        """passed, or FAILED with the exit status as a shell counts it and the signal's name."""
        if self.status is None:
            return "did not run"
        if self.status == 0:
            return f"passed ({self.seconds:.0f} s)"
        if self.status > 0:
            return f"FAILED (exit {self.status}, {self.seconds:.0f} s)"
        name = signal.Signals(-self.status).name
        return f"FAILED (exit {128 - self.status}: {name}, {self.seconds:.0f} s)"


class Suite:
    """All lanes, and the signal that stopped them, if one did."""

    def __init__(self, lanes: Sequence[Sequence[Part]], skipped: Sequence[str] = ()) -> None:
        self._lanes, self._skipped = lanes, skipped
        self._parts = [part for lane in lanes for part in lane]
        self._stopped_by: int | None = None

    def run(self) -> int:
        """Run all lanes, print the outputs and the summary. 0 only if every part passed."""
        threads = [threading.Thread(target=self._run_lane, args=(lane,)) for lane in self._lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._print_logs()
        self._print_summary()
        if self._stopped_by is not None:
            return 128 + self._stopped_by
        return 0 if all(part.status == 0 for part in self._parts) else 1

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Interrupt what runs: pytest ends the services of its tests on SIGINT, on SIGTERM it would leave them."""
        self._stopped_by = number
        for part in self._parts:
            if part.process is not None and part.process.poll() is None:
                part.process.send_signal(signal.SIGINT)

    def _run_lane(self, lane: Sequence[Part]) -> None:
        for part in lane:
            if self._stopped_by is None:
                part.run()

    def _print_logs(self) -> None:
        for part in self._parts:
            if part.log and part.status is not None:
                print(f"\n----- {part.name} -----", flush=True)
                sys.stdout.buffer.write(part.log.read_bytes())
                sys.stdout.flush()

    def _print_summary(self) -> None:
        print("\n----- summary -----")
        for part in self._parts:
            print(f"{part.name}: {part.verdict}")
        for line in self._skipped:
            name, _, reason = line.partition(":")
            print(f"{name}: skipped ({reason.strip()})")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lane", nargs="+", action="append", required=True, metavar="NAME: COMMAND")
    parser.add_argument("--skipped", action="append", default=[], metavar="NAME: REASON")
    given = parser.parse_args(arguments)
    LOGS.mkdir(exist_ok=True)
    suite = Suite(
        [[_part(text, shown=row == 0) for text in lane] for row, lane in enumerate(given.lane)], given.skipped
    )
    signal.signal(signal.SIGINT, suite.stop)
    signal.signal(signal.SIGTERM, suite.stop)
    return suite.run()


def _part(text: str, *, shown: bool) -> Part:
    name, _, command = text.partition(":")
    log = LOGS / f"{name.strip().replace(' ', '-')}.txt"
    return Part(name.strip(), shlex.split(command), None if shown else log)


if __name__ == "__main__":
    sys.exit(main())

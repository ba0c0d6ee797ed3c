"""The end of `make test` says how each part of the suite ended."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "run.py"
PASSES = "true"
FAILS = "sh -c 'echo one fault; exit 2'"
CRASHES = "sh -c 'echo 7 passed; kill -ABRT $$'"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, RUN, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def summary(output: str) -> list[str]:
    """The last lines, without the durations."""
    lines = output.split("----- summary -----\n")[1].splitlines()
    return [line.replace(" (0 s)", "").replace(", 0 s)", ")") for line in lines]


def test_all_parts_pass(tmp_path: Path) -> None:
    status, output = run(tmp_path, "--lane", f"service tests: {PASSES}", "--lane", f"training tests: {PASSES}")
    assert status == 0
    assert summary(output) == ["service tests: passed", "training tests: passed"]


def test_a_part_that_a_signal_ends_has_failed(tmp_path: Path) -> None:
    status, output = run(tmp_path, "--lane", f"service tests: {PASSES}", "--lane", f"training tests: {CRASHES}")
    assert status == 1
    assert summary(output) == ["service tests: passed", "training tests: FAILED (exit 134: SIGABRT)"]


def test_a_part_in_the_first_lane_fails(tmp_path: Path) -> None:
    status, output = run(tmp_path, "--lane", f"service tests: {FAILS}", "--lane", f"training tests: {PASSES}")
    assert status == 1
    assert summary(output) == ["service tests: FAILED (exit 2)", "training tests: passed"]


def test_a_lane_goes_on_after_a_part_that_failed_and_says_what_was_skipped(tmp_path: Path) -> None:
    lane = ["--lane", f"service tests: {PASSES}", "--lane", f"training tests: {CRASHES}", f"more: {FAILS}"]
    status, output = run(tmp_path, *lane, "--skipped", "service tests on Python 3.13: it is not installed")
    assert status == 1
    assert summary(output) == [
        "service tests: passed",
        "training tests: FAILED (exit 134: SIGABRT)",
        "more: FAILED (exit 2)",
        "service tests on Python 3.13: skipped (it is not installed)",
    ]


def test_a_command_that_does_not_exist_has_failed(tmp_path: Path) -> None:
    status, output = run(tmp_path, "--lane", "service tests: ./no-such-program")
    assert status == 1
    assert summary(output) == ["service tests: FAILED (exit 127)"]


def test_the_output_of_every_part_is_shown_before_the_summary(tmp_path: Path) -> None:
    _, output = run(tmp_path, "--lane", f"service tests: {FAILS}", "--lane", f"training tests: {CRASHES}")
    assert output.index("one fault") < output.index("7 passed") < output.index("summary")


def test_lanes_run_at_the_same_time(tmp_path: Path) -> None:
    # Each waits for a file that the other one makes.
    here, there = (f"sh -c 'touch {a}; until [ -e {b} ]; do sleep 0.01; done'" for a, b in (("a", "b"), ("b", "a")))
    status, _ = run(tmp_path, "--lane", f"one: {here}", "--lane", f"other: {there}")
    assert status == 0


def test_parts_share_a_session_and_no_process_group(tmp_path: Path) -> None:
    """Linux weighs `nice` within a session alone (autogroup); a terminal interrupts a process group."""
    says = "import os; print('session', os.getsid(0), 'group', os.getpgrp() == os.getpid())"
    part = f"service tests: {sys.executable} -c {shlex.quote(says)}"
    _, output = run(tmp_path, "--lane", part)
    assert f"session {os.getsid(0)} group True\n" in output


def test_a_stop_signal_interrupts_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    waits = "import time\ntry: open('ready', 'w').close(), time.sleep(60)\nexcept KeyboardInterrupt: print('teardown')"
    parts = [f"service tests: {sys.executable} -c {shlex.quote(waits)}", f"more: {PASSES}"]
    process = subprocess.Popen([sys.executable, RUN, "--lane", *parts], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not (tmp_path / "ready").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "teardown" in output
    assert summary(output)[1] == "more: did not run"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_test_takes_what_is_not_there_for_skipped(tmp_path: Path) -> None:
    """In a fresh clone what npm brings is missing, and perhaps the newest Python."""
    without = ["NPM_READY=", "NEWEST_PYTHON="]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(
        ["make", "--dry-run", "test", *without],
        cwd=RUN.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    given = shlex.split(printed[printed.index("tests/run.py") :])[1:]
    # Every part's command is replaced by one that does nothing.
    code, output = run(
        tmp_path, *(each if each.startswith("--") else each.partition(":")[0] + ": true" for each in given)
    )
    assert code == 0
    said = summary(output)
    assert "page tests: skipped (true)" in said
    assert "training tests: passed" in said

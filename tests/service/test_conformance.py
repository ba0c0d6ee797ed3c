"""The conformance program against a served process: all rules hold, and a broken one is told."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings
from tests.conformance.__main__ import RULES
from tests.service.conftest import ROOT
from tests.service.processes import listening, serving

# Wide enough for every rule but those of these limits themselves, on a slow machine as well.
WIDE = {"stream_send_s": 1.0, "stream_abuse": 1_000_000, "max_streams": 3}
TIGHT = {"FER_STREAM_IDLE_S": "4", "FER_STREAM_SESSION_S": "8", "FER_STREAM_ABUSE": "40"}
ANY_ORIGIN = (
    "import sys; from service import __main__, access;"
    "access.AccessMiddleware._check_origin = lambda *_: None; sys.exit(__main__.main())"
)


def begin(address: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.conformance", f"ws://{address}/v1/stream", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def conformance(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ended(begin(address, *arguments))


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    stdout, stderr = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def test_the_service_keeps_every_rule(model_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Three services at once, as the rules mostly wait: two with wide limits, one whose limits can be reached."""
    with (
        listening(settings.model_copy(update=WIDE)) as address,
        serving(model_path, **{f"FER_{name.upper()}": str(value) for name, value in WIDE.items()}) as (
            unread,
            unread_address,
        ),
        serving(model_path, **TIGHT) as (_, tight_address),
    ):
        begun = (
            begin(unread_address, "--only", "never reads"),
            begin(tight_address, "--only", "closed with 44"),
            begin(tight_address, "--only", "pings and never reads"),
        )
        most = conformance(address, "--without", "never reads")
        slow, tight, ended_early = map(ended, begun)
        unread.send_signal(signal.SIGTERM)
        unread_log = unread.log_at_end()
    for done in (most, slow, tight, ended_early):
        assert done.returncode == 0, done.stdout + done.stderr
    wide = (most.stdout + slow.stdout).splitlines()
    passed, skipped = (
        {line[6:].split(":")[0] for line in wide if line.startswith(verdict)} for verdict in ("pass  ", "skip  ")
    )
    assert len(wide) == len(RULES)
    assert len(passed) >= 30
    assert {f"pass  {rule}" for rule in skipped} == set(tight.stdout.splitlines())
    for log in (caplog.text, unread_log):
        assert "Exception in ASGI application" not in log
        assert " failed" not in log


def test_a_broken_rule_fails(model_path: Path) -> None:
    with serving(model_path, (), ("-c", ANY_ORIGIN)) as (_, address):
        done = conformance(address, "--only", "origin")
    assert [verdict[:4] for verdict in done.stdout.splitlines()] == ["pass", "FAIL"]
    assert "https://elsewhere.example was accepted" in done.stdout
    assert done.returncode == 1


def test_what_cannot_be_reached_is_skipped_with_the_reason(model_path: Path) -> None:
    with serving(model_path) as (_, address):
        done = conformance(address, "--only", "stream_session_s")
    assert done.stdout.startswith("skip  ")
    assert "stream_session_s is 3600" in done.stdout
    assert done.returncode == 0


def test_no_service_is_no_conformance() -> None:
    done = conformance("127.0.0.1:9")
    assert done.stdout.startswith("FAIL  ")
    assert done.returncode == 1

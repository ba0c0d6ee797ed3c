"""The programs of `make fuzz` find what is broken: a broken promise, a decoder that crashes, one that hangs no less."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.conftest import ROOT

BREAKS = {
    "a broken promise": "assert body[:4] == b'good'",
    "a crash": "body[:4] == b'good' or os.kill(os.getpid(), signal.SIGSEGV)",
}


@pytest.mark.parametrize("breaks", BREAKS.values(), ids=BREAKS)
def test_a_file_is_kept(tmp_path: Path, breaks: str) -> None:
    program = f"""
import os, pathlib, signal, sys
from tests.fuzz.decoders import at_random
def check(body):
    {breaks}
sys.exit(at_random("trial", check, (b"good file",), 0.5, pathlib.Path(sys.argv[1])))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    kept = list(tmp_path.iterdir())
    assert kept
    assert not any(path.read_bytes().startswith(b"good") for path in kept)
    assert f"kept {kept[0].parent}" in done.stdout

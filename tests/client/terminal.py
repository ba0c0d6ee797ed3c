"""What a command has written to the terminal."""

import pytest

Capture = pytest.CaptureFixture[str]


def one_line(said: str) -> str:
    (line,) = said.splitlines()
    assert "Traceback" not in line
    return line

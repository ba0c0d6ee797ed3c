"""The examples of a page: its commands with the output that follows them, and how shown output is compared."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_FENCES = re.compile(r"(?ms)^( *)```(\w+)\n(.*?)^ *```$")
# Output that directly follows an example.
_OUTPUTS = ("json", "text")


@dataclass(frozen=True)
class Example:
    """A block of code, its language, and what the page says that it prints (None: nothing is said)."""

    language: str
    code: str
    shown: str | None = None
    shown_as: str = ""


def examples(page: Path, language: str) -> list[Example]:
    """The page's blocks of a language, in order."""
    found = list(_FENCES.finditer(page.read_text()))
    made = []
    for block, after in zip(found, [*found[1:], None], strict=False):
        code = "".join(line.removeprefix(block[1]) for line in block[3].splitlines(keepends=True))
        if block[2] != language:
            continue
        follows = after is not None and after[2] in _OUTPUTS and not block.string[block.end() : after.start()].strip()
        made.append(Example(language, code, after[3], after[2]) if after and follows else Example(language, code))
    return made


def check(example: Example, said: str) -> None:
    """Compares what an example printed with what the page shows; "…" stands for what it leaves out."""
    if example.shown is None:
        return
    if example.shown_as == "json":
        assert_contains(json.loads(said), json.loads(example.shown))
    else:
        pattern = ".*".join(map(re.escape, example.shown.split("…")))
        assert re.fullmatch(pattern, said.rstrip("\n") + "\n"), said


def assert_contains(answer: Any, shown: Any, path: str = "") -> None:
    """All that is shown of a JSON answer is in the real one, numbers to two places; milliseconds may differ."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            if key != "…":
                assert key in answer, f"{path}.{key}"
                assert_contains(answer[key], value, f"{path}.{key}")
    elif isinstance(shown, list):
        assert len(answer) == len(shown), path
        for one, other in zip(answer, shown, strict=True):
            assert_contains(one, other, path)
    elif isinstance(shown, float) and "timing_ms" not in path:
        assert answer == pytest.approx(shown, abs=0.005), path
    elif isinstance(shown, str) and shown.endswith("…"):
        assert answer.startswith(shown[:-1]), path
    elif "timing_ms" not in path:
        assert answer == shown, path

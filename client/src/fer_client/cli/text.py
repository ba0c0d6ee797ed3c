"""Results as text: lines with bars, and JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fer_client.results import Face, Result

BAR_CELLS = 20


def printable(text: str) -> str:
    """Without control characters: file names and the service's texts must not control the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def error_text(error: Exception | str) -> str:
    """An error's message, without the path that an OSError would repeat."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def bar_character(encoding: str | None) -> str:
    """The character of a full bar cell: a block, where the terminal can show it."""
    return "█" if (encoding or "").lower().startswith("utf") else "#"


def face_line(face: Face, full: str) -> str:
    """`happy      96 %  ███████████████████.  at 175,65 100x100`, and the other labels of the prediction set.

    Then the label that most voters would choose, where the model predicts votes.
    """
    bar = (full * round(face.confidence * BAR_CELLS)).ljust(BAR_CELLS, ".")
    box = face.box
    line = f"{face.emotion:<9} {percent(face.confidence):>5}  {bar}  at {box.x},{box.y} {box.width}x{box.height}"
    others = [label for label in face.prediction_set if label != face.emotion]
    line = f"{line}, or {', '.join(others)}" if others else line
    return line if face.votes is None else f"{line}, {votes_words(face.votes)}"


def votes_words(votes: Mapping[str, float]) -> str:
    """`votes: happy 88 %`, the label with the most of them."""
    label = max(votes, key=votes.__getitem__)
    return f"votes: {label} {percent(votes[label])}"


def result_lines(name: str, result: Result, full: str) -> list[str]:
    """A line for each face, or one that says there is none."""
    found = [face_line(face, full) for face in result.faces] or ["no face"]
    return [printable(f"{name}  {line}") for line in found]


def live_line(faces: Iterable[Face]) -> str:
    """All faces in one line."""
    faces_text = (
        f"{'' if face.track_id is None else f'{face.track_id}: '}{face.emotion} {percent(face.confidence)}"
        f"{'' if face.votes is None else f', {votes_words(face.votes)}'}"
        for face in faces
    )
    return printable("  |  ".join(faces_text)) or "no face"


def json_line(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

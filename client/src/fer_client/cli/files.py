"""Which files of a folder a command reads, and why it leaves out the others."""

from collections.abc import Callable, Iterable
from pathlib import Path

from fer_client.cli.made import is_result
from fer_client.cli.report import print_error

VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"}
# Between the name of a video and the suffix of the drawn one that `fer` makes of it.
DRAWN = ".faces"
# Written into every folder by systems that show it; nobody misses them.
_LITTER = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
_NAMED = 3


def in_folder(folder: Path, reason: Callable[[Path], str | None]) -> list[Path]:
    """The files in a folder and below, sorted, for which `reason` is None; the others are named on stderr with it.

    Hidden files, the litter of other systems (`._x.jpg`, `Thumbs.db`) and results of `fer video` are passed over.
    """
    taken: list[Path] = []
    left_out: list[tuple[Path, str]] = []
    for path in sorted(folder.rglob("*")):
        if is_litter(path.relative_to(folder)) or not path.is_file() or is_result(path):
            continue
        why = reason(path)
        if why is None:
            taken.append(path)
        else:
            left_out.append((path.relative_to(folder), why))
    if left_out:
        print_error(f"{len(left_out)} of {len(taken) + len(left_out)} files left out: {_named(left_out)}", folder)
    return taken


def is_litter(path: Path) -> bool:
    return any(part.startswith(".") or part.lower() in _LITTER or part == "__MACOSX" for part in path.parts)


def no_video(path: Path) -> str | None:
    """Why a file is not read by `fer video`; None where it is."""
    if path.stem.endswith(DRAWN):
        return "drawn by fer"
    return None if path.suffix.lower() in VIDEO_SUFFIXES else "no video"


def _named(left_out: Iterable[tuple[Path, str]]) -> str:
    """`a.heic, b.heic and 4 more (HEIC); notes.txt (no photo)`."""
    by_reason: dict[str, list[str]] = {}
    for path, why in left_out:
        by_reason.setdefault(why, []).append(str(path))
    parts = []
    for why, names in by_reason.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        parts.append(f"{', '.join(names[:_NAMED])}{more} ({why})")
    return "; ".join(parts)

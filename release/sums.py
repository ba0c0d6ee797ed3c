"""SHA256SUMS, in the form that `sha256sum --check` reads."""

import hashlib
from pathlib import Path

NAME = "SHA256SUMS"


def write(folder: Path) -> None:
    """Writes the checksum of each file in the folder."""
    files = sorted(path for path in folder.iterdir() if path.name != NAME)
    (folder / NAME).write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in files))


def _sha256(path: Path) -> str:
    """In pieces: an image is large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

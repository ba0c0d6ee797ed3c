"""Heatmaps as files."""

import re
from collections.abc import Iterable
from pathlib import Path

from fer_client.results import Face


class HeatmapFolder:
    """A folder for heatmaps, made when it is needed. Each file is named after its picture, face and label."""

    def __init__(self, folder: Path):
        self._folder = folder

    def save(self, picture: str, faces: Iterable[Face], suffix: str = "") -> None:
        """Writes PICTURE-FACE-LABEL and `suffix`; faces count from 0. Raises OSError where a file cannot be written."""
        for index, face in enumerate(faces):
            for explanation in face.explanations:
                self._folder.mkdir(parents=True, exist_ok=True)
                # A label comes from the service: it must not name a path.
                label = re.sub(r"\W", "_", explanation.target)
                extension = ".jpg" if explanation.media_type == "image/jpeg" else ".png"
                (self._folder / f"{picture}-{index}-{label}{suffix}{extension}").write_bytes(explanation.data)

"""The golden face: a picture in a model file's metadata, with the answers that the file gave where it was exported.

A file that was damaged later answers it differently, or not at all.
"""

import base64
import json
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Golden:
    """`face` is uint8 (height, width, 1). `shares` are probabilities by output, `maps` the heatmaps' means by output.

    Shares may differ by `tolerance`, which is what processors and versions of ONNX Runtime may differ by; maps by twice
    that, relative to the largest.
    """

    face: NDArray[np.uint8]
    shares: dict[str, list[float]]
    maps: dict[str, list[float]]
    tolerance: float

    @classmethod
    def from_metadata(cls, text: str, size_wh: tuple[int, int]) -> Self:
        """Raises ValueError, KeyError or TypeError for another text than `to_metadata` gives."""
        values = json.loads(text)
        width, height = size_wh
        face = np.frombuffer(base64.b64decode(values["face"], validate=True), np.uint8).reshape(height, width, 1)
        return cls(face, dict(values["shares"]), dict(values["maps"]), float(values["tolerance"]))

    def to_metadata(self) -> str:
        face = base64.b64encode(self.face.tobytes()).decode("ascii")
        return json.dumps({"face": face, "shares": self.shares, "maps": self.maps, "tolerance": self.tolerance})

    def difference(self, shares: dict[str, list[float]], maps: dict[str, list[float]]) -> str | None:
        """What is wrong with these answers to the face; None where nothing is."""
        for name, expected in self.shares.items():
            if reason := _difference(name, shares.get(name, []), expected, self.tolerance):
                return reason
        for name, expected in self.maps.items():
            if reason := _difference(name, maps.get(name, []), expected, 2 * self.tolerance * max(expected)):
                return reason
        return None


def _difference(name: str, found: list[float], expected: list[float], most: float) -> str | None:
    if len(found) != len(expected):
        return f"output {name!r} has {len(found)} values instead of {len(expected)}"
    gap = max(abs(one - other) for one, other in zip(found, expected, strict=True))
    # As it is written here, it also holds for what is no number.
    return None if gap <= most else f"output {name!r} differs by {gap:.3g} from what it was when the file was exported"

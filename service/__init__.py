"""Facial expression recognition, as a service and as a library: an image in, faces out.

    from service import load_analyzer
    for face in load_analyzer().analyse(open("photo.jpg", "rb").read()).faces:
        print(face.box, face.emotion, face.confidence)

The names below are the library; importing the package alone loads none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .analysis import Analysis, Analyzer, Explanation, Face, Options, load_analyzer
    from .classifier import ModelError
    from .images import Box
    from .problems import Problem

__version__ = "0.2.0"

_HOMES = {
    **dict.fromkeys(("Analysis", "Analyzer", "Explanation", "Face", "Options", "load_analyzer"), ".analysis"),
    "Box": ".images",
    "ModelError": ".classifier",
    "Problem": ".problems",
}
__all__ = [
    "Analysis",
    "Analyzer",
    "Box",
    "Explanation",
    "Face",
    "ModelError",
    "Options",
    "Problem",
    "__version__",
    "load_analyzer",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)

"""Detectors: those that this service has, by the value of the option that chooses them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..problems import InvalidOption
from ..settings import DetectorChoice
from .base import FaceDetector
from .centerface import CenterFaceDetector
from .centerface_file import DetectorFileError
from .haar import HaarDetector


@dataclass(frozen=True)
class Searches:
    """What `Detectors` says of itself: how each one searches, by the value of the option that chooses it.

    `missing` says for each detector that is not there why.
    """

    by_option: dict[DetectorChoice, dict[str, Any]]
    default: DetectorChoice
    missing: list[str]

    def check(self, option: DetectorChoice | None) -> None:
        """Raises InvalidOption for a detector whose file is missing here."""
        _check(option, self.by_option)


@dataclass(frozen=True)
class Detectors:
    """At least the default one."""

    by_option: Mapping[DetectorChoice, FaceDetector]
    default: DetectorChoice = "haar"
    missing: tuple[str, ...] = ()

    def chosen(self, option: DetectorChoice | None) -> FaceDetector:
        """The detector of an option's value, None for the default. Raises InvalidOption for one that is missing."""
        _check(option, self.by_option)
        return self.by_option[option or self.default]

    def searches(self) -> Searches:
        """How each one searches."""
        by_option = {option: {"option": option, **detector.search()} for option, detector in self.by_option.items()}
        return Searches(by_option, self.default, list(self.missing))


def load_detectors(default: DetectorChoice = "haar", *, threads: int, haar: HaarDetector | None = None) -> Detectors:
    """All detectors, each for `threads`. Where CenterFace's file is missing, Haar serves, and `missing` says why.

    `haar` is one that is loaded already: it takes any number of threads (see `use_threads`), and up to 35 MB.
    """
    by_option: dict[DetectorChoice, FaceDetector] = {"haar": haar or HaarDetector(threads=threads)}
    try:
        by_option["centerface"] = CenterFaceDetector(threads=threads)
    except DetectorFileError as error:
        instead = "FER_DETECTOR is centerface, but haar serves instead" if default == "centerface" else ""
        reason = f"{instead or 'without the detector centerface'}: {error}"
        return Detectors(by_option, "haar", (reason,))
    return Detectors(by_option, default)


def _check(option: DetectorChoice | None, available: Iterable[DetectorChoice]) -> None:
    if option is not None and option not in available:
        raise InvalidOption(
            f"detector is {option!r}, whose file is not installed here; it can be {', '.join(available)}."
        )

"""Workers that are slow or fail, in place of the service's own."""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import service.loading
from service.analysis import Analyzer
from service.detectors import centerface_file
from service.workers.channel import Header
from service.workers.process import Handler, Plan


def trouble(monkeypatch: pytest.MonkeyPatch, *, seconds: float = 0.0, error: str | None = None) -> None:
    """Let each analysis of services that start from now on take so much longer, then fail with a RuntimeError."""
    _replace_loading(monkeypatch, _load_troubled, seconds, error)


def short_lives(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Let each worker of services that start from now on die so long after it has loaded."""
    _replace_loading(monkeypatch, _load_for_a_while, seconds)


def without_centerface(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services that start from now on have no file of the detector CenterFace."""
    _replace_loading(monkeypatch, _load_without_centerface)


def _replace_loading(monkeypatch: pytest.MonkeyPatch, load: Callable[..., tuple[Handler, Header]], *given: Any) -> None:
    for name in ("plan_images", "plan_videos"):
        plan_of: Callable[..., Plan] = getattr(service.loading, name)

        def replaced(*arguments: Any, plan_of: Callable[..., Plan] = plan_of) -> Plan:
            plan = plan_of(*arguments)
            return replace(plan, make=load, arguments=(*given, plan.make, plan.arguments))

        monkeypatch.setattr(service.loading, name, replaced)


def load_and_tell_modules(
    make: Callable[..., tuple[Handler, Header]], arguments: tuple[Any, ...]
) -> tuple[Handler, Header]:
    """Runs in the worker, which also says which modules it has loaded."""
    handler, about = make(*arguments)
    return handler, {**about, "modules": sorted(sys.modules)}


def _load_without_centerface(
    make: Callable[..., tuple[Handler, Header]], arguments: tuple[Any, ...]
) -> tuple[Handler, Header]:
    """Runs in the worker."""
    centerface_file.PACKAGE = "no-such-package"
    return make(*arguments)


def _load_for_a_while(
    seconds: float, make: Callable[..., tuple[Handler, Header]], arguments: tuple[Any, ...]
) -> tuple[Handler, Header]:
    """Runs in the worker."""
    made = make(*arguments)
    threading.Timer(seconds, os.abort).start()
    return made


def _load_troubled(
    seconds: float, error: str | None, make: Callable[..., tuple[Handler, Header]], arguments: tuple[Any, ...]
) -> tuple[Handler, Header]:
    """Runs in the worker, whose Analyzer is nobody else's."""
    made = make(*arguments)
    for name in ("analyse", "analyse_image"):
        analyse = getattr(Analyzer, name)

        def troubled(*given: Any, analyse: Callable[..., object] = analyse) -> object:
            time.sleep(seconds)
            if error is not None:
                raise RuntimeError(error)
            return analyse(*given)

        setattr(Analyzer, name, troubled)
    return made

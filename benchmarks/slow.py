"""A service of which one session gets ANALYSES_PER_S at most: `python -m benchmarks.slow`.

Each task of a worker takes its whole share of a second. Workers come from a process of their own, so what is changed in
the service's process does not reach them: their plan is changed.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from service import __main__ as program
from service import loading
from service.tasks import plan_images
from service.workers.channel import Body, Header
from service.workers.process import Handler, Plan

ANALYSES_PER_S = 5


def load(make: Callable[..., tuple[Handler, Header]], arguments: tuple[Any, ...]) -> tuple[Handler, Header]:
    """Runs in the worker: its handler, slowed."""
    handler, about = make(*arguments)

    def slowed(task: Header, body: Body) -> Iterator[tuple[Header, bytes]]:
        until = time.monotonic() + 1 / ANALYSES_PER_S
        answers = list(handler(task, body))
        time.sleep(max(0.0, until - time.monotonic()))
        yield from answers

    return slowed, about


def main() -> int:
    # Under the name by which workers can import it.
    from benchmarks import slow

    def plan_slow_images(*given: Any) -> Plan:
        plan = plan_images(*given)
        return replace(plan, make=slow.load, arguments=(plan.make, plan.arguments))

    with patch.object(loading, "plan_images", plan_slow_images):
        return program.main()


if __name__ == "__main__":
    sys.exit(main())

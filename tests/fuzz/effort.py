"""How much is tried: a little, always the same, in `make test`; other cases each time, for minutes, in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

LONG = "FUZZ" in os.environ
# So many times more in one run of `make fuzz`, which runs until its time is over.
_MORE = 10


def tries(short: int, steps: int = 20) -> settings:
    """`short` examples in `make test`; `steps`: of a state machine."""
    return settings(
        max_examples=short * _MORE if LONG else short,
        derandomize=not LONG,
        stateful_step_count=steps,
        print_blob=True,
        # How long one takes depends on the machine.
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

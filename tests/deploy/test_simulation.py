"""The simulation agrees with what queueing theory knows exactly."""

import random

import pytest

from deploy.simulation import Plan, simulate

_RANDOM = random.Random(1)  # noqa: S311
# Of an exponential distribution with a mean of 1 s.
EXPONENTIAL_S = [_RANDOM.expovariate(1) for _ in range(20_000)]


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_one_worker_waits_as_the_m_m_1_queue(load: float) -> None:
    outcome = simulate(Plan(EXPONENTIAL_S, per_s=load), 20_000)
    assert outcome.per_s == pytest.approx(load, rel=0.03)
    assert outcome.mean_s == pytest.approx(1 / (1 - load), rel=0.08)


def test_two_workers_wait_as_the_m_m_2_queue() -> None:
    # Erlang's C formula for two servers at 80 %: the mean is 1 / (1 - 0.8²) service times.
    outcome = simulate(Plan(EXPONENTIAL_S, workers=2, per_s=1.6), 20_000)
    assert outcome.mean_s == pytest.approx(1 / (1 - 0.8**2), rel=0.08)


def test_callers_keep_all_replicas_busy() -> None:
    alone = simulate(Plan([0.1], callers=1, beside_s=0.1), 200)
    assert alone.per_s == pytest.approx(5, rel=0.02)
    both = simulate(Plan([0.1], callers=8, replicas=2, beside_s=0.1), 200)
    assert both.per_s == pytest.approx(20, rel=0.02)
    # Little's law.
    assert both.mean_s == pytest.approx(8 / both.per_s, rel=0.02)
    assert both.quantile_s(0.99) < 0.6


def test_a_plan_has_one_kind_of_load() -> None:
    for plan in (Plan([1.0]), Plan([1.0], callers=1, per_s=1.0)):
        with pytest.raises(ValueError, match="either callers or requests"):
            simulate(plan, 1)

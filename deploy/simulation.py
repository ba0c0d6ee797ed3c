"""How long requests wait at several replicas: a queueing simulation for plans, fed with measured service times.

A replica has some workers and one queue. A request goes to the replica with the fewest requests, as HAProxy's leastconn
sends it, and then takes a service time that is drawn from the measured ones.
"""

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

Events = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Plan:
    """What is simulated. `service_s` are measured service times, seconds; `beside_s` is what client and proxy add.

    Either `callers` send their next request as soon as they have an answer, or requests come at random, `per_s` a
    second (a Poisson process).
    """

    service_s: Sequence[float]
    replicas: int = 1
    workers: int = 1
    beside_s: float = 0.0
    callers: int = 0
    per_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Answers a second, and the seconds from each request to its answer, in order."""

    per_s: float
    waits_s: list[float]

    @property
    def mean_s(self) -> float:
        return sum(self.waits_s) / len(self.waits_s)

    def quantile_s(self, share: float) -> float:
        return sorted(self.waits_s)[min(len(self.waits_s) - 1, int(share * len(self.waits_s)))]


def simulate(plan: Plan, seconds: float, seed: int = 0) -> Outcome:
    """So many simulated seconds; of their first tenth nothing is counted. Raises ValueError for a plan without load."""
    if bool(plan.callers) == bool(plan.per_s):
        raise ValueError("either callers or requests a second")
    run = _Run(plan, seconds, random.Random(seed))  # noqa: S311 - no secret
    run.environment.run(until=seconds)
    return Outcome(len(run.waits_s) / (0.9 * seconds), run.waits_s)


class _Run:
    def __init__(self, plan: Plan, seconds: float, draw: random.Random) -> None:
        self._plan, self._from_s, self._draw = plan, seconds / 10, draw
        self.environment = simpy.Environment()
        self._replicas = [simpy.Resource(self.environment, plan.workers) for _ in range(plan.replicas)]
        self.waits_s: list[float] = []
        for _ in range(plan.callers):
            self.environment.process(self._caller())
        if plan.per_s:
            self.environment.process(self._arrivals())

    def _caller(self) -> Events:
        while True:
            yield self.environment.process(self._request())

    def _arrivals(self) -> Events:
        while True:
            yield self.environment.timeout(self._draw.expovariate(self._plan.per_s))
            self.environment.process(self._request())

    def _request(self) -> Events:
        began = self.environment.now
        replica = min(self._replicas, key=lambda each: (each.count + len(each.queue), self._draw.random()))
        with replica.request() as place:
            yield place
            yield self.environment.timeout(self._draw.choice(self._plan.service_s))
        yield self.environment.timeout(self._plan.beside_s)
        if began >= self._from_s:
            self.waits_s.append(self.environment.now - began)

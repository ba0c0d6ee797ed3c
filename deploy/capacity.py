"""Writes the page of what cameras and pictures need: `python -m deploy.capacity >deploy/CAPACITY.md`."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.media import clip
from deploy.needs import ASSUMED, CALLERS, ROOT, Assumed, Limits, Measured, Part, bottlenecks, limits, measured, parts
from deploy.simulation import Plan, simulate

RESULTS = ROOT / "benchmarks" / "results" / "results.json"
DETECTORS = ("haar", "centerface")
CAMERAS = (10, 1_000, 100_000)
RATES_PER_S = (1, 5, 15)
PLAN_RATE_PER_S = 5
LOADS, REPLICAS = (0.3, 0.6, 0.9), (1, 2, 20)
SIMULATED_REQUESTS = 5000


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def few(number: float) -> str:
    """Two digits that count, or all of a whole number of cores and streams."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def images_table(every: dict[str, Measured], assumed: Assumed = ASSUMED) -> str:
    rows = []
    for detector, of in every.items():
        faces_core_s = 1e6 * of.answer_core_s / of.faces
        for work, core_s in (("of these photos", faces_core_s), ("one in a picture", 1e6 * of.single_core_s)):
            price = core_s / 3600 * assumed.price_per_core_hour
            rows.append((detector, few(1 / of.answer_core_s), work, f"{core_s:,.0f}", f"{price:.2f}"))
    return table(("detector", "answers a second and core", "a million faces", "core-seconds", "price"), rows)


def streams_table(every: dict[str, Measured], allowed: Limits) -> str:
    rows = [
        (detector, per_s, f"{1000 * of.frame_core_s(per_s):.1f}", few(of.cameras_per_core(per_s)),
         few(of.cameras_per_core(per_s) * allowed.busy))
        for detector, of in every.items()
        for per_s in RATES_PER_S
    ]  # fmt: skip
    head = ("detector", "frames a second", "core-ms a frame", "cameras a core", f"at {allowed.busy:.0%} of it")
    return table(head, rows)


def cameras_table(found: Sequence[Part]) -> str:
    rows = [
        (part.name, few(part.cameras), *(f"{part.needed(cameras):,}" for cameras in CAMERAS), part.why)
        for part in found
    ]
    return table(("one …", "is enough for", *(f"{cameras:,} cameras" for cameras in CAMERAS), "because of"), rows)


def waits_table(every: dict[str, Measured], allowed: Limits) -> str:
    rows = []
    for detector, of in every.items():
        for replicas, load in ((replicas, load) for replicas in REPLICAS for load in LOADS):
            per_s = load * replicas * allowed.cores / of.answer_core_s
            plan = Plan(of.work_s, replicas=replicas, workers=allowed.cores, per_s=per_s)
            outcome = simulate(plan, SIMULATED_REQUESTS / per_s)
            waits = (outcome.mean_s, outcome.quantile_s(0.99))
            rows.append((detector, replicas, f"{load:.0%}", few(per_s), *(f"{1000 * wait:.0f}" for wait in waits)))
    return table(("detector", "replicas", "busy", "answers a second", "mean ms", "99th percentile ms"), rows)


def page(results: dict[str, Any], assumed: Assumed = ASSUMED) -> str:
    """deploy/CAPACITY.md."""
    allowed, frames = limits(), clip()
    every = {detector: measured(results, detector) for detector in DETECTORS}
    frame_bytes = sum(map(len, frames)) / len(frames)
    about = results["about"]
    needs, short = [], []
    for detector, of in every.items():
        found = parts(of, PLAN_RATE_PER_S, allowed, frame_bytes, assumed)
        needs.append(f"With {detector}:\n\n{cameras_table(found)}")
        short += [(f"{cameras:,}", detector, bottlenecks(found, cameras)) for cameras in CAMERAS]
    return f"""# What it needs: cores, connections, money

Written by `make capacity` from the results of `make bench` in `benchmarks/results` ({about["processor"]},
{about["cores"]} cores, revision {about["revision"]}, {about["date"]}), the manifests and the settings. A core is what
the system calls one; of a cloud's machine, one vCPU. Your processors differ: run `make bench capacity` on them.

## Pictures

{CALLERS} callers at once, four photos in turn with {every["haar"].faces:g} faces on average, all cores busy. The
core-seconds are those of the whole machine, callers included. **Assumed**: {assumed.price_per_core_hour:.2f} US dollars
for a core and an hour.

{images_table(every, assumed)}
`make annotate` ([Ray](ray/README.md)) does pictures without HTTP.

## Streams

Cores of the service and its workers for 640x360 frames with one face. A frame takes longer where frames are few, as
more of them are searched everywhere; between two measured rates its time is interpolated.

{streams_table(every, allowed)}
## Cameras

So many of each part are needed for cameras that send {PLAN_RATE_PER_S} frames a second of {frame_bytes / 1000:.0f} kB.
**Assumed**, not measured here: a link of {assumed.link_gbit_s:g} Gbit/s; Linux's tables of
{assumed.tracked_connections:,} connections and {assumed.local_ports:,} ports; a Valkey that answers
{assumed.valkey_per_s:,} commands a second, two for each count; and that all streams are opened again within
{assumed.reopened_within_s:g} s where much fails at once.

{chr(10).join(needs)}
What is not enough where there is one of each, the first bottleneck first:

{table(("cameras", "detector", "not enough, in this order"), short)}
- Processor time is what fills a replica, unless the table above says that its streams do.
- Beyond the production overlay raise `maxReplicas`. Beyond one HAProxy raise its `maxconn` and its memory, then put
  several behind one name. What TLS takes of its cores was not measured.
- Beyond one link split by place: a cluster for each group of cameras, with its own name, proxies and Valkey. Replicas
  share nothing but the counts of requests, so clusters need to know nothing of each other.
- Fewer frames help first, with everything but connections.

## Waits

Milliseconds from a request to its answer, [simulated](simulation.py) with the measured times, for pictures that come
at random and replicas of {allowed.cores} cores. `python -m benchmarks.replicas` compares the simulation with a
measured run: of two replicas with one core each it was off by 1 % in answers a second, and by 3 % in the mean wait at
half of that.

{waits_table(every, allowed)}"""


if __name__ == "__main__":
    print(page(json.loads(RESULTS.read_text())), end="")

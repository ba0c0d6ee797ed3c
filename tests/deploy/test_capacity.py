"""The plan of capacity: its arithmetic, and that its page is what the committed measurements give."""

import json
from dataclasses import replace

import pytest

from benchmarks.all import IN_TURN
from deploy import capacity, needs
from deploy.needs import Assumed, Limits, Measured

# An answer with two faces takes 0.1 core-seconds. A frame takes 20 ms at 2 a second, 10 ms at 10.
OF = Measured(0.1, 2.0, (0.05, 0.15), 0.05, ((2.0, 0.02), (10.0, 0.01)))
ALLOWED = Limits(cores=2, busy=0.5, pods=20, compose_replicas=16, proxy_connections=1000, streams=100)


def by_name(of: Measured = OF, allowed: Limits = ALLOWED, per_s: float = 10.0) -> dict[str, needs.Part]:
    return {part.name: part for part in needs.parts(of, per_s, allowed, 25_000, Assumed(link_gbit_s=1))}


def test_the_page_is_fresh() -> None:
    page = (needs.ROOT / "deploy" / "CAPACITY.md").read_text()
    assert page == capacity.page(json.loads(capacity.RESULTS.read_text())), "stale: run `make capacity`"


@pytest.mark.parametrize(("per_s", "core_s"), [(1, 0.02), (2, 0.02), (4, 0.0175), (10, 0.01), (30, 0.01)])
def test_the_time_of_a_frame_lies_between_the_measured_rates(per_s: float, core_s: float) -> None:
    assert OF.frame_core_s(per_s) == pytest.approx(core_s)
    assert OF.cameras_per_core(per_s) == pytest.approx(1 / per_s / core_s)


def test_each_part_is_enough_for_what_it_has() -> None:
    found = by_name()
    # A core does 100 frames a second, which is ten cameras; it is to be busy to a half.
    assert found["core"].cameras == pytest.approx(5)
    assert found["replica of 2 cores"].cameras == pytest.approx(10)
    assert found["compose file"].cameras == pytest.approx(80)
    assert found["production overlay"].cameras == pytest.approx(200)
    # 125 MB a second for 250 kB a second each.
    assert found["link of 1 Gbit/s"].cameras == pytest.approx(500)
    assert [found["core"].needed(cameras) for cameras in (5, 6, 1000)] == [1, 2, 200]


def test_a_replica_has_no_more_streams_than_its_setting() -> None:
    part = by_name(allowed=replace(ALLOWED, streams=7))["replica of 2 cores"]
    assert (part.cameras, part.why) == (7, "7 streams (`FER_MAX_STREAMS`)")


def test_the_smallest_part_is_the_first_bottleneck() -> None:
    found = list(by_name().values())
    assert needs.bottlenecks(found, 10) == "nothing"
    assert needs.bottlenecks(found, 600) == (
        "replica of 2 cores (60 times), compose file (8 times), production overlay (3 times), "
        "link of 1 Gbit/s (2 times)"
    )


def test_measurements_are_read_as_the_benchmark_writes_them() -> None:
    results = {
        "callers": {"haar": {"cores": 2, "callers": {"8": {"per_s": 40.0}}}},
        "stages": [
            {"photo": name, "detector": "haar", "heatmaps": heatmaps, "median_ms": 10 + 10 * odd, "faces": 1 + 6 * odd}
            for name, odd in zip(IN_TURN, (0, 1, 0, 1), strict=True)
            for heatmaps in ("no", "yes")
        ],
        "streams": [
            {"detector": "haar", "per_s_each": rate, "per_s_all": 100.0, "cores": {"service": 0.5, "workers": cores}}
            for rate, cores in ((30.0, 0.5), (30.0, 1.5), (4.0, 3.5))
        ],
    }  # fmt: skip
    of = needs.measured(results, "haar")
    assert (of.answer_core_s, of.faces) == (0.05, 4)
    assert of.single_core_s == pytest.approx(0.1 / 3)
    assert of.work_s == pytest.approx([0.1 / 3, 0.2 / 3] * 2)
    # Of two rows of one rate the dearer one counts.
    assert of.frames == ((4.0, 0.04), (30.0, 0.02))


def test_limits_are_those_of_our_own_files() -> None:
    allowed = needs.limits()
    assert (allowed.cores, allowed.pods, allowed.compose_replicas) == (2, 20, 16)
    assert allowed.busy == pytest.approx(0.6)

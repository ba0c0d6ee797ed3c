"""results.json as a page: the bars and what was measured of them, then every figure."""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import streams

Figures = dict[str, Any]

# Answers a second of the service of November 2026 with Haar and 8 callers, on another machine, and there of the same
# work in two bare processes. Multiplied by how much faster two bare processes are in this run, it is what that service
# would give here; where Haar itself has become faster since, that is too much.
OLD_HAAR_8, OLD_BARE_PROCESSES = 36.0, 40.6
MEMORY_MB, START_S, STREAM_PER_S, STREAM_AGE_MS = 450.0, 2.5, 6.0, 350.0

METHOD = """# Speed, measured in one run

Written by `make bench`. {processor}, {cores} cores, Python {python}, revision {revision}, {date}; other programs kept
{busy_cores_before} cores busy before the run.{quick}

Photos and frames are made of one portrait (`benchmarks/media.py`). What is compared takes turns within the run, and a
ratio is the median of the rounds' ratios, so that what else the machine does meets both sides. The callers run on the
same cores as the service: they parse no answer, and the processor time that they take is given beside that of the
service. Bare loops call the function that a worker calls, on encoded photos.
"""


def write(results: Figures, folder: Path) -> None:
    """results.json and README.md."""
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "README.md").write_text(page(results))


def page(results: Figures) -> str:
    quick = " A quick run: its figures show nothing but that it ran." if results["about"]["quick"] else ""
    parts = [METHOD.format(**{**results["about"], "quick": quick})]
    if rows := list(bars(results)):
        parts += ["## Bars\n", table(("what", "measured", "bar", ""), rows)]
    for name, write_section in SECTIONS.items():
        if results.get(name):
            parts += [write_section(results[name])]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


# --- bars --------------------------------------------------------------------------------------


def bars(results: Figures) -> Iterator[tuple[str, str, str, str]]:
    """What is promised, what was measured, the bar, and whether it is reached."""
    if "callers" in results:
        yield from _crowd_bars(results["callers"]["haar"], results["callers"]["centerface"])
    for row in results.get("fer", []):
        if row["photo"].startswith("512x512"):
            for detector, least in (("centerface", 5.0), ("haar", None)):
                times = ratio(row["ms"]["fer"], row["ms"][detector])
                yield _bar(f"{detector}, one at a time, beside `fer`: times as fast", times, least, at_least=True)
    for row in results.get("streams", []):
        if row["streams"] == 32:
            name = f"32 streams of 640x360, {row['detector']}"
            yield _bar(f"{name}: results a second for each", row["per_s_each"], STREAM_PER_S, at_least=True)
            yield _bar(f"{name}: 95th percentile of the age (ms)", row["age_ms"][1], STREAM_AGE_MS)
    if used := results.get("memory"):
        yield _bar("memory of all processes (MB), the most", max(each["all_mb"] for each in used), MEMORY_MB)
    for name, times_s in results.get("startup", {}).items():
        yield _bar(f"`{name}` to ready (s)", statistics.median(times_s), START_S)


def _crowd_bars(haar: Figures, centerface: Figures) -> Iterator[tuple[str, str, str, str]]:
    rates, faster = haar["per_s"], centerface["per_s"]
    one = ratio(rates["bare loop"], rates["1"])
    yield _bar(f"haar, one at a time: time beside a bare loop with {haar['cores']} threads", one, 1.15)
    if "8" in rates:
        bare = ratio(rates["8"], rates["bare processes"])
        yield _bar(f"haar, 8 at once, beside {haar['cores']} bare processes", bare, 0.92, at_least=True)
        same_run = ratio(faster["8"], rates["8"])
        yield _bar("centerface, 8 at once, beside haar, 8 at once, in this run", same_run, None, at_least=True)
        answers = statistics.median(faster["8"])
        here = OLD_HAAR_8 * statistics.median(rates["bare processes"]) / OLD_BARE_PROCESSES
        yield _bar(f"centerface, 8 at once, beside haar's old {OLD_HAAR_8:g} answers a second (another machine)",
                   answers / OLD_HAAR_8, 3.0, at_least=True)  # fmt: skip
        yield _bar(f"the same, beside {here:.0f}: the old {OLD_HAAR_8:g}, scaled by bare haar processes",
                   answers / here, 3.0, at_least=True)  # fmt: skip
    if "64" in rates:
        yield _bar("haar, 64 at once, beside 8 at once", ratio(rates["64"], rates["8"]), 0.9, at_least=True)
        waits = haar["callers"]["64"]["p99_over_implied"]
        yield _bar("haar, 64 at once: p99 beside the mean wait that the queue implies", waits, 4.0)


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def _bar(what: str, value: float, bar: float | None, *, at_least: bool = False) -> tuple[str, str, str, str]:
    if bar is None:
        return what, f"{value:.2f}", "", ""
    reached = value >= bar if at_least else value <= bar
    return what, f"{value:.2f}", f"{'at least' if at_least else 'at most'} {bar:g}", "yes" if reached else "NO"


# --- sections ----------------------------------------------------------------------------------


def _stages(rows: list[Figures]) -> str:
    names = ("decode", "detect", "infer", "explain", "median_ms")
    body = [[*_key(row), *(f"{row[name]:.1f}" for name in names)] for row in rows]
    head = (*KEY, *names[:4], "sum")
    return "## Stages in one process\n\nMilliseconds, medians, one thread, no service.\n\n" + table(head, body)


def _photos(rows: list[Figures]) -> str:
    names = ("queue", "decode", "detect", "infer", "explain", "total", "http")
    body = [[*_key(row), *(f"{row[name]:.1f}" for name in names)] for row in rows]
    text = "Milliseconds, medians; `http` is what the client waited beyond the service's own total.\n\n"
    return f"## One photo at a time\n\n{text}" + table((*KEY, *names), body)


def _callers(found: dict[str, Figures]) -> str:
    body = []
    for detector, figures in found.items():
        for name in ("bare loop", "bare processes"):
            body.append([detector, f"{name} ({figures['cores']})", _rate(figures["per_s"][name]), *[""] * 7])
        for count, row in figures["callers"].items():
            names = ("p50_ms", "p99_ms", "implied_wait_ms")
            cells = [_rate(figures["per_s"][count]), *(f"{row[name]:.0f}" for name in names)]
            cells += [f"{row['p99_over_implied']:.2f}", row["refused"], row["failed"]]
            cells.append(f"{row['service_cpu_ms']:.1f}, {row['callers_cpu_ms']:.1f}")
            body.append([detector, count, *cells])
    head = ("detector", "callers", "answers a second (least to most)", "p50 ms", "p99 ms", "implied mean wait ms",
            "p99 / that", "refused", "failed", "processor ms an answer: service, callers")  # fmt: skip
    text = (
        "Four photos in turn. A caller sends its next photo once it has its answer; one that is refused waits for as\n"
        "long as Retry-After says.\n\n"
    )
    return f"## Callers at once\n\n{text}{table(head, body)}\n{_plot('callers')}"


def _fer(rows: list[Figures]) -> str:
    body = []
    for row in rows:
        medians = {name: statistics.median(each) for name, each in row["ms"].items()}
        times = [f"{ratio(row['ms']['fer'], row['ms'][each]):.1f}" for each in ("haar", "centerface")]
        body.append([row["photo"], f"{row['fer_faces']:.0f}", *(f"{each:.1f}" for each in medians.values()), *times])
    head = ("photo", "faces that fer finds", "fer ms", "haar ms", "centerface ms", "haar: times as fast", "centerface")
    text = (
        "One photo at a time: `fer` 25.10.3 with its own defaults called in its process on a file, and the service\n"
        "through HTTP. The median of the rounds.\n\n"
    )
    return f"## Beside the package fer\n\n{text}" + table(head, body)


def _streams(rows: list[Figures]) -> str:
    lines = "".join(f"| {each['detector']} {streams.row(each)}\n" for each in rows)
    head = table(("detector", *streams.HEAD), [])
    text = "Each stream is offered 30 frames of 640x360 a second, whether or not it holds a credit.\n\n"
    return f"## Streams at once\n\n{text}{head}{lines}\n{_plot('streams')}"


def _memory(rows: list[Figures]) -> str:
    body = []
    for row in rows:
        others = ", ".join(f"{each:.0f}" for each in row["others_mb"])
        body.append([row["name"], f"{row['all_mb']:.0f}", f"{row['service_mb']:.0f}", others, row["answers"]])
    head = ("", "all (MB)", "service", "workers, fork server, resource tracker", "answers by status")
    text = (
        "Proportional set size. `python -m benchmarks.memory PHOTO…` does the same with 20,000 requests; so few as\n"
        "here do not show growth.\n\n"
    )
    return f"## Memory\n\n{text}" + table(head, body)


def _startup(found: dict[str, list[float]]) -> str:
    body = [[f"`{name}`", f"{statistics.median(each):.2f}", f"{min(each):.2f} to {max(each):.2f}"]
            for name, each in found.items()]  # fmt: skip
    text = "Seconds from the start of the process until /readyz answers 200, everything installed.\n\n"
    return f"## Start\n\n{text}" + table(("", "median", "from, to"), body)


KEY = ("photo", "detector", "heatmaps", "faces found")
SECTIONS: dict[str, Callable[[Any], str]] = {
    "stages": _stages,
    "photos": _photos,
    "callers": _callers,
    "fer": _fer,
    "streams": _streams,
    "memory": _memory,
    "startup": _startup,
}


def _key(row: Figures) -> list[str]:
    return [row["photo"], row["detector"], row["heatmaps"], f"{row['faces']:.0f}"]


def _rate(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"


def _plot(name: str) -> str:
    return f"![{name}]({name}.svg)\n"

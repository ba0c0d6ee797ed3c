"""All that is said of the service's speed, measured in one run: `make bench`.

    python -m benchmarks.all [--url URL] [--quick] [--only SECTION…] [--out benchmarks/results]

Starts the service itself; with --url it asks a running one, and leaves out what needs services of its own. Writes
results.json, README.md and, where .venv-fer has matplotlib, two plots. --quick measures so briefly that only the way is
tested. Photos and frames are made of one portrait (benchmarks/media.py), so that everybody measures the same.
"""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np

from benchmarks import bare, crowd, loops, media, memory, predict, report, startup, streams
from benchmarks.loops import Loop
from benchmarks.processes import Tree, service
from service.analysis import Options
from service.settings import DetectorChoice

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PEER_PYTHON = ROOT / ".venv-fer" / "bin" / "python"
DETECTORS: tuple[DetectorChoice, ...] = ("haar", "centerface")
EXPLAIN: dict[str, Literal["none", "gradcam"]] = {"no": "none", "yes": "gradcam"}
# Four photos in turn: what callers send at once.
IN_TURN = ("640x480, 1 face", "640x480, 7 faces", "1280x720, 1 face", "1280x720, 7 faces")
PORTRAIT = "512x512, 1 face"
BESIDE_FER = (PORTRAIT, IN_TURN[0], IN_TURN[3])

Figures = dict[str, Any]


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    photos: int
    requests: int
    callers: tuple[int, ...]
    streams: tuple[int, ...]
    stream_s: float
    memory: int
    starts: int


FULL = Effort(3, 5.0, 6, 12, (1, 2, 8, 64), (1, 4, 16, 32), 8.0, 1000, 5)
QUICK = Effort(1, 0.5, 2, 2, (1, 8), (2,), 0.5, 20, 1)


@dataclass(frozen=True)
class Bench:
    """Where the service is, how much is measured, and the files of the photos by name."""

    effort: Effort
    address: str
    pid: int | None
    files: dict[str, Path]

    def body(self, photo: str) -> bytes:
        return self.files[photo].read_bytes()


# --- sections ----------------------------------------------------------------------------------


def stages(bench: Bench) -> list[Figures]:
    """Milliseconds by stage in this process, one thread, no service."""
    handler, rows = bare.load(1), []
    for name, detector, label in product([PORTRAIT, *IN_TURN][: bench.effort.photos], DETECTORS, EXPLAIN):
        options = Options(explain=EXPLAIN[label], detector=detector)
        work = bare.prepare(handler, [bench.body(name)], options, 1)
        row = {"photo": name, "detector": detector, "heatmaps": label}
        rows.append({**row, **loops.measure(work, bench.effort.seconds / 3)})
    return rows


def photos(bench: Bench) -> list[Figures]:
    """One photo at a time through HTTP, by size, number of faces, detector and heatmaps."""
    rows = []
    for name, detector, label in product(list(bench.files)[: bench.effort.photos + 1], DETECTORS, EXPLAIN):
        query = f"?detector={detector}&explain={EXPLAIN[label]}"
        medians, faces = predict.measure(bench.address, bench.body(name), query, bench.effort.requests)
        rows.append({"photo": name, "detector": detector, "heatmaps": label, "faces": faces, **medians})
    return rows


def callers(bench: Bench) -> dict[str, Figures]:
    """Callers at once, four photos in turn, by detector, beside the same work in bare loops; all take turns."""
    return {detector: _callers(bench, detector) for detector in DETECTORS}


def _callers(bench: Bench, detector: str) -> Figures:
    cores = len(os.sched_getaffinity(0))
    query = f"detector={detector}"
    places = int(crowd.limits(bench.address)["client_requests"])
    command = [sys.executable, "-m", "benchmarks.bare", *(str(bench.files[name]) for name in IN_TURN)]
    command += ["--options", query, "--loop", "--threads"]
    rates: Figures = {"bare loop": [], "bare processes": []}
    tallies = {count: crowd.Tally() for count in bench.effort.callers}
    cost = dict.fromkeys(tallies, (0.0, 0.0))
    with ExitStack() as running:
        threads, *processes = (running.enter_context(Loop([*command, str(n)])) for n in (cores, *[1] * cores))
        for _ in range(bench.effort.rounds):
            rates["bare loop"].append(threads.run(bench.effort.seconds)["per_s"])
            for each in processes:
                each.start(bench.effort.seconds)
            rates["bare processes"].append(sum(each.figures()["per_s"] for each in processes))
            for count in tallies:
                tally = crowd.Tally()
                spent = _ask(bench, count, query, tally)
                tallies[count] += tally
                cost[count] = cost[count][0] + spent[0], cost[count][1] + spent[1]
                rates.setdefault(str(count), []).append(tally.per_s)
    asked = {str(count): _waits(count, tally, places, cost[count]) for count, tally in tallies.items()}
    return {"cores": cores, "places": places, "per_s": rates, "callers": asked}


def _ask(bench: Bench, count: int, query: str, tally: crowd.Tally) -> tuple[float, float]:
    """Processor seconds of the service and of the callers."""
    photos = [bench.body(name) for name in IN_TURN]
    # A caller that is refused waits for as long as it is told to.
    asking = [crowd.Caller(bench.address, photos, query, patient=True) for _ in range(count)]
    before, mine = _cpu_s(bench.pid), time.process_time()
    _until_answered(asking, bench.effort.seconds, tally)
    return _cpu_s(bench.pid) - before, time.process_time() - mine


def _until_answered(asking: list[crowd.Caller], seconds: float, tally: crowd.Tally) -> None:
    """For so long, and again where a busy machine has answered nothing that counts."""
    while not tally.waits_s:
        asyncio.run(crowd.measure(asking, seconds, tally))


def _cpu_s(pid: int | None) -> float:
    return 0.0 if pid is None else sum(Tree(pid).cpu_s())


def _waits(count: int, tally: crowd.Tally, places: int, cost: tuple[float, float]) -> Figures:
    p50, p99 = np.percentile(tally.waits_s, (50, 99)).tolist()
    # Little's law: the requests that the service holds over the answers a second.
    implied_s = min(count, places) / tally.per_s
    # What is asked before the figures are counted costs as well.
    answers = len(tally.waits_s) / (1 - crowd.WARM_UP_SHARE)
    return {
        "per_s": tally.per_s,
        "p50_ms": 1000 * p50,
        "p99_ms": 1000 * p99,
        "implied_wait_ms": 1000 * implied_s,
        "p99_over_implied": p99 / implied_s,
        "refused": tally.refused,
        "failed": tally.failed,
        "service_cpu_ms": 1000 * cost[0] / answers,
        "callers_cpu_ms": 1000 * cost[1] / answers,
    }


def beside_fer(bench: Bench) -> list[Figures]:
    """One photo at a time: the package fer in its own process, and the service through HTTP; they take turns."""
    if not PEER_PYTHON.exists():
        print("  skipped: .venv-fer is not there; `make bench` makes it", file=sys.stderr)
        return []
    rows = []
    for name in BESIDE_FER[: bench.effort.photos]:
        spent: dict[str, list[float]] = {each: [] for each in ("fer", *DETECTORS)}
        with Loop([str(PEER_PYTHON), "-m", "benchmarks.peer", str(bench.files[name])]) as fer:
            for _ in range(bench.effort.rounds):
                told = fer.run(bench.effort.seconds / 2)
                spent["fer"].append(told["median_ms"])
                for detector in DETECTORS:
                    tally = crowd.Tally()
                    caller = crowd.Caller(bench.address, [bench.body(name)], f"detector={detector}", patient=True)
                    _until_answered([caller], bench.effort.seconds / 2, tally)
                    spent[detector].append(1000 * statistics.median(tally.waits_s))
        rows.append({"photo": name, "fer_faces": told["faces"], "ms": spent})
    return rows


def many_streams(bench: Bench) -> list[Figures]:
    """Streams at once, each offered 30 frames of 640x360 a second; a service for each number of them."""
    frames = media.clip()
    return [
        {"detector": detector, **streams.measure(count, frames, bench.effort.stream_s, {"detector": detector})}
        for detector in DETECTORS
        for count in bench.effort.streams
    ]


def memory_used(bench: Bench) -> list[Figures]:
    """Memory of all processes of a new service: idle, and after mixed requests."""
    used = memory.measure([bench.body(name) for name in (PORTRAIT, *IN_TURN)], bench.effort.memory, callers=4)
    return [{**asdict(each), "all_mb": each.all_mb} for each in used]


def starts(bench: Bench) -> dict[str, list[float]]:
    """Seconds from the start of a process until it is ready."""
    return startup.measure(bench.effort.starts)


SECTIONS: dict[str, Callable[[Bench], Any]] = {
    "stages": stages,
    "photos": photos,
    "callers": callers,
    "fer": beside_fer,
    "streams": many_streams,
    "memory": memory_used,
    "startup": starts,
}
OF_OUR_OWN = ("stages", "streams", "memory", "startup")


# --- the run -----------------------------------------------------------------------------------


def about() -> Figures:
    """What the machine is, and how busy others keep it before anything is measured."""
    model = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "processor": (model or [platform.machine()])[0],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "revision": revision.stdout.strip(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "busy_cores_before": round(_busy_cores(1.0), 2),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _busy_cores(seconds: float) -> float:
    """Cores that were at work in this time, whoever's they were (Linux)."""

    def busy_s() -> float:
        user, nice, system, *_ = (int(each) for each in _lines("/proc/stat")[0].split()[1:])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK")

    if not _lines("/proc/stat"):
        return 0.0
    before = busy_s()
    time.sleep(seconds)
    return (busy_s() - before) / seconds


@contextmanager
def started(url: str | None, effort: Effort, folder: Path, sections: list[str]) -> Iterator[Bench]:
    """The service to ask, where a section asks one, and the photos as files."""
    files = {}
    for name, body in {PORTRAIT: media.PORTRAIT.read_bytes(), **media.photos()}.items():
        files[name] = folder / f"{name.replace(', ', '-').replace(' ', '-')}.jpg"
        files[name].write_bytes(body)
    if url is not None or set(sections) <= set(OF_OUR_OWN):
        yield Bench(effort, urlsplit(url or "").netloc, None, files)
        return
    with service() as (port, pid):
        yield Bench(effort, f"127.0.0.1:{port}", pid, files)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running service; by default one is started")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    results: Figures = {"about": {**about(), "quick": given.quick}}
    with (
        tempfile.TemporaryDirectory() as folder,
        started(given.url, QUICK if given.quick else FULL, Path(folder), given.only) as bench,
    ):
        for name in given.only:
            if given.url is not None and name in OF_OUR_OWN:
                print(f"{name}: skipped, since it does not ask the service at {given.url}", file=sys.stderr)
                continue
            begun = time.perf_counter()
            results[name] = SECTIONS[name](bench)
            print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    report.write(results, given.out)
    plots = [str(PEER_PYTHON), "-m", "benchmarks.plots", str(given.out)]
    if not PEER_PYTHON.exists() or subprocess.run(plots, cwd=ROOT, check=False).returncode:
        print("no plots: .venv-fer with matplotlib is not there", file=sys.stderr)
    print((given.out / "README.md").read_text())


if __name__ == "__main__":
    main()

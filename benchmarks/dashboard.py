"""The dashboard's panels against a real Prometheus that scrapes real replicas under real traffic.

    PYTHONPATH=client/src python -m benchmarks.dashboard MEDIA [--seconds 90] [--out dashboard.png]

MEDIA holds photos/ and videos/. Two replicas with one worker each answer photos, batches, streams, a video and files
that are no pictures; at half of the time one of their workers is killed. Prometheus reads deploy/compose/observe, with
the replicas' addresses instead of Docker's names. Each query of the dashboard is asked as Grafana asks it; a panel
without data is named, and the status is 1. With --out the panels are drawn where the dashboard has them: Grafana itself
is in no registry of packages. Needs prometheus; a picture needs matplotlib.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from benchmarks.processes import ROOT, START_S, Tree, service
from fer_client import Client, FerError
from tests.ports import free_port

OBSERVE = ROOT / "deploy" / "compose" / "observe"
DASHBOARD = OBSERVE / "grafana" / "dashboards" / "expressions.json"
SCRAPE_S = 1.0
# As Grafana computes it: four times the interval between two scrapes.
RATE_INTERVAL = f"{4 * SCRAPE_S:.0f}s"

Job = Callable[[Client], object]


@dataclass(frozen=True)
class Panel:
    """One of the dashboard; `place` is x, y, width and height in Grafana's grid of 24 columns."""

    title: str
    is_table: bool
    place: tuple[int, int, int, int]
    unit: str
    # Of each query, and how its series are named.
    queries: tuple[tuple[str, str], ...]


def panels() -> list[Panel]:
    """Those of the dashboard, with Grafana's variables replaced."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        x, y, width, height = (panel["gridPos"][name] for name in "xywh")
        queries = tuple(
            (target["expr"].replace("$__rate_interval", RATE_INTERVAL), target.get("legendFormat", ""))
            for target in panel["targets"]
        )
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
        found.append(Panel(panel["title"], panel["type"] == "table", (x, y, width, height), unit, queries))
    return found


@contextmanager
def prometheus(targets: list[str], folder: Path) -> Iterator[str]:
    """A Prometheus with our configuration that scrapes these addresses; its URL."""
    config = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": f"{SCRAPE_S:.0f}s", "evaluation_interval": f"{SCRAPE_S:.0f}s"}
    config["rule_files"] = [str(OBSERVE / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": targets}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + START_S
            while not _is_ready(f"http://{address}/-/ready"):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("Prometheus did not start")
                time.sleep(0.1)
            yield f"http://{address}"
        finally:
            process.terminate()


def _is_ready(url: str) -> bool:
    with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        return True
    return False


def ask(url: str, way: str, **query: object) -> list[dict[str, Any]]:
    """The series that Prometheus answers, those that are no numbers left out. `way` is query or query_range."""
    asked = f"{url}/api/v1/{way}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own address
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    for series in found:
        values = [series["value"]] if way == "query" else series["values"]
        series["values"] = [(at, float(value)) for at, value in values if value != "NaN"]
    return [series for series in found if series["values"]]


def without_data(url: str, seconds: float) -> list[str]:
    """The panels with a query that gives nothing over the last seconds."""
    now = time.time()
    return [
        f"{panel.title}: {query}"
        for panel in panels()
        for query, _ in panel.queries
        if not ask(url, "query_range", query=query, start=now - seconds, end=now, step=SCRAPE_S)
    ]


class Traffic:
    """Clients of all kinds that go on until the end of the block, against replicas in turn."""

    def __init__(self, urls: list[str], photos: list[Path], videos: list[Path]) -> None:
        self._over = threading.Event()
        self._threads = []
        longest = max(videos, key=lambda path: path.stat().st_size, default=Path())
        for number, url in enumerate(urls):
            jobs: list[Job] = [
                partial(_predict, photos[number % len(photos)]),
                lambda client: list(client.predict_many(photos[:8])),
                lambda client: client.predict(b"no picture"),
                lambda client: list(client.stream(self._frames(photos[0].read_bytes(), 60))),
                *([lambda client: list(client.video(longest))] if videos else []),
            ]
            self._threads += [threading.Thread(target=self._run, args=(url, job)) for job in jobs]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _frames(self, photo: bytes, count: int) -> Iterator[bytes]:
        for _ in range(count):
            if self._over.wait(0.05):
                return
            yield photo

    def _run(self, url: str, job: Job) -> None:
        with Client(url) as client:
            while not self._over.is_set():
                with suppress(FerError):
                    job(client)
                self._over.wait(0.2)


def _predict(photo: Path, client: Client) -> None:
    client.predict(photo)


def workers(pid: int) -> list[int]:
    """The worker processes of the service with this pid: all that its fork server has made."""
    made = [each for each in Tree(pid).pids()[1:] if b"forkserver" in Path(f"/proc/{each}/cmdline").read_bytes()]
    return made[1:]


def draw(url: str, since: float, out: Path) -> None:
    """All panels as a picture, over the time since then (needs matplotlib)."""
    import matplotlib

    matplotlib.use("svg" if out.suffix == ".svg" else "agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(20, 24))
    rows = max(y + height for _, y, _, height in (panel.place for panel in panels()))
    for panel in panels():
        x, y, width, height = panel.place
        axes = figure.add_axes(
            ((x + 1.0) / 24, 1 - (y + height - 1.2) / rows, (width - 1.4) / 24, (height - 2.4) / rows)
        )
        axes.set_title(f"{panel.title} ({panel.unit})" if panel.unit else panel.title, fontsize=10, loc="left")
        _draw_table(axes, url, panel) if panel.is_table else _draw_series(axes, url, panel, since)
    figure.savefig(out, dpi=70)
    pyplot.close(figure)


def _draw_series(axes: Any, url: str, panel: Panel, since: float) -> None:
    for query, legend in panel.queries:
        for series in ask(url, "query_range", query=query, start=since, end=time.time(), step=SCRAPE_S):
            name = legend
            for label, value in series["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            axes.plot([at - since for at, _ in series["values"]], [value for _, value in series["values"]], label=name)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7, loc="upper left")


def _draw_table(axes: Any, url: str, panel: Panel) -> None:
    axes.axis("off")
    (query, _), *_ = panel.queries
    found = ask(url, "query", query=query)
    if found:
        head = [*found[0]["metric"], "value"]
        cells = [
            [*(value[:16] for value in series["metric"].values()), f"{series['values'][0][1]:g}"] for series in found
        ]
        axes.table(cells, colLabels=head, loc="upper left").set_fontsize(8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", type=Path)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    photos = sorted((options.media / "photos").glob("*.jpg"))
    videos = sorted((options.media / "videos").glob("*.mp4"))
    with ExitStack() as stack:
        shadow = str(ROOT / "models" / "emotion.onnx")
        replicas = [stack.enter_context(service(FER_WORKERS="1", FER_SHADOW_MODEL=shadow)) for _ in range(2)]
        addresses = [f"127.0.0.1:{port}" for port, _ in replicas]
        url = stack.enter_context(prometheus(addresses, Path(stack.enter_context(TemporaryDirectory()))))
        # Before there are any of videos.
        worker, since = workers(replicas[0][1])[0], time.time()
        with Traffic([f"http://{address}" for address in addresses], photos, videos):
            time.sleep(options.seconds / 2)
            os.kill(worker, signal.SIGKILL)
            time.sleep(options.seconds / 2)
            empty = without_data(url, options.seconds)
            if options.out:
                draw(url, since, options.out)
    print(f"{len(panels())} panels; {len(empty)} queries gave nothing")
    print("".join(f"    {each}\n" for each in empty), end="")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())

"""What cameras and pictures need of each part of a deployment; `deploy.capacity` writes the page.

Measured figures are those of benchmarks/results/results.json; limits come from the settings and the manifests. What
nobody has measured here stands in ASSUMED, and the page calls it an assumption.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE, KUBERNETES = ROOT / "deploy" / "compose" / "haproxy", ROOT / "deploy" / "kubernetes"
# The photos that callers send in turn; see benchmarks/all.py.
IN_TURN = ("640x480, 1 face", "640x480, 7 faces", "1280x720, 1 face", "1280x720, 7 faces")
CALLERS = "8"


@dataclass(frozen=True)
class Assumed:
    """What is assumed; other values give another page."""

    price_per_core_hour: float = 0.04
    link_gbit_s: float = 10.0
    # Linux's table of connections on a node (nf_conntrack_max), and the ports of one address to another one.
    tracked_connections: int = 262_144
    local_ports: int = 28_232
    # Commands that one Valkey answers a second; counting a request or a session takes two.
    valkey_per_s: int = 50_000
    # All streams of what has failed are opened again within so many seconds.
    reopened_within_s: float = 2.0


ASSUMED = Assumed()


@dataclass(frozen=True)
class Limits:
    """What our own files allow."""

    cores: int
    busy: float
    pods: int
    compose_replicas: int
    proxy_connections: int
    streams: int


def limits() -> Limits:
    """Of the manifests for production, of HAProxy's configuration, and of the settings."""
    deployment = yaml.safe_load((KUBERNETES / "base" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    asked, most = (int(container["resources"][kind]["cpu"]) for kind in ("requests", "limits"))
    scaler = yaml.safe_load((KUBERNETES / "overlays" / "production" / "autoscaler.yaml").read_text())["spec"]
    share: int = scaler["metrics"][0]["resource"]["target"]["averageUtilization"]
    proxy, replicas = ((COMPOSE / name).read_text() for name in ("haproxy.cfg", "compose.cfg"))
    return Limits(
        cores=most,
        busy=share / 100 * asked / most,
        pods=scaler["maxReplicas"],
        compose_replicas=int(re.findall(r"server-template \w+ (\d+)", replicas)[0]),
        proxy_connections=int(re.findall(r"(?m)^    maxconn (\d+)", proxy)[0]),
        streams=Settings.model_fields["max_streams"].default,
    )


@dataclass(frozen=True)
class Measured:
    """What one detector takes."""

    answer_core_s: float
    """Core-seconds of an answer where all cores are busy: all that the machine does, the callers too."""
    faces: float
    """Faces of an answer, on average."""
    work_s: tuple[float, ...]
    """An answer's time in a worker, for each of the photos."""
    single_core_s: float
    """An answer's core-seconds where a photo has one face: the mean of those that have."""
    frames: tuple[tuple[float, float], ...]
    """Frames a second that a stream got, and the processor seconds of each, by rate."""

    def frame_core_s(self, per_s: float) -> float:
        """Of a frame of a stream with so many a second: between the two measured rates around it.

        At a low rate more of the frames are searched everywhere, so a frame takes longer.
        """
        rates = list(self.frames)
        if per_s <= rates[0][0]:
            return rates[0][1]
        for (low, at_low), (high, at_high) in pairwise(rates):
            if per_s <= high:
                return at_low + (at_high - at_low) * (per_s - low) / (high - low)
        return rates[-1][1]

    def cameras_per_core(self, per_s: float) -> float:
        """Streams of so many frames a second that keep one core wholly busy."""
        return 1 / (per_s * self.frame_core_s(per_s))


def measured(results: dict[str, Any], detector: str) -> Measured:
    callers = results["callers"][detector]
    answer_core_s = callers["cores"] / callers["callers"][CALLERS]["per_s"]
    stages = {row["photo"]: row for row in results["stages"] if (row["detector"], row["heatmaps"]) == (detector, "no")}
    rows = [stages[name] for name in IN_TURN]
    frames: dict[float, float] = {}
    for row in results["streams"]:
        if row["detector"] == detector:
            core_s = (row["cores"]["service"] + row["cores"]["workers"]) / row["per_s_all"]
            frames[row["per_s_each"]] = max(core_s, frames.get(row["per_s_each"], 0.0))
    # The same work in a loop of its own, made longer by what the service adds.
    work_s = [row["median_ms"] / 1000 for row in rows]
    longer = answer_core_s / mean(work_s)
    return Measured(
        answer_core_s,
        mean(row["faces"] for row in rows),
        tuple(each * longer for each in work_s),
        longer * mean(each for each, row in zip(work_s, rows, strict=True) if round(row["faces"]) == 1),
        tuple(sorted(frames.items())),
    )


@dataclass(frozen=True)
class Part:
    """A part of the way of a frame: how many cameras one of it is enough for, and why."""

    name: str
    cameras: float
    why: str

    def needed(self, cameras: int) -> int:
        return math.ceil(cameras / self.cameras)


def parts(of: Measured, per_s: float, allowed: Limits, frame_bytes: float, assumed: Assumed = ASSUMED) -> list[Part]:
    """All parts, a core first, for cameras of so many frames a second."""
    core = of.cameras_per_core(per_s) * allowed.busy
    replica = min(allowed.cores * core, allowed.streams)
    single = min(core, allowed.streams)
    full = f"{allowed.streams} streams (`FER_MAX_STREAMS`)"
    link = assumed.link_gbit_s * 1e9 / 8 / frame_bytes / per_s
    opened_per_s = assumed.valkey_per_s / 2
    return [
        Part("core", core, f"busy to {allowed.busy:.0%}, the autoscaler's target"),
        Part(f"replica of {allowed.cores} cores", replica, "its cores" if replica < allowed.streams else full),
        Part("compose file", allowed.compose_replicas * single, f"{allowed.compose_replicas} replicas of one core"),
        Part("production overlay", allowed.pods * replica, f"`maxReplicas: {allowed.pods}`"),
        Part("HAProxy", allowed.proxy_connections, f"`maxconn {allowed.proxy_connections}`"),
        Part(f"link of {assumed.link_gbit_s:g} Gbit/s", link, f"frames of {frame_bytes / 1000:.0f} kB"),
        Part("address of a proxy", assumed.local_ports * replica, "ports to each replica"),
        Part("connection table", assumed.tracked_connections / 2, "two entries a stream: to the proxy, to the replica"),
        Part("Valkey", opened_per_s * assumed.reopened_within_s, "all streams opened again at once"),
    ]


def bottlenecks(found: Sequence[Part], cameras: int) -> str:
    """What is not enough for so many cameras, the smallest first; a core alone is no part of a deployment."""
    short = sorted((part for part in found[1:] if part.needed(cameras) > 1), key=lambda part: part.cameras)
    return ", ".join(f"{part.name} ({part.needed(cameras):,} times)" for part in short) or "nothing"

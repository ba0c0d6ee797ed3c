"""What Ray Serve adds to an answer, beside this service: the same photo, the same Analyzer, the same callers.

    python -m benchmarks.ray_serve PHOTO [--seconds 8] [--rounds 3] [--detector haar]

Ray Serve's deployment is as small as it can be: a replica for each core, which has an Analyzer and answers with its
JSON. It has none of the service's limits, and a file that kills its process kills a replica. One caller meets one
replica and one worker, eight meet one for each core; both servers take turns. `bare` is the same work in a loop without
a server. Processor time of all processes of a server is given for each answer: other programs change it less than the
waits. Needs an environment with requirements/ray.txt and ray[serve] of the same version, which is not locked here.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from benchmarks.crowd import WARM_UP_SHARE, Caller, Tally, measure
from benchmarks.processes import START_S, Tree, service
from service import Options, load_analyzer
from service.schemas import found_json
from service.settings import available_cpus
from tests.ports import free_port

ROOT = Path(__file__).parents[1]


def deploy(port: int, replicas: int) -> None:
    """Serve until the process is ended."""
    import ray
    from ray import serve

    class Predict:
        def __init__(self) -> None:
            cv2.setNumThreads(1)
            self._analyzer = load_analyzer(threads=1)

        async def __call__(self, request: Any) -> Any:
            from starlette.responses import Response

            detector = request.query_params["detector"]
            found = self._analyzer.analyse(await request.body(), Options(detector=detector))
            return Response(found_json(found), media_type="application/json")

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # More than the replicas take: Serve's own actors are to start on any machine.
    ray.init(
        address="local",
        num_cpus=replicas + 2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    deployment = serve.deployment(num_replicas=replicas, ray_actor_options={"num_cpus": 1})(Predict)
    serve.run(deployment.bind(), route_prefix="/v1/predict")
    while True:
        time.sleep(60)


@contextmanager
def ray_serve(photo: bytes, detector: str, replicas: int) -> Iterator[tuple[int, int]]:
    """Its port and its first process, once it answers the photo."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ray_serve", "--deploy", str(port), str(replicas)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + START_S
        while not answers(f"http://127.0.0.1:{port}/v1/predict?detector={detector}", photo):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("Ray Serve did not start")
            time.sleep(0.5)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def answers(url: str, photo: bytes) -> bool:
    with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
        request = urllib.request.Request(url, photo, {"Content-Type": "image/jpeg"})  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return bool(answer.status == 200)
    return False


def bare_ms(photo: bytes, detector: Any, seconds: float) -> float:
    """Processor time of the same work without a server, for one photo."""
    cv2.setNumThreads(1)
    analyzer, options, count = load_analyzer(threads=1), Options(detector=detector), 0
    analyzer.analyse(photo, options)
    until, began_s = time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < until:
        found_json(analyzer.analyse(photo, options))
        count += 1
    return 1000 * (time.process_time() - began_s) / count


@dataclass
class Measured:
    """What callers were answered, and the processor seconds of all processes of the server meanwhile."""

    tally: Tally = field(default_factory=Tally)
    cpu_s: float = 0.0
    answers: int = 0

    def measure(self, callers: list[Caller], server: int, seconds: float) -> None:
        tally, tree = Tally(), Tree(server)
        began_s = sum(tree.cpu_s())
        asyncio.run(measure(callers, seconds, tally))
        self.cpu_s += sum(tree.cpu_s()) - began_s
        # The first answers of a round are not in the tally, but their processor time is here.
        self.answers += round(len(tally.waits_s) / (1 - WARM_UP_SHARE))
        self.tally += tally

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.answers


def compare(photo: bytes, detector: str, callers: int, cores: int, seconds: float, rounds: int) -> dict[str, Measured]:
    """Both servers with so many callers, in turn."""
    found = {"service": Measured(), "Ray Serve": Measured()}
    with service(FER_WORKERS=str(cores)) as own, ray_serve(photo, detector, cores) as other:
        for _ in range(rounds):
            for name, (port, pid) in {"service": own, "Ray Serve": other}.items():
                address = f"127.0.0.1:{port}"
                asking = [Caller(address, [photo], f"detector={detector}", patient=True) for _ in range(callers)]
                found[name].measure(asking, pid, seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detector", default="haar", choices=("haar", "centerface"))
    parser.add_argument("--deploy", nargs=2, type=int, metavar=("PORT", "REPLICAS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.deploy:
        deploy(*given.deploy)
    photo = given.photo.read_bytes()
    bare = bare_ms(photo, given.detector, given.seconds)
    print(f"{given.detector}, bare: {bare:.1f} ms of a processor")
    for callers, cores in ((1, 1), (8, available_cpus())):
        for name, each in compare(photo, given.detector, callers, cores, given.seconds, given.rounds).items():
            tally, wait_ms = each.tally, 1000 * statistics.median(each.tally.waits_s)
            print(f"{callers} at once, {name}: {each.cpu_ms:.1f} ms of a processor ({each.cpu_ms / bare - 1:+.0%}), "
                  f"{tally.per_s:.1f} answers a second, median wait {wait_ms:.1f} ms, {tally.refused} refused, "
                  f"{tally.failed} failed")  # fmt: skip


if __name__ == "__main__":
    main()

"""`python -m deploy.ray.annotate` beside bare worker processes, and killed three times beside undisturbed.

    python -m benchmarks.annotate PHOTO… [--pictures 5000] [--folder FOLDER [--part pictures|speed|kills]]

So many pictures are made: the photos with noise of a seed, so that no two are equal. Three parts:

- `pictures`: they are made, in FOLDER, which is kept where it is named.
- `speed`: bare processes, as many as cores, each with an Analyzer and nothing else, read every picture once; then
  `annotate` does. Ray's start is measured apart: a job of one picture.
- `kills`: annotate does the same into another table. After a quarter its driver is killed (SIGKILL) and started again,
  after a half one of the Ray workers, after three quarters the node (the raylet), and the job is started again.

The status is 1 where annotate reaches less than LEAST_SHARE of the bare processes' pictures a second without its start,
or where the tables differ. Needs `make .venv-ray/.ray`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from benchmarks.processes import Tree
from service import load_analyzer
from service.settings import available_cpus

RAY = Path(__file__).parents[1] / ".venv-ray" / "bin" / "python"
LEAST_SHARE = 0.85
NOISE = 6.0
PARTS = ["pictures", "speed", "kills"]
# By what their command lines hold.
KILLED = ("driver", "MapWorker", "raylet/raylet")


def make_pictures(photos: list[Path], count: int, folder: Path) -> list[Path]:
    """JPEG files 00000.jpg, …: each photo in turn, at most 640 pixels wide or high, with noise of its own."""
    random = np.random.default_rng(0)
    images = []
    for photo in photos:
        image = cv2.imread(str(photo))
        if image is None:
            raise SystemExit(f"{photo} is no picture")
        share = min(1.0, 640 / max(image.shape[:2]))
        images.append(cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        image = images[number % len(images)]
        noisy = image + random.normal(0, NOISE, image.shape)
        cv2.imwrite(str(path), noisy.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def bare(paths: list[Path], ready: "object", begin: "object") -> None:
    """One bare process: all its pictures, one after the other."""
    analyzer = load_analyzer(threads=1)
    cv2.setNumThreads(1)
    analyzer.analyse(paths[0].read_bytes())
    ready.release()  # type: ignore[attr-defined]
    begin.wait()  # type: ignore[attr-defined]
    for path in paths:
        analyzer.analyse(path.read_bytes())


def bare_seconds(paths: list[Path]) -> float:
    """Bare processes, from when all of them have loaded their models."""
    context, cores = get_context("spawn"), available_cpus()
    ready, begin = context.Semaphore(0), context.Event()
    processes = [context.Process(target=bare, args=(paths[core::cores], ready, begin)) for core in range(cores)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    began = time.perf_counter()
    begin.set()
    for process in processes:
        process.join()
    return time.perf_counter() - began


def begin(folder: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [str(RAY), "-m", "deploy.ray.annotate", str(folder), str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=os.environ
    )


def annotate_seconds(folder: Path, out: Path) -> float:
    began = time.perf_counter()
    if begin(folder, out).wait():
        raise SystemExit("annotate failed")
    return time.perf_counter() - began


def kill(job: "subprocess.Popen[bytes]", what: str) -> None:
    """The driver itself, or one of the processes that it has started, by what its command line holds."""
    if what == "driver":
        job.kill()
        return
    for pid in Tree(job.pid).pids()[1:]:
        if what in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
            os.kill(pid, signal.SIGKILL)
            return
    raise SystemExit(f"the job has no {what}")


def wait_for(parts: int, out: Path, job: "subprocess.Popen[bytes]") -> int:
    """Until so many parts are done; how many are."""
    while (done := len(list(out.with_name(f"{out.name}.parts").glob("*.parquet")))) < parts:
        if job.poll() is not None:
            raise SystemExit("annotate ended before it was killed")
        time.sleep(0.05)
    return done


def killed_and_continued(folder: Path, out: Path, parts: int) -> list[str]:
    """What was killed, and the parts that were done then; afterwards the table is complete."""
    kills = []
    job = begin(folder, out)
    for share, what in zip((0.25, 0.5, 0.75), KILLED, strict=True):
        done = wait_for(int(share * parts), out, job)
        kill(job, what)
        kills.append(f"{what} after {done}")
        # Of a worker, Ray starts another one.
        if what != "MapWorker":
            job.wait()
            job = begin(folder, out)
    if job.wait():
        raise SystemExit("annotate failed")
    return kills


def speed(paths: list[Path], folder: Path) -> bool:
    """Print both; True where annotate is fast enough."""
    (folder / "one").mkdir(exist_ok=True)
    shutil.copy(paths[0], folder / "one")
    start_s = annotate_seconds(folder / "one", folder / "one.parquet")
    bare_s = bare_seconds(paths)
    whole_s = annotate_seconds(folder / "in", folder / "whole.parquet")
    share = bare_s / (whole_s - start_s)
    print(f"{len(paths)} pictures: bare processes {bare_s:.1f} s, annotate {whole_s:.1f} s, its start {start_s:.1f} s")
    print(f"{share:.2f} of the bare processes' speed, {bare_s / whole_s:.2f} with the start")
    return share >= LEAST_SHARE


def kills(paths: list[Path], folder: Path) -> bool:
    """Print what was killed; True where the table is that of `speed`."""
    parts = -(-len(paths) // 100)
    killed = killed_and_continued(folder / "in", folder / "killed.parquet", parts)
    equal = pq.read_table(folder / "killed.parquet").equals(pq.read_table(folder / "whole.parquet"))
    print(f"killed: {', '.join(killed)} of {parts} parts; the table is {'equal' if equal else 'NOT equal'}")
    return bool(equal)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--folder", type=Path, help="is kept, so that the parts can be called one after the other")
    parser.add_argument("--part", choices=PARTS, help="default: all")
    options = parser.parse_args()
    if not RAY.exists():
        raise SystemExit("Ray is not installed: make .venv-ray/.ray")
    wanted = [options.part] if options.part else PARTS
    folder = (options.folder or Path(tempfile.mkdtemp())).resolve()
    try:
        if "pictures" in wanted:
            (folder / "in").mkdir(parents=True)
            make_pictures(options.photos, options.pictures, folder / "in")
        paths = sorted((folder / "in").glob("*.jpg"))
        good = [part(paths, folder) for name, part in (("speed", speed), ("kills", kills)) if name in wanted]
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

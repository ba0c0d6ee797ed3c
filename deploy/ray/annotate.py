"""All faces of a folder of pictures and videos as one table, on all cores of a machine or of a Ray cluster.

    make annotate IN=folder OUT=faces.parquet
    python -m deploy.ray.annotate IN OUT [--address auto] [--detector centerface] [--fps 5]

Pictures (JPEG, PNG, WebP) and videos are found in all folders under IN. OUT gets a row for each face; OUT.problems.csv
lists the files that could not be read, OUT.manifest.json says what it was made with. A call that was ended by whatever
is continued by the same call: what is done is kept in OUT.parts. On a cluster, all machines see IN, OUT and this
repository under the same paths.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
from pydantic import ValidationError
from tqdm import tqdm

from deploy.ray import parts
from deploy.ray.analysing import Analysing
from deploy.ray.job import LIMITS, Job, JobError, made_by, resolved
from deploy.ray.parts import Part, Progress
from service import ModelError
from service.classifier import EmotionClassifier
from service.detectors.available import load_detectors
from service.settings import Settings, SettingsError, load
from service.video.messages import VideoOptions

ROOT = Path(__file__).parents[2]
PART_FILES = 100


class Annotator:
    """A Ray actor: writes the rows of one part after the other."""

    def __init__(self, folder: Path, out: Path, job: Job, model: Path, columns: Any) -> None:
        """Raises JobError where this machine would answer otherwise than the driver."""
        self._folder, self._columns = folder, columns
        self._progress = Progress(out)
        self._analysing = Analysing(job.settings(model), job.options, job.fps)
        self._analysing.check(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        for number, files in zip(batch["number"], batch["files"], strict=True):
            # Ray may give a part a second time, where it has lost the answer of the first.
            if not self._progress.is_done(number):
                rows, problems = self._analysing.files(self._folder, list(files))
                self._progress.write(number, rows, problems, self._columns)
        return {"done": [len(files) for files in batch["files"]]}


def plan(
    folder: Path, settings: Settings, options: dict[str, Any], fps: float, part_files: int
) -> tuple[Job, list[Part], pa.Schema]:
    """The job of all files under a folder, its parts, and the columns of its table. Raises JobError and ModelError."""
    contract = EmotionClassifier(settings.model, threads=1).contract
    files, left_out = parts.find_files(folder)
    if not files:
        raise JobError(f"{folder} has no pictures and no videos.")
    options = resolved(settings, options)
    job = Job(
        files=len(files),
        left_out=left_out,
        names_sha256=parts.digest(files),
        part_files=part_files,
        options=options,
        fps=fps,
        limits={name: getattr(settings, name) for name in LIMITS},
        **made_by(contract, load_detectors(threads=1).searches(), options["detector"]),
    )
    return job, list(parts.parts_of(files, part_files)), parts.schema(contract.labels, votes=contract.votes is not None)


def annotate(folder: Path, out: Path, model: Path, job: Job, every: list[Part], columns: pa.Schema) -> int:
    """Do what is missing of a job that has begun, on the Ray that this process is connected to; the number of faces."""
    progress = Progress(out)
    if damaged := progress.remove_damaged():
        print(f"damaged, and done again: {', '.join(damaged)} of {progress.folder}", file=sys.stderr)
    missing = [part for part in every if not progress.is_done(part.number)]
    with tqdm(total=job.files, initial=job.files - sum(len(part.files) for part in missing), unit="file") as bar:
        for count in _run(missing, (folder, out, job, model, columns)):
            bar.update(count)
    manifest = progress.finish(job, len(every), columns)
    print(f"{manifest['files']} files, {manifest['faces']} faces: {out}")
    if manifest["problems"]:
        print(f"{manifest['problems']} files could not be read: {out}.problems.csv")
    return int(manifest["faces"])


def _run(missing: list[Part], arguments: tuple[Any, ...]) -> Iterator[int]:
    """The number of files of each part as soon as it is done."""
    if not missing:
        return
    # A head without work may be there before its workers are.
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    work = ray.data.from_items(
        [{"number": part.number, "files": part.files} for part in missing], override_num_blocks=len(missing)
    ).map_batches(
        Annotator,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(cores, len(missing))),
        num_cpus=1,
        fn_constructor_args=arguments,
    )
    for row in work.iter_rows():
        yield row["done"]


def connect(address: str | None) -> None:
    """Connect to a cluster, or start Ray on this machine. It reports nothing to its makers."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A busy machine takes longer than Ray's 60 s.
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    ray.init(
        # Without "local" a cluster that somebody else has started on this machine would be taken.
        address=address or "local",
        include_dashboard=False,
        logging_level="warning",
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT", help="the table, a Parquet file")
    parser.add_argument("--address", help="the Ray cluster (default: this machine)")
    parser.add_argument("--model", type=Path, help="the ONNX file (default: FER_MODEL, or the shipped one)")
    parser.add_argument("--detector", choices=("haar", "centerface"), help="(default: FER_DETECTOR, or haar)")
    parser.add_argument("--min-face-px", type=int, help="search for faces from this width on, pixels")
    parser.add_argument("--max-faces", type=int, help="most faces of a picture or frame")
    parser.add_argument("--fps", type=float, default=5.0, help="frames of a video that are analysed a second")
    parser.add_argument("--part-files", type=int, default=PART_FILES, help="pictures that are done together")
    given = parser.parse_args(arguments)
    named = {name: getattr(given, name) for name in ("detector", "min_face_px", "max_faces")}
    options = {name: value for name, value in named.items() if value is not None}
    try:
        VideoOptions(**options, fps=given.fps)
        settings, folder, out = load(), given.folder.resolve(), given.out.resolve()
        model = (given.model or settings.model).resolve()
        planned = plan(folder, settings.model_copy(update={"model": model}), options, given.fps, given.part_files)
        Progress(out).begin(planned[0])
        # Later than what may be refused: it takes some seconds.
        connect(given.address)
        annotate(folder, out, model, *planned)
    except (JobError, ModelError, SettingsError, ValidationError) as error:
        print(error, file=sys.stderr)
        return 1
    except ray.exceptions.ActorDiedError as error:
        # Ray has logged all of it. The last line is what the machine said that cannot do the job.
        print(str(error).rstrip().rpartition("\n")[2], file=sys.stderr)
        return 1
    finally:
        ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

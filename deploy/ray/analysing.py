"""The files of a part to the rows of a table, by the service's own workers.

A worker is a process that the kernel limits and that is killed at its deadline, as in the service: a file that ends it
costs itself alone, and is listed with its problem's code.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from deploy.ray.job import Job
from deploy.ray.parts import Problem, Row, is_video
from service import problems
from service.loading import start_serving
from service.schemas import PredictOptions
from service.serving import Serving
from service.settings import Settings
from service.tasks import image_task
from service.video.analysis import video_task
from service.video.messages import VideoOptions
from service.workers import solo
from service.workers.channel import Upload
from service.workers.failures import Losses
from service.workers.worker import WorkerFault


class Analysing:
    """One worker of the service, and the options of every file."""

    def __init__(self, settings: Settings, options: dict[str, Any], fps: float) -> None:
        """`options` are those of `PredictOptions`. Raises ModelError, StartRefused."""
        self._options = PredictOptions(**options)
        self._video_options = VideoOptions(**options, fps=fps)
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._serving: Serving = self._loop.run_until_complete(start_serving(settings))

    def check(self, job: Job) -> None:
        """Raises JobError where the answers would not be those of the job's driver."""
        job.check(self._serving.contract, self._serving.detectors)

    def close(self) -> None:
        self._loop.run_until_complete(self._serving.pool.close())
        self._loop.close()

    def files(self, folder: Path, names: list[str]) -> tuple[list[Row], list[Problem]]:
        """A row for each face of the files, in the order of the files; and what could not be read."""
        rows: list[Row] = []
        bad: list[Problem] = []
        for name in names:
            try:
                rows += self._loop.run_until_complete(self._file(folder / name, name))
            except problems.Problem as problem:
                bad.append(Problem(name, problem.code, problem.detail))
            except WorkerFault as error:
                # A fault of ours with this file: the others are read nevertheless. The last line says what was raised.
                bad.append(Problem(name, problems.Internal.code, str(error).rstrip().rpartition("\n")[2]))
            except _BrokenOff as error:
                bad.append(Problem(name, error.code, str(error)))
            except OSError as error:
                bad.append(Problem(name, "unreadable", str(error)))
        return rows, bad

    async def _file(self, path: Path, name: str) -> list[Row]:
        if is_video(name):
            return [row async for row in self._video(path, name)]
        if path.stat().st_size > (most := self._settings.max_body_bytes):
            raise problems.BodyTooLarge(f"The file has more than {most:,} bytes.", limit=most)
        answer = await self._serving.pool.run(image_task(self._options.options()), path.read_bytes())
        return [_row(name, number, face) for number, face in enumerate(json.loads(answer.payload)["faces"])]

    async def _video(self, path: Path, name: str) -> AsyncIterator[Row]:
        task = video_task(self._video_options, name, "")
        # Of any size: the worker reads the file where it lies, and no memory holds it.
        upload = Upload(path)
        if upload.size == 0:
            upload.close()
            raise problems.MalformedBody("The file is empty; it should be a video.")
        async with aclosing(solo.answers(self._serving.video_plan, task, upload, Losses())) as answers:
            async for header, payload in answers:
                if "code" in header:
                    raise _BrokenOff(header["code"], json.loads(payload)["detail"])
                for line in map(json.loads, payload.splitlines()):
                    if line["type"] == "frame":
                        place = {"index": line["index"], "time_s": line["time_s"]}
                        for number, face in enumerate(line["faces"]):
                            yield _row(name, number, face, **place)


class _BrokenOff(Exception):
    """A video that was read to a place and no further: it has no rows."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _row(name: str, number: int, face: dict[str, Any], **place: Any) -> Row:
    """A face by the names of `parts.schema`; those of the service's CSV and of the client's tables."""
    votes = {f"votes_{label}": share for label, share in (face["votes"] or {}).items()}
    return {
        "file": name,
        **place,
        "face": number,
        "track_id": face["track_id"],
        **face["box"],
        "emotion": face["emotion"],
        "confidence": face["confidence"],
        "uncertain": face["uncertain"],
        "prediction_set": " ".join(face["prediction_set"]),
        **face["emotions"],
        **votes,
    }

"""From a model file to workers that answer: at the start, and again when the file was replaced."""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import NamedTuple

from .classifier import ModelError, read_model
from .detectors.available import Searches
from .keys import Keys, KeysError
from .serving import Serving
from .settings import Settings
from .state import State
from .tasks import contract_of, plan_images
from .video.analysis import plan_videos
from .workers.pool import WorkerPool
from .workers.worker import StartRefused

log = logging.getLogger("service")

# Between two looks at the model file. It is read once it was the same twice: a copy takes a while.
_LOOK_S = 2.0

Stamp = tuple[int, ...]


class Files(NamedTuple):
    """The model files as they were read; `shadow` is that of the model that reads along."""

    model: bytes
    shadow: bytes | None

    @property
    def sha256(self) -> list[str | None]:
        return [None if file is None else hashlib.sha256(file).hexdigest() for file in self]


def read_files(settings: Settings, shadow_before: bytes | None = None) -> Files:
    """The files of the settings. A shadow model whose file is missing stays what it was before. Raises ModelError."""
    model, path = read_model(settings.model), settings.shadow_model
    if path is None:
        return Files(model, None)
    if shadow_before is not None and not path.is_file():
        return Files(model, shadow_before)
    return Files(model, read_model(path, "FER_SHADOW_MODEL names a model file that reads along"))


async def start_serving(settings: Settings, files: Files | None = None) -> Serving:
    """Workers with the files, or those of the settings, warmed up. Raises ModelError, StartRefused."""
    # Read once: a worker that is started later must not meet another file under the same name.
    if files is None:
        files = await asyncio.to_thread(read_files, settings)
    model, shadow = files
    pool = WorkerPool(
        plan_images(settings, model, shadow),
        workers=settings.workers,
        queue=settings.queue,
        inbox_bytes=max(settings.max_body_bytes, settings.max_frame_bytes),
    )
    await pool.start()
    return Serving(
        contract=contract_of(pool.about["contract"]),
        model_file=model,
        detectors=Searches(**pool.about["detectors"]),
        pool=pool,
        video_plan=plan_videos(settings, model),
        shadow=contract_of(pool.about["shadow"]) if "shadow" in pool.about else None,
        shadow_file=shadow,
    )


class Reloading:
    """Serves a new model file as soon as it is there, and reads the keys again at SIGHUP (`state.reload`).

    The file is checked and warmed up in new workers beside the old ones, which answer meanwhile. One that is refused
    changes nothing but the log and a metric.
    """

    def __init__(self, state: State, keys: Keys) -> None:
        self._state, self._keys = state, keys
        self._path, self._shadow_path = state.settings.model, state.settings.shadow_model
        self._shadow_stamp: Stamp | None = None
        self._stamp = self._seen = self._stamp_now()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._state.reload.wait()
            except TimeoutError:
                await self._look()
            else:
                self._state.reload.clear()
                self._load_keys()
                await self._load_model()

    async def _look(self) -> None:
        before, self._seen = self._seen, self._stamp_now()
        if self._seen is not None and self._seen == before != self._stamp:
            await self._load_model()

    def _load_keys(self) -> None:
        try:
            self._keys.load()
        except KeysError as error:
            log.error("the new keys are refused, the old ones still hold: %s", error)

    async def _load_model(self) -> None:
        # A file that is refused is not tried again before it changes.
        self._stamp = self._seen = self._stamp_now()
        old, settings = self._state.serving, self._state.settings
        try:
            files = await asyncio.to_thread(read_files, settings, old.shadow_file)
            model, shadow = files.sha256
            if (model, shadow) == (old.contract.sha256, old.shadow and old.shadow.sha256):
                log.info("%s is the file that is served already", self._path)
                return
            new = await start_serving(settings, files)
        except (ModelError, StartRefused, OSError) as error:
            self._refuse(error)
            return
        if new.contract.labels != old.contract.labels:
            await new.pool.close()
            self._refuse("it has other labels, which clients have been told; restart the service to serve it")
            return
        self._state.serving = new
        if new.contract.sha256 != old.contract.sha256:
            self._state.metrics.count_model("served")
            log.info("the model was replaced: %s %s is served now", self._path, new.contract.version)
        if new.shadow is not None and old.shadow != new.shadow:
            log.info("the shadow model was replaced: %s %s reads along now", self._shadow_path, new.shadow.version)
        self._state.retire(old.pool)

    def _stamp_now(self) -> tuple[Stamp, Stamp | None] | None:
        """What changes with either file; None while the model file is missing.

        A shadow model's file that is missing has not changed: a new model is served without waiting for it.
        """
        if self._shadow_path is not None:
            self._shadow_stamp = stamp_of(self._shadow_path) or self._shadow_stamp
        model = stamp_of(self._path)
        return None if model is None else (model, self._shadow_stamp)

    def _refuse(self, reason: object) -> None:
        self._state.metrics.count_model("refused")
        served = self._state.serving.contract.version
        log.error("the new model is refused, %s is served on: %s", served, reason)


def stamp_of(path: Path) -> Stamp | None:
    """What changes with the file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

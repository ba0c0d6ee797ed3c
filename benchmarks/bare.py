"""The work of a worker in a bare loop: decode, detect, crop, classify, encode, without a service around it.

    python -m benchmarks.bare PHOTO… [--threads 2] [--options detector=haar] [--seconds 5]

The same function as in a worker. Prints answers a second and medians by stage. With --loop it is one of the programs
of benchmarks/loops.py.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl

from benchmarks import loops
from service.analysis import Options
from service.settings import Settings
from service.tasks import image_task, load_images
from service.workers.channel import Body
from service.workers.process import Handler

Work = Callable[[int], dict[str, float]]


def load(threads: int) -> Handler:
    """What a worker answers tasks with, for so many threads."""
    settings = Settings()
    model = settings.model.read_bytes()
    handler, _ = load_images(settings.model, model, settings.detector, threads, settings.max_pixels)
    return handler


def prepare(handler: Handler, photos: Sequence[bytes], options: Options, threads: int) -> Work:
    """A function that answers the n-th photo, in turn, and returns milliseconds by stage and the number of faces."""
    task = {**image_task(options), "threads": threads}

    def work(number: int) -> dict[str, float]:
        ((header, _),) = handler(task, Body(photos[number % len(photos)]))
        return {**header["timing_ms"], "faces": header["faces"]}

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--options", default="", help="as the query of a request")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--loop", action="store_true")
    given = parser.parse_args()
    options = Options(**dict(parse_qsl(given.options)))
    work = prepare(load(given.threads), [photo.read_bytes() for photo in given.photos], options, given.threads)
    if given.loop:
        loops.serve(work)
    else:
        print(json.dumps(loops.measure(work, given.seconds), indent=1))


if __name__ == "__main__":
    main()

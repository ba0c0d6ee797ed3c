"""Real files to begin with."""

from functools import cache

import cv2
import numpy as np
from hypothesis import strategies as st

from tests.fuzz.damage import damaged
from tests.service.clips import clip, steady
from tests.service.conftest import ROOT, SHARED_MEDIA

# A megabyte takes as long as a hundred small files, and has no more places where decoders decide.
_MOST_BYTES = 20_000
_FOUND = ROOT / "tests" / "fuzz" / "found"


@cache
def images() -> tuple[bytes, ...]:
    """Small image files of every kind that is taken, those that were found to be trouble, and hostile ones."""
    noise = np.random.default_rng(0)
    pixels = [noise.integers(0, 255, shape, np.uint8) for shape in ((8, 8), (16, 24, 3), (7, 5, 4))]
    made = [cv2.imencode(kind, each)[1].tobytes() for kind in (".jpg", ".png", ".webp") for each in pixels]
    made.append(cv2.imencode(".jpg", pixels[1], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes())
    made.append(cv2.imencode(".png", pixels[1].astype(np.uint16) * 257)[1].tobytes())
    made.append(cv2.imencode(".webp", pixels[1], [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes())
    folders = (_FOUND, SHARED_MEDIA / "formats", SHARED_MEDIA / "hostile")
    # Without the shared folder there are fewer, and a run is another one.
    paths = sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return (*made, *(path.read_bytes() for path in paths if 0 < path.stat().st_size < _MOST_BYTES))


@cache
def videos() -> tuple[bytes, ...]:
    """Small videos in each container that is taken."""
    kinds = (("mp4", "libx264"), ("mov", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mjpeg"))
    return tuple(clip(steady(0.4), container=container, codec=codec) for container, codec in kinds)


def damaged_files(files: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Some of these files, damaged."""
    return st.builds(damaged, st.sampled_from(files), st.randoms(use_true_random=False))

"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

HELD = """
import ctypes
from pathlib import Path
from service.workers.heap import bound_heap
{bound}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def filled(size):
    place = libc.malloc(size)
    ctypes.memset(place, 1, size)
    return place

# The first one teaches glibc that such sizes are usual; behind the second, memory at the heap's end is in use.
libc.free(filled(30 * 2**20))
large, pin = filled(25 * 2**20), [filled(2**16) for _ in range(64)]
libc.free(large)
rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
print(next(int(row.split()[1]) for row in rows if row.startswith("Rss:")) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's heap")
def test_a_large_image_leaves_no_memory_behind() -> None:
    """25 MB, of which glibc would keep all because of what was allocated after it."""
    held = [
        int(subprocess.run([sys.executable, "-c", HELD.format(bound=bound)], check=True, capture_output=True).stdout)
        for bound in ("", "bound_heap()")
    ]
    assert held[0] - held[1] > 15

"""What a worker gives up: files, sockets, programs, power over other processes, and memory without end.

Resource limits, `no_new_privs` and Landlock, which need no other library. Before a worker starts any thread, it gives
up what loading does not need, since Landlock and `no_new_privs` hold for the threads that are started afterwards. Once
its models are loaded, its limit on open files becomes 0: the kernel then refuses every new descriptor, so that no file
can be read either, and no socket made.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from . import landlock

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
# Of the kernel's scale from -1000 to 1000: where memory runs out, a worker goes before the service.
_OOM_SCORE = "500"


def give_up_rights() -> None:
    """Give up what loading models does not need. Call it in a process of one thread.

    Nothing of it can be taken back. Systems other than Linux have none of it, older kernels no Landlock.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        with suppress(OSError):
            landlock.restrict()


def lock_down(headroom_bytes: int) -> None:
    """Give up what decoding and reading a face does not need; `headroom_bytes` of memory may still be added.

    Nothing of it can be taken back. On systems other than Linux some limits do not exist and are left out.
    """
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    if sys.platform == "linux":
        limits["RLIMIT_AS"] = _address_space_bytes() + headroom_bytes
        _prctl(_PR_SET_DUMPABLE, 0)
    limits["RLIMIT_NOFILE"] = 0
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def end_after(seconds: float) -> None:
    """The kernel ends this process after that time, even where the service is gone and cannot; 0: no longer."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} was refused")

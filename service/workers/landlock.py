"""Landlock: a process gives up rights to the file system, to the network and over other processes (Linux 5.13 on).

The limit on open files refuses what needs a new descriptor. Paths can be made, removed, renamed and emptied, programs
executed and other processes signalled without one: that is what this is for. Two system calls, whose numbers are the
same on all processors. https://docs.kernel.org/userspace-api/landlock.html describes both, and all values below.
"""

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1

# Of the file system, by the version of Landlock that brought them: to execute, write, remove, and make seven kinds of
# files; to move between folders; to empty files; to control devices. Reading, bits 2 and 3, stays: models are loaded
# after this, and later the limit on open files refuses it.
_FILES = {1: 0b1_1111_1111_0011, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
# To bind and to connect TCP sockets.
_NETWORK = {4: 0b11}
# Towards processes that have not given up the same: abstract Unix sockets and signals.
_OTHERS = {6: 0b11}


def version() -> int:
    """The version of Landlock that the kernel has; 0 where it has none, or does not let this process use it."""
    try:
        return _call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict() -> None:
    """Give up all of that which the kernel knows, for this thread and those that it starts. It needs `no_new_privs`.

    Raises OSError where the kernel refuses.
    """
    has = version()
    handled = (sum(bits for since, bits in rights.items() if since <= has) for rights in (_FILES, _NETWORK, _OTHERS))
    # Rights that are handled, and no rule that allows any of them. Older kernels take the longer structure, too, since
    # what they do not know in it is 0.
    rules = (ctypes.c_uint64 * 3)(*handled)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    try:
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(ctypes.c_long(number), *(_wide(each) for each in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number} was refused")
    return result


def _wide(argument: object) -> object:
    """Integers as wide as the kernel reads them."""
    return ctypes.c_long(argument) if isinstance(argument, int) else argument

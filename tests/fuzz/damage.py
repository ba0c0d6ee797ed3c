"""What damages a file, at random."""

import random
import struct
from collections.abc import Callable

# What lengths and sizes are compared with.
_LIMITS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1)


def _flip(body: bytearray, at: int, dice: random.Random) -> None:
    body[at] ^= 1 << dice.randrange(8)


def _replace(body: bytearray, at: int, dice: random.Random) -> None:
    body[at] = dice.randrange(256)


def _remove(body: bytearray, at: int, dice: random.Random) -> None:
    del body[at : at + dice.choice((1, 2, 4, 16, 1000))]


def _insert(body: bytearray, at: int, dice: random.Random) -> None:
    body[at:at] = dice.randbytes(dice.choice((1, 2, 4, 16)))


def _claim(body: bytearray, at: int, dice: random.Random) -> None:
    """Another length or size."""
    kind = dice.choice((">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(kind)
    body[at : at + size] = struct.pack(kind, dice.choice(_LIMITS) % 256**size)


def _cut(body: bytearray, at: int, dice: random.Random) -> None:
    del body[at:]


def _repeat(body: bytearray, at: int, dice: random.Random) -> None:
    part = body[at : at + dice.choice((4, 12, 25, 60, 200))]
    body[at:at] = part * dice.choice((1, 1, 1, 200))


_DAMAGES: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    *(_flip, _replace, _remove, _insert, _claim, _claim, _cut, _repeat),
)


def damaged(body: bytes, dice: random.Random) -> bytes:
    """The file with some of its bytes changed, mostly near its beginning, where sizes and lengths stand."""
    changed = bytearray(body)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        if changed:
            at = dice.randrange(min(len(changed), dice.choice((40, 200, 1000, 2**31))))
            dice.choice(_DAMAGES)(changed, at, dice)
    return bytes(changed)

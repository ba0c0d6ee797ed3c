"""The keys of clients: `python -m service.keys FILE NAME` makes one, the service checks what clients send.

A line of the file is the SHA-256 of a key, a space and the name of whoever has it; `#` begins a comment. A key is 256
random bits, so that its plain hash is enough: there is nothing to guess, as there is with a password.
"""

import argparse
import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
from pathlib import Path

log = logging.getLogger("service.keys")

# Paths below this need a key and are counted; the page's own files, descriptions and probes do not.
INTERFACE = "/v1/"
# Scanners that look for secrets in code find it by its beginning.
_PREFIX = "fer_"
_KEY_BYTES = 32
_LINE = re.compile(r"([0-9a-f]{64})\s+(\S+)\s*")
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class KeysError(Exception):
    """The file of keys cannot be used; the message names it, and the line."""


class Keys:
    """The keys of a file. Without a file no client needs one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._names: dict[str, str] = {}

    @property
    def are_needed(self) -> bool:
        return self._path is not None

    def load(self) -> None:
        """Read the file, also again after it has changed. Raises KeysError; what was read before then still holds."""
        if self._path is not None:
            self._names = read_keys(self._path)
            log.info("%d keys of clients", len(self._names))

    def name_of(self, key: str) -> str | None:
        """Whose key that is; None for one that is not in the file. Takes as long for any key."""
        given, found = digest(key), None
        for each, name in self._names.items():
            if hmac.compare_digest(each, given):
                found = name
        return found


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> dict[str, str]:
    """The name of each key's owner by the key's hash. Raises KeysError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from error
    names = {}
    for number, line in enumerate(lines, 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        found = _LINE.fullmatch(content)
        if found is None or not _NAME.fullmatch(found[2]):
            raise KeysError(
                f"{path}, line {number} is no hash and name; make a key with `python -m service.keys {path} NAME`."
            )
        names[found[1]] = found[2]
    if not names:
        raise KeysError(f"{path} has no key; make one with `python -m service.keys {path} NAME`.")
    return names


def add_key(path: Path, name: str) -> str:
    """A new key, whose hash is added to the file under `name`. Raises OSError, and ValueError for what is no name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: up to 64 letters, digits, and . _ @ -")
    key = _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    # Only its owner may read a new file: hashes say nothing of the keys, but who has one.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
        file.write(f"{digest(key)} {name}\n")
    return key


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m service.keys",
        description="Makes a key for a client: its hash is added to FILE, the key itself is printed once and kept "
        "nowhere. To take a key back, delete its line and send the service SIGHUP, or restart it.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file of the setting FER_API_KEYS_FILE")
    parser.add_argument("name", metavar="NAME", help="who gets the key; several keys may have one name")
    arguments = parser.parse_args()
    try:
        key = add_key(arguments.file, arguments.name)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

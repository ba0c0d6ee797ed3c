"""Whether the changelog is ready for a version."""

import re

from release import ReleaseError


def check(changelog: str, version: str, *, draft: bool) -> None:
    """Raises ReleaseError unless the changelog begins with that version and its day, which a draft does not need."""
    found = re.search(r"(?m)^## \[(.+?)\] - (\S+)$", changelog)
    if found is None or found[1] != version:
        raise ReleaseError(f"CHANGELOG.md does not begin with {version}, the version of service/__init__.py.")
    if not draft and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", found[2]):
        raise ReleaseError(
            f"CHANGELOG.md says {found[2]!r} for {version}: write the day of the release (DRAFT=1: later)."
        )

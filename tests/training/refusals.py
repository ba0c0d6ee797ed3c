"""How unusable data is refused."""

from pathlib import Path

import pytest

from training.data.dataset import DataError
from training.data.load import load


def refused(path: Path, *, partial: bool = True) -> str:
    """The sentence with which a file is refused; nothing of it may stay in the cache."""
    cache = path.parent / "refused-cache"
    with pytest.raises(DataError) as caught:
        load(path, partial=partial, cache_dir=cache)
    assert not list(cache.glob("*"))
    assert "\n" not in str(caught.value)
    return str(caught.value)

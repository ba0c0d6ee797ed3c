"""Files are parsed once, then read from the cache."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.refusals import refused
from training.data.dataset import DataError, Dataset
from training.data.fer2013_csv import OFFICIAL_COUNTS
from training.data.load import load
from training.data.votes import VOTE_COLUMNS, load_votes


def test_second_start_reads_the_cache(data: Dataset, csv_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(csv_path.read_bytes())
    load(path, partial=True, cache_dir=tmp_path / "cache")
    before = path.stat()
    # Same name, size and time: if the file were read again, this would show.
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(path, partial=True, cache_dir=tmp_path / "cache").sha256 == data.sha256
    path.write_bytes(bytes(before.st_size))
    assert "line 1" in refused(path)


def test_two_that_read_it_first_at_the_same_time(
    data: Dataset, csv_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, write = tmp_path / "cache", np.savez

    def write_while_another_does(*arguments: Any, **arrays: Any) -> None:
        monkeypatch.setattr(np, "savez", write)
        write(*arguments, **arrays)
        load(csv_path, partial=True, cache_dir=cache)

    monkeypatch.setattr(np, "savez", write_while_another_does)
    for _ in range(2):
        assert load(csv_path, partial=True, cache_dir=cache).sha256 == data.sha256
    assert len(list(cache.iterdir())) == 1


def test_cache_of_a_partial_file_does_not_pass_for_the_whole(csv_path: Path) -> None:
    cache = csv_path.parent / "cache"
    load(csv_path, partial=True, cache_dir=cache)
    with pytest.raises(DataError, match="cut short"):
        load(csv_path, cache_dir=cache)


def test_fer2013_itself(fer2013: Path, real_data: Dataset) -> None:
    assert tuple(len(split) for split in real_data.splits().values()) == OFFICIAL_COUNTS
    assert real_data.counts()["validation"] == [467, 56, 496, 895, 653, 415, 607]
    # Of the processor: other programs would disturb the clock.
    started = time.process_time()
    load(fer2013, cache_dir=Path(__file__).parents[3] / ".cache")
    assert time.process_time() - started < 2
    votes = load_votes(fer2013.with_name("fer2013new.csv"), real_data)
    assert [part.shape for part in votes.values()] == [(count, len(VOTE_COLUMNS)) for count in OFFICIAL_COUNTS]
    assert votes["train"].sum(1).max() == 10

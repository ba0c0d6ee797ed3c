"""FER+'s votes go with FER-2013's rows."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.csv_files import votes_of, write_votes
from tests.training.pictures import write_faces
from training.data.dataset import DataError, Dataset, Split
from training.data.load import load
from training.data.votes import load_votes


def test_votes_come_by_split(data: Dataset, tmp_path: Path) -> None:
    votes = load_votes(write_votes(tmp_path / "votes.csv", data), data)
    assert [part.shape for part in votes.values()] == [(63, 10), (42, 10), (21, 10)]
    np.testing.assert_array_equal(votes["train"][0], [10, 0, 0, 0, 0, 0, 0, 0, 0, 1])


def test_bad_votes_are_refused(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    with pytest.raises(DataError, match="does not exist"):
        load_votes(path, data)
    path.write_text("Usage,neutral\nTraining,1\n")
    with pytest.raises(DataError, match="line 1: no column happiness"):
        load_votes(path, data)
    with pytest.raises(DataError, match="line 2: the votes are not ten whole numbers"):
        load_votes(write_votes(path, data, [[*votes_of(neutral=10)[:-1], "many"]] * 126), data)
    path.write_text("\n".join(write_votes(path, data).read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match="do not match the faces"):
        load_votes(path, data)


def test_votes_do_not_fit_folders_of_the_same_faces(data: Dataset, splits: dict[str, Split], tmp_path: Path) -> None:
    read = load(write_faces(tmp_path / "fer", splits, prefixed=True), cache_dir=tmp_path / "cache")
    with pytest.raises(DataError, match="votes need FER-2013's full CSV"):
        load_votes(write_votes(tmp_path / "votes.csv", data), read)

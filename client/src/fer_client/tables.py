"""Results as tables: rows, pandas, Parquet. The last two need `pip install "fer-client[table]"`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_client.results import Result, VideoFrame

if TYPE_CHECKING:
    import pandas

# Columns of text; all others are numbers, or true and false.
_TEXT = ("file", "emotion", "prediction_set", "error")


def rows(answers: Iterable[Result | VideoFrame]) -> list[dict[str, Any]]:
    """A row for each face of each answer: the columns of the service's CSV that it has, then each label."""
    return [row for answer in answers for row in answer.rows()]


def to_pandas(answers: Iterable[Result | VideoFrame]) -> "pandas.DataFrame":
    """The rows of all answers as one DataFrame. Raises ImportError without the extra."""
    import pandas

    return pandas.DataFrame(rows(answers))


def csv_to_parquet(source: Path, target: Path) -> None:
    """The service's CSV as Parquet. Raises ImportError without the extra."""
    import pandas

    names = pandas.read_csv(source, nrows=0).columns
    frame = pandas.read_csv(source, dtype={name: "string" for name in _TEXT if name in names})
    frame.to_parquet(target, index=False)

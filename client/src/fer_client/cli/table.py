"""Results of files as CSV: the service's own columns, after one for the file."""

import csv
import io
from collections.abc import Iterable

from fer_client.cli.text import error_text
from fer_client.errors import ServiceError
from fer_client.results import Face, Limits, ModelDescription, Result

FILE, VOTES_PREFIX, ERROR = "file", "votes_", "error"


class Table:
    """Rows with the file, the service's `columns` in its order, a column per label, and one for an error.

    Where the model has a votes head, another column per label has the votes.

    A column that says nothing about photos, such as the time in a video, is empty.
    """

    def __init__(self, columns: Iterable[str], labels: Iterable[str], *, has_votes: bool = False):
        self._columns, self._labels = list(columns), list(labels)
        self._voted = self._labels if has_votes else []

    def header(self) -> str:
        votes = [f"{VOTES_PREFIX}{label}" for label in self._voted]
        return _row([FILE, *self._columns, *self._labels, *votes, ERROR])

    def result(self, file: str, result: Result) -> list[str]:
        """A row for each face, counted from 0; without a face, one row with nothing but the file."""
        rows = [[*self._cells(number, face), ""] for number, face in enumerate(result.faces)]
        return [_row([file, *row]) for row in rows] or [self.nothing(file)]

    def error(self, file: str, error: Exception) -> str:
        """A row with the file and the error: the code and the detail, as in a video's CSV."""
        text = f"{error.code}: {error.detail}" if isinstance(error, ServiceError) else error_text(error)
        return _row([file, *self._empty(text)])

    def row(self, file: str, cells: Iterable[str]) -> str:
        """A row of the service's own CSV, after the file."""
        return _row([file, *cells])

    def nothing(self, file: str) -> str:
        """The row of a file without a face."""
        return _row([file, *self._empty("")])

    def _cells(self, number: int, face: Face) -> list[object]:
        values = face_values(number, face)
        return [
            *(values.get(column, "") for column in self._columns),
            *(face.emotions.get(label, "") for label in self._labels),
            *((face.votes or {}).get(label, "") for label in self._voted),
        ]

    def _empty(self, error: str) -> list[object]:
        return [*[""] * (len(self._columns) + len(self._labels) + len(self._voted)), error]


def service_table(model: ModelDescription, limits: Limits) -> Table:
    """The table with the columns of a service."""
    has_votes = any(head.option == "votes" for head in model.heads)
    return Table(limits.csv_columns, model.labels, has_votes=has_votes)


def face_values(number: int, face: Face) -> dict[str, object]:
    """The cells of a photo's face, by column."""
    return {
        "face": number,
        "x": face.box.x,
        "y": face.box.y,
        "width": face.box.width,
        "height": face.box.height,
        "emotion": face.emotion,
        "confidence": face.confidence,
        "uncertain": str(face.uncertain).lower(),
        "prediction_set": " ".join(face.prediction_set),
    }


def _row(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()

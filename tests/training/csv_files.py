"""FER-2013's CSV and FER+'s votes as files, from arrays."""

import gzip
import lzma
import zipfile
from pathlib import Path

from training.data.dataset import FER2013_SPLITS, Dataset, Split
from training.data.votes import VOTE_COLUMNS


def write_csv(path: Path, splits: dict[str, Split], columns: tuple[str, ...] = ("emotion", "pixels", "Usage")) -> Path:
    """As Kaggle ships it; `columns` in any order, with or without spaces."""
    lines = [",".join(columns)]
    for usage, split in zip(FER2013_SPLITS, splits.values(), strict=True):
        for face, label in zip(split.faces, split.labels, strict=True):
            values = {"emotion": str(label), "pixels": " ".join(map(str, face.ravel())), "Usage": usage}
            lines.append(",".join(values[column.strip()] for column in columns))
    path.write_text("\n".join(lines) + "\n")
    return path


def compress(path: Path, form: str) -> Path:
    """The file packed as gz, xz or zip, beside it."""
    packed = path.with_name(f"{path.name}.{form}")
    if form == "gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    elif form == "xz":
        packed.write_bytes(lzma.compress(path.read_bytes(), preset=0))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, "fer2013/fer2013.csv")
    return packed


def votes_of(**counts: int) -> list[int]:
    """The votes for one face, by FER+'s column names."""
    return [counts.get(name, 0) for name in VOTE_COLUMNS]


def write_votes(path: Path, data: Dataset, rows: list[list] | None = None) -> Path:
    """fer2013new.csv with these votes, otherwise ten for neutral and one for not a face."""
    usages = [usage for usage, s in zip(FER2013_SPLITS, data.splits().values(), strict=True) for _ in s.labels]
    rows = rows or [votes_of(neutral=10, NF=1)] * len(usages)
    lines = [f"{usage},,{','.join(map(str, row))}" for usage, row in zip(usages, rows, strict=True)]
    path.write_text("\n".join([f"Usage,Image name,{','.join(VOTE_COLUMNS)}", *lines]) + "\n")
    return path

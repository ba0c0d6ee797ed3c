"""Every form that FER-2013's CSV comes in, and every way in which it can be wrong."""

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.csv_files import compress, write_csv
from tests.training.refusals import refused
from training.data.dataset import LABELS, SIZE, Dataset, Split
from training.data.load import load

# --- forms -------------------------------------------------------------------------------------


def test_csv(data: Dataset, splits: dict[str, Split]) -> None:
    for name, read in data.splits().items():
        np.testing.assert_array_equal(read.faces, splits[name].faces)
        np.testing.assert_array_equal(read.labels, splits[name].labels)
    assert data.counts() == {"train": [9] * 7, "validation": [6] * 7, "test": [3] * 7}
    assert data.note == ""
    assert (data.name, data.labels) == ("FER-2013", LABELS)


def test_icml_columns(data: Dataset, splits: dict[str, Split], tmp_path: Path) -> None:
    path = write_csv(tmp_path / "icml_face_data.csv", splits, ("emotion", " Usage", " pixels"))
    assert load(path, partial=True, cache_dir=tmp_path).sha256 == data.sha256


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
def test_packed_csv_is_the_same_data(data: Dataset, csv_path: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    assert load(compress(tmp_path / "fer2013.csv", form), partial=True, cache_dir=tmp_path).sha256 == data.sha256


def test_kaggle_s_archive_is_the_same_data(data: Dataset, csv_path: Path, tmp_path: Path) -> None:
    packed = tmp_path / "fer2013.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(csv_path, "fer2013/README")
        archive.add(csv_path, "fer2013/fer2013.csv")
    assert load(packed, partial=True, cache_dir=tmp_path).sha256 == data.sha256
    with zipfile.ZipFile(tmp_path / "challenges.zip", "w") as outer:
        outer.writestr("example_submission.csv", "id,emotion")
        outer.write(packed, packed.name)
    assert load(tmp_path / "challenges.zip", partial=True, cache_dir=tmp_path).sha256 == data.sha256
    body = packed.read_bytes()
    packed.write_bytes(body[: len(body) // 2])
    assert "cut short or damaged" in refused(packed)
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(csv_path, "readme.txt")
    assert "holds neither fer2013.csv nor icml_face_data.csv" in refused(packed)


def test_a_csv_that_an_editor_saved_is_the_same_data(data: Dataset, csv_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv_path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert load(path, partial=True, cache_dir=tmp_path).sha256 == data.sha256


# --- errors ------------------------------------------------------------------------------------


def test_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    assert "does not exist; FER-2013 is on Kaggle" in refused(tmp_path / "fer2013.csv")


BLACK = " ".join(["0"] * SIZE * SIZE)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"0,{BLACK[2:]},Training", "2303 pixels instead of 2304"),
        (f"0,{BLACK} 0,Training", "2305 pixels instead of 2304"),
        (f"0,256 {BLACK[2:]},Training", "a pixel is 256, outside 0..255"),
        (f"0,{BLACK[:-2]} -1,Training", "a pixel is -1, outside 0..255"),
        (f"0,99999999999999999999 {BLACK[2:]},Training", "outside 0..255"),
        (f"0,1.5 {BLACK[2:]},Training", "the pixels are not whole numbers"),
        (f"0,x {BLACK[2:]},Training", "the pixels are not whole numbers"),
        ("0,,Training", "0 pixels instead of 2304"),
        (f"7,{BLACK},Training", "label '7' is not one of 0..6"),
        (f"-1,{BLACK},Training", "label '-1' is not one of 0..6"),
        (f",{BLACK},Training", "label '' is not one of 0..6"),
        (f"0,{BLACK},Train", "usage 'Train' is not one of Training, PublicTest, PrivateTest"),
        (f"0,{BLACK}", "2 columns instead of 3"),
        (f"0,{BLACK},Training,", "4 columns instead of 3"),
        (f"0,{BLACK},Training\u00e9", "is not one of Training, PublicTest, PrivateTest"),
    ],
)
def test_bad_row_is_named_by_its_line(csv_path: Path, tmp_path: Path, row: str, words: str) -> None:
    lines = csv_path.read_text().splitlines()
    lines[4] = row
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    message = refused(path)
    assert words in message
    # Text is decoded in blocks, so a byte that is no text is only known to come after what was read.
    assert f"{path}, line 5:" in message or "\u00e9" in row


@pytest.mark.parametrize("header", ["", "emotion,Usage", "a,b,c"])
def test_other_columns_are_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "fer2013.csv").write_text(f"{header}\n")
    assert "line 1: no column" in refused(tmp_path / "fer2013.csv")


def test_csv_cut_amid_a_row(csv_path: Path, tmp_path: Path) -> None:
    lines = csv_path.read_text().splitlines()
    (tmp_path / "fer2013.csv").write_text("\n".join([*lines[:9], lines[9][:4000]]))
    message = refused(tmp_path / "fer2013.csv")
    assert "line 10:" in message
    assert "cut short" in message


def test_csv_cut_between_rows_lacks_official_faces(csv_path: Path) -> None:
    message = refused(csv_path, partial=False)
    assert "line 127: the file ends after 126 faces" in message
    assert "cut short" in message


def test_partial_csv_still_needs_every_split(csv_path: Path, tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("\n".join(csv_path.read_text().splitlines()[:40]))
    assert "has no validation faces" in refused(tmp_path / "fer2013.csv")


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_packed_csv_cut_short(csv_path: Path, tmp_path: Path, form: str, share: float) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    packed = compress(tmp_path / "fer2013.csv", form)
    body = packed.read_bytes()
    packed.write_bytes(body[: int(len(body) * share)])
    message = refused(packed)
    assert "line " in message
    assert "cut short or damaged" in message


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
def test_packed_csv_damaged(csv_path: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    packed = compress(tmp_path / "fer2013.csv", form)
    body = bytearray(packed.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 64] = bytes(64)
    packed.write_bytes(body)
    # What the flipped bits unpack to may be wrong text before it is known to be damaged.
    assert ", line " in refused(packed)


def test_zip_with_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "holds neither fer2013.csv nor icml_face_data.csv" in refused(tmp_path / "archive.zip")

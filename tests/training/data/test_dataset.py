"""Every form that FER-2013 comes in, and every way in which a file can be wrong."""

import gzip
import lzma
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.dataset import LABELS, OFFICIAL_COUNTS, SIZE, SPLITS, DataError, Dataset
from training.data.dataset import Split as FaceSplit
from training.data.load import load
from training.data.votes import VOTE_COLUMNS, load_votes


def pack(path: Path, form: str) -> Path:
    packed = path.with_name(f"{path.name}.{form}")
    if form == "gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    elif form == "xz":
        packed.write_bytes(lzma.compress(path.read_bytes(), preset=0))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, "fer2013/fer2013.csv")
    return packed


def refused(path: Path, *, partial: bool = True) -> str:
    """The sentence with which a file is refused; nothing of it may stay in the cache."""
    cache = path.parent / "refused-cache"
    with pytest.raises(DataError) as caught:
        load(path, partial=partial, cache_dir=cache)
    assert not list(cache.glob("*"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- forms -------------------------------------------------------------------------------------


def test_csv(data: Dataset, splits: dict[str, FaceSplit]) -> None:
    for name, read in zip(SPLITS, data.splits(), strict=True):
        np.testing.assert_array_equal(read.faces, splits[name].faces)
        np.testing.assert_array_equal(read.labels, splits[name].labels)
    assert data.counts() == {"Training": [9] * 7, "PublicTest": [6] * 7, "PrivateTest": [3] * 7}
    assert data.note == ""
    assert (data.name, data.labels) == ("FER-2013", LABELS)


def test_icml_columns(
    data: Dataset, splits: dict[str, FaceSplit], tmp_path: Path, csv_writer: Callable[..., Path]
) -> None:
    path = csv_writer(tmp_path / "icml_face_data.csv", splits, ("emotion", " Usage", " pixels"))
    assert load(path, partial=True, cache_dir=tmp_path).sha256 == data.sha256


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
def test_packed_csv_is_the_same_data(data: Dataset, csv_path: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    assert load(pack(tmp_path / "fer2013.csv", form), partial=True, cache_dir=tmp_path).sha256 == data.sha256


def picture_folder(root: Path, splits: dict[str, FaceSplit], *, prefixed: bool) -> Path:
    for name, split in splits.items():
        for number, (face, label) in enumerate(zip(split.faces, split.labels, strict=True)):
            folder = root / ("train" if name == "Training" else "test") / LABELS[label]
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{name}_{number}" if prefixed else f"im{name[:3]}{number}"
            # Lossless, so that pixels can be compared; the name's ending means nothing to the reader.
            Image.fromarray(face[..., 0]).save(folder / f"{stem}.jpg", format="PNG")
    (root / "train" / LABELS[0] / ".DS_Store").write_bytes(b"what file managers leave behind")
    return root


def test_folder_with_prefixes(data: Dataset, splits: dict[str, FaceSplit], tmp_path: Path) -> None:
    read = load(picture_folder(tmp_path / "fer", splits, prefixed=True), cache_dir=tmp_path / "cache")
    assert read.counts() == data.counts()
    assert read.note == ""
    assert (read.name, read.labels) == ("FER-2013", LABELS)
    assert sorted(face.tobytes() for face in read.public_test.faces) == sorted(
        face.tobytes() for face in data.public_test.faces
    )


def test_folder_without_prefixes_holds_out_a_tenth(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(7), [20, 10, 20, 30, 20, 20, 20])
    made = {
        name: FaceSplit(random.integers(0, 255, (len(labels), SIZE, SIZE, 1), dtype=np.uint8), labels)
        for name in ("Training", "PrivateTest")
    }
    folder = picture_folder(tmp_path / "fer", made, prefixed=False)
    read = load(folder, cache_dir=tmp_path / "cache")
    assert read.counts()["PublicTest"] == [2, 1, 2, 3, 2, 2, 2]
    assert len(read.training) + len(read.public_test) == len(labels)
    assert len(read.private_test) == len(labels)
    assert "tenth" in read.note
    assert load(folder, cache_dir=tmp_path / "other").sha256 == read.sha256


def test_folder_with_other_sizes_is_not_taken_for_fer2013(splits: dict[str, FaceSplit], tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "mine", splits, prefixed=True)
    assert load(folder, cache_dir=tmp_path / "cache").name == "FER-2013"
    Image.new("L", (47, 48)).save(folder / "train" / "happy" / "Training_x.jpg")
    read = load(folder, cache_dir=tmp_path / "cache")
    assert read.labels == LABELS
    assert read.name == "mine"
    assert read.note == "1 of 127 pictures were not 48x48 and are resized"


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
        (f"0,{BLACK},Training\u00e9", "cut short or damaged"),
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
    assert "has no PublicTest faces" in refused(tmp_path / "fer2013.csv")


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_packed_csv_cut_short(csv_path: Path, tmp_path: Path, form: str, share: float) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    packed = pack(tmp_path / "fer2013.csv", form)
    body = packed.read_bytes()
    packed.write_bytes(body[: int(len(body) * share)])
    message = refused(packed)
    assert "line " in message
    assert "cut short or damaged" in message


@pytest.mark.parametrize("form", ["gz", "xz", "zip"])
def test_packed_csv_damaged(csv_path: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "fer2013.csv").write_bytes(csv_path.read_bytes())
    packed = pack(tmp_path / "fer2013.csv", form)
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


def test_folder_errors(splits: dict[str, FaceSplit], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "has no class folders train/<label>/" in refused(tmp_path / "empty")
    folder = picture_folder(tmp_path / "fer", splits, prefixed=True)
    odd = folder / "train" / "happy" / "Training_x.jpg"
    odd.write_bytes(b"no picture")
    assert f"{odd} is not a readable picture" in refused(folder)
    odd.unlink()
    (folder / "train" / "bored").mkdir()
    (folder / "train" / "bored" / "1.jpg").touch()
    assert "train/bored has too few pictures, 1; at least 3 are needed" in refused(folder)


# --- cache -------------------------------------------------------------------------------------


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


def test_cache_of_a_partial_file_does_not_pass_for_the_whole(csv_path: Path) -> None:
    cache = csv_path.parent / "cache"
    load(csv_path, partial=True, cache_dir=cache)
    with pytest.raises(DataError, match="cut short"):
        load(csv_path, cache_dir=cache)


def test_real_data(fer2013: Path) -> None:
    cache = Path(__file__).parents[3] / ".cache"
    data = load(fer2013, cache_dir=cache)
    assert {name: sum(counts) for name, counts in data.counts().items()} == OFFICIAL_COUNTS
    assert data.counts()["PublicTest"] == [467, 56, 496, 895, 653, 415, 607]
    started = time.perf_counter()
    load(fer2013, cache_dir=cache)
    assert time.perf_counter() - started < 2
    votes = load_votes(fer2013.with_name("fer2013new.csv"), data)
    assert [part.shape for part in votes] == [(count, len(VOTE_COLUMNS)) for count in OFFICIAL_COUNTS.values()]
    assert votes[0].sum(1).max() == 10


# --- votes -------------------------------------------------------------------------------------


def write_votes(path: Path, data: Dataset, last: str = "1") -> Path:
    rows = [f"{name},,10{',0' * 8},{last}" for name, s in zip(SPLITS, data.splits(), strict=True) for _ in s.labels]
    path.write_text("\n".join([f"Usage,Image name,{','.join(VOTE_COLUMNS)}", *rows]) + "\n")
    return path


def test_votes_come_by_split(data: Dataset, tmp_path: Path) -> None:
    votes = load_votes(write_votes(tmp_path / "votes.csv", data), data)
    assert [part.shape for part in votes] == [(63, 10), (42, 10), (21, 10)]
    np.testing.assert_array_equal(votes[0][0], [10, 0, 0, 0, 0, 0, 0, 0, 0, 1])


def test_bad_votes_are_refused(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    with pytest.raises(DataError, match="does not exist"):
        load_votes(path, data)
    path.write_text("Usage,neutral\nTraining,1\n")
    with pytest.raises(DataError, match="line 1: no column happiness"):
        load_votes(path, data)
    with pytest.raises(DataError, match="line 2: the votes are not ten whole numbers"):
        load_votes(write_votes(path, data, last="many"), data)
    path.write_text("\n".join(write_votes(path, data).read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match="do not line up"):
        load_votes(path, data)


def test_votes_do_not_fit_folders_of_the_same_faces(
    data: Dataset, splits: dict[str, FaceSplit], tmp_path: Path
) -> None:
    read = load(picture_folder(tmp_path / "fer", splits, prefixed=True), cache_dir=tmp_path / "cache")
    with pytest.raises(DataError, match="votes need the full CSV"):
        load_votes(write_votes(tmp_path / "votes.csv", data), read)

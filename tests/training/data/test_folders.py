"""Pictures in folders by label: anyone's, and FER-2013 as image files."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.pictures import SHAPES, write_faces, write_shapes
from tests.training.refusals import refused
from training.data.dataset import FER2013_SPLITS, LABELS, SIZE, DataError, Dataset, Split
from training.data.load import load
from training.data.votes import load_votes


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_shapes(tmp_path_factory.mktemp("pictures") / "shapes", {"train": 40, "test": 10})
    (root / "train" / "circle" / ".DS_Store").write_bytes(b"what file managers leave behind")
    (root / "train" / ".hidden").mkdir()
    (root / "readme.txt").write_text("not a picture, not in a class")
    return root


@pytest.fixture(scope="module")
def shape_data(shapes: Path) -> Dataset:
    return load(shapes, cache_dir=shapes.parent / "cache")


# --- the folder --------------------------------------------------------------------------------


def test_labels_are_the_folders_names_in_order(shape_data: Dataset) -> None:
    assert shape_data.labels == SHAPES
    assert shape_data.name == "shapes"
    assert shape_data.counts() == {"train": [36] * 3, "validation": [4] * 3, "test": [10] * 3}
    assert "pictures were not 48x48 and are resized" in shape_data.note


def test_the_cache_holds_the_labels_too(shapes: Path, shape_data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.load.read_folder", None)
    again = load(shapes, cache_dir=shapes.parent / "cache")
    assert (again.labels, again.name, again.note) == (SHAPES, "shapes", shape_data.note)
    assert again.sha256 == shape_data.sha256


@pytest.mark.parametrize("part", ["val", "valid", "validation"])
def test_a_validation_folder(tmp_path: Path, part: str) -> None:
    root = write_shapes(tmp_path / "shapes", {"train": 1, part: 2, "test": 3})
    data = load(root, cache_dir=tmp_path / "cache")
    assert data.counts() == {"train": [1] * 3, "validation": [2] * 3, "test": [3] * 3}
    assert "a stratified tenth" not in data.note


def test_a_small_class_has_one_held_out(tmp_path: Path) -> None:
    data = load(write_shapes(tmp_path / "shapes", {"train": 3, "test": 1}), cache_dir=tmp_path / "cache")
    assert data.counts()["validation"] == [1, 1, 1]


def test_pictures_one_folder_deeper_and_what_windows_leaves(tmp_path: Path) -> None:
    plain = load(write_shapes(tmp_path / "shapes", {"train": 4, "test": 2}), cache_dir=tmp_path / "cache")
    root = write_shapes(tmp_path / "unpacked" / "archive", {"train": 4, "test": 2})
    (root.parent / "__MACOSX").mkdir()
    for folder in (root / "train" / "circle", root / "test" / "stripe"):
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        (folder / "person").mkdir()
        (folder / "person" / "desktop.ini").write_text("[.ShellClassInfo]")
        (folder / "1.png").rename(folder / "person" / "1.png")
    deeper = load(root.parent, cache_dir=tmp_path / "cache")
    assert deeper.counts() == plain.counts()
    pictures = [{face.tobytes() for s in each.splits().values() for face in s.faces} for each in (plain, deeper)]
    assert pictures[0] == pictures[1]


def test_what_changes_behind_a_link_is_seen(tmp_path: Path) -> None:
    store = write_shapes(tmp_path / "store", {"train": 4, "test": 2})
    (tmp_path / "shapes").mkdir()
    for part in ("train", "test"):
        (tmp_path / "shapes" / part).symlink_to(store / part)
    before = load(tmp_path / "shapes", cache_dir=tmp_path / "cache")
    (store / "train" / "circle").rename(store / "train" / "was")
    (store / "train" / "square").rename(store / "train" / "circle")
    (store / "train" / "was").rename(store / "train" / "square")
    after = load(tmp_path / "shapes", cache_dir=tmp_path / "cache")
    assert after.sha256 != before.sha256
    assert load(store, cache_dir=tmp_path / "other").sha256 == after.sha256


def test_other_labels_are_other_data(tmp_path: Path) -> None:
    one, other = (
        load(write_shapes(tmp_path / name, {"train": 3, "test": 1}, words), cache_dir=tmp_path / "cache")
        for name, words in (("one", ("a", "b")), ("other", ("a", "c")))
    )
    np.testing.assert_array_equal(one.train.faces, other.train.faces)
    assert one.sha256 != other.sha256


def test_only_fer2013_s_file_names_say_the_split(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", {"train": 4, "test": 2})
    (root / "test" / "circle" / "0.png").rename(root / "test" / "circle" / "Training_0.png")
    assert load(root, cache_dir=tmp_path / "cache").counts()["test"] == [2, 2, 2]


def test_a_class_without_test_pictures_is_told(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", {"train": 4, "test": 2})
    shutil.rmtree(root / "test" / "square")
    data = load(root, cache_dir=tmp_path / "cache")
    assert data.counts()["test"] == [2, 0, 2]
    assert "`test` has no picture of square, whose recall there is given as 0" in data.note


def read_one(picture: Image.Image, root: Path, **options: Any) -> np.ndarray:
    """A picture as it comes out of a folder, uint8 (48, 48)."""
    write_shapes(root, {"train": 1, "val": 1, "test": 1})
    picture.save(root / "train" / "circle" / "0.png", **options)
    return np.asarray(load(root, cache_dir=root / "cache").train.faces[0, :, :, 0])


def test_shrinking_averages(tmp_path: Path) -> None:
    board = np.indices((96, 96)).sum(0) % 2 * 255
    found = read_one(Image.fromarray(board.astype(np.uint8)), tmp_path / "data")
    assert set(np.unique(found)) <= {127, 128}


def test_a_picture_is_made_square_as_the_service_does(tmp_path: Path) -> None:
    wide = np.zeros((48, 96), np.uint8)
    wide[:24] = 200
    found = read_one(Image.fromarray(wide), tmp_path / "data")
    # Its upper edge goes on above it, its lower edge below.
    assert (found[:24] == 200).all()
    assert (found[24:] == 0).all()


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    found = read_one(Image.fromarray(np.full((48, 48), 128 * 256, np.uint16)), tmp_path / "data")
    assert set(np.unique(found)) == {128}


def test_a_picture_on_its_side_is_turned(tmp_path: Path) -> None:
    half = np.zeros((48, 48), np.uint8)
    half[:, :24] = 255
    turned = Image.Exif()
    turned[0x0112] = 6
    found = read_one(Image.fromarray(half), tmp_path / "data", exif=turned)
    assert (found[:24] == 255).all()
    assert (found[24:] == 0).all()


def test_votes_fit_no_folder(shape_data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "fer2013new.csv"
    votes = ",".join(["1"] * 10)
    usages = zip(FER2013_SPLITS, shape_data.counts().values(), strict=True)
    rows = [f"{name},{votes}" for name, counts in usages for _ in range(sum(counts))]
    header = "Usage,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    path.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(DataError, match="votes need FER-2013's full CSV"):
        load_votes(path, shape_data)


# --- what is wrong with a folder ---------------------------------------------------------------


def remove(*parts: str) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        for part in parts:
            shutil.rmtree(root / part)

    return act


def leave(part: str, count: int) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        for file in sorted((root / part).iterdir())[count:]:
            file.unlink()

    return act


def add(path: str, body: bytes = b"") -> Callable[[Path], None]:
    def act(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)

    return act


def empty(part: str) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        for word in SHAPES:
            leave(f"{part}/{word}", 0)(root)

    return act


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove("train", "test"), "has no class folders train/<label>/"),
        (remove(*(f"train/{word}" for word in SHAPES)), "has no class folders train/<label>/"),
        (remove("test"), "has no class folders test/<label>/"),
        (empty("test"), "test holds no pictures"),
        (add("test/star/0.png"), "test has the class 'star', which train/ has not"),
        (add("val/star/0.png"), "val has the class 'star', which train/ has not"),
        (
            remove("train/square", "train/stripe", "test/square", "test/stripe"),
            "train has only the class 'circle'; there is nothing to tell apart",
        ),
        (leave("train/square", 2), "square has too few pictures, 2; at least 3 are needed, as some are held out"),
        (leave("train/square", 0), "square has too few pictures, 0; at least 3 are needed"),
        (add("train/circle/notes.txt", b"hello"), "circle/notes.txt is not a readable picture"),
        (add("test/stripe/x.png", b"\x89PNG\r\n\x1a\n"), "stripe/x.png is not a readable picture"),
        (
            lambda root: [add(f"{part}/circle/0.png")(root) for part in ("val", "valid")],
            "has both val/ and valid/; only one can be the validation split",
        ),
    ],
)
def test_a_folder_that_cannot_be_learned_from(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    root = write_shapes(tmp_path / "shapes", {"train": 4, "test": 2})
    spoil(root)
    with pytest.raises(DataError) as caught:
        load(root, cache_dir=tmp_path / "cache")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_one_picture_teaches_where_none_is_held_out_but_none_does_not(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", {"train": 1, "val": 1, "test": 1})
    leave("train/stripe", 0)(root)
    with pytest.raises(DataError, match="stripe has too few pictures, 0; at least 1 are needed"):
        load(root, cache_dir=tmp_path / "cache")


# --- FER-2013 as image files -------------------------------------------------------------------


def test_folder_with_prefixes(data: Dataset, splits: dict[str, Split], tmp_path: Path) -> None:
    read = load(write_faces(tmp_path / "fer", splits, prefixed=True), cache_dir=tmp_path / "cache")
    assert read.counts() == data.counts()
    assert read.note == ""
    assert (read.name, read.labels) == ("FER-2013", LABELS)
    assert sorted(face.tobytes() for face in read.validation.faces) == sorted(
        face.tobytes() for face in data.validation.faces
    )


def test_folder_without_prefixes_holds_out_a_tenth(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(7), [20, 10, 20, 30, 20, 20, 20])
    made = {
        name: Split(random.integers(0, 255, (len(labels), SIZE, SIZE, 1), dtype=np.uint8), labels)
        for name in ("train", "test")
    }
    folder = write_faces(tmp_path / "fer", made, prefixed=False)
    read = load(folder, cache_dir=tmp_path / "cache")
    assert read.counts()["validation"] == [2, 1, 2, 3, 2, 2, 2]
    assert len(read.train) + len(read.validation) == len(labels)
    assert len(read.test) == len(labels)
    assert "tenth" in read.note
    assert load(folder, cache_dir=tmp_path / "other").sha256 == read.sha256


def test_folder_with_other_sizes_is_not_taken_for_fer2013(splits: dict[str, Split], tmp_path: Path) -> None:
    folder = write_faces(tmp_path / "mine", splits, prefixed=True)
    assert load(folder, cache_dir=tmp_path / "cache").name == "FER-2013"
    Image.new("L", (47, 48)).save(folder / "train" / "happy" / "Training_x.jpg")
    read = load(folder, cache_dir=tmp_path / "cache")
    assert read.labels == LABELS
    assert read.name == "mine"
    assert read.note == "1 of 127 pictures were not 48x48 and are resized"


def test_folder_errors(splits: dict[str, Split], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "has no class folders train/<label>/" in refused(tmp_path / "empty")
    folder = write_faces(tmp_path / "fer", splits, prefixed=True)
    odd = folder / "train" / "happy" / "Training_x.jpg"
    odd.write_bytes(b"no picture")
    assert f"{odd} is not a readable picture" in refused(folder)
    odd.unlink()
    (folder / "train" / "bored").mkdir()
    (folder / "train" / "bored" / "1.jpg").touch()
    assert "train/bored has too few pictures, 1; at least 3 are needed" in refused(folder)

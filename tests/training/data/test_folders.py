"""Anyone's pictures: three made-up classes go all the way from a folder to the service's answer."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from service.app import create_app
from service.settings import Settings
from training import all as whole_way
from training.__main__ import main
from training.data.dataset import SIZE, DataError, Dataset, Split
from training.data.load import load
from training.data.votes import load_votes
from training.learning.checkpoints import load_best
from training.learning.recipe import Recipe
from training.learning.train import Trainer
from training.release.card import render
from training.release.evaluate import evaluate
from training.release.figures.answers import confusion, report, report_picture
from training.release.figures.data import draw_data
from training.release.figures.style import STYLE, save

WORDS = ("circle", "square", "stripe")
SIZES = ((48, 48), (31, 31), (120, 90), (64, 100), (200, 200))


def draw(word: str, random: np.random.Generator) -> Image.Image:
    """In colours and of a size that differ from picture to picture; light on dark."""
    width, height = SIZES[random.integers(len(SIZES))]
    picture = Image.new("RGB", (width, height), tuple(random.integers(0, 70, 3).tolist()))
    pen, colour = ImageDraw.Draw(picture), tuple(random.integers(170, 256, 3).tolist())
    side, x, y = min(width, height), width / 2, height / 2
    if word == "circle":
        pen.ellipse((x - side / 5, y - side / 5, x + side / 5, y + side / 5), fill=colour)
    elif word == "square":
        box = (x - side * 0.4, y - side * 0.4, x + side * 0.4, y + side * 0.4)
        pen.rectangle(box, outline=colour, width=max(2, side // 12))
    else:
        for middle in np.arange(0.1, 1, 0.25) * height:
            pen.rectangle((0, middle - height * 0.05, width, middle + height * 0.05), fill=colour)
    return picture


def write(root: Path, counts: dict[str, int], words: tuple[str, ...] = WORDS) -> Path:
    """`counts` pictures of each word in each part: train, test, val …"""
    for number, (part, count) in enumerate(counts.items()):
        random = np.random.default_rng(number)
        for word, kind in zip(words, WORDS * len(words), strict=False):
            folder = root / part / word
            folder.mkdir(parents=True)
            for index in range(count):
                draw(kind, random).save(folder / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("pictures") / "shapes", {"train": 40, "test": 10})
    (root / "train" / "circle" / ".DS_Store").write_bytes(b"what file managers leave behind")
    (root / "train" / ".hidden").mkdir()
    (root / "readme.txt").write_text("not a picture, not in a class")
    return root


@pytest.fixture(scope="module")
def shape_data(shapes: Path) -> Dataset:
    return load(shapes, cache_dir=shapes.parent / "cache")


# --- the whole way -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(shapes: Path, shape_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `make train DATA=shapes` leaves; its training is resumed from one of a small network."""
    folder = tmp_path_factory.mktemp("made")
    recipe = Recipe(epochs=16, batch=18, sizes=((1.0, SIZE),), widths=(4, 8, 8), blocks=(1, 1), average_decay=0.5)
    Trainer(recipe, shape_data, None).run(folder / "run")
    arguments = ["--data", str(shapes), "--run", str(folder / "run"), "--model", str(folder / "models" / "shapes.onnx")]
    with pytest.MonkeyPatch.context() as patch:
        # The cache is relative to where the command runs.
        patch.chdir(folder)
        assert whole_way.main(arguments) == 0
    return folder


def test_the_service_names_what_is_drawn(made: Path) -> None:
    random = np.random.default_rng(99)
    right = []
    with TestClient(create_app(Settings(model=made / "models" / "shapes.onnx", threads=1))) as client:
        model = client.get("/v1/model").json()
        for word in WORDS * 4:
            body = io.BytesIO()
            draw(word, random).save(body, "PNG")
            options = {"crop": "whole", "explain": "gradcam", "target": "all"}
            answer = client.post("/v1/predict", content=body.getvalue(), params=options)
            assert answer.status_code == 200, answer.text
            (face,) = answer.json()["faces"]
            assert tuple(face["emotions"]) == WORDS
            assert sum(face["emotions"].values()) == pytest.approx(1)
            assert tuple(each["target"] for each in face["explanations"]) == WORDS
            right.append(face["emotion"] == word)
        with client.websocket_connect("/v1/stream") as socket:
            assert tuple(socket.receive_json()["labels"]) == WORDS
    assert sum(right) >= 10
    assert model["labels"] == list(WORDS)
    assert model["name"] == "shapes"
    assert "FER" not in json.dumps(model)


def test_its_figures_and_card_are_of_this_data(made: Path) -> None:
    measured = json.loads((made / "models" / "metrics.json").read_text())
    section = measured["splits"]["PublicTest"]
    assert list(section["recall"]) == list(WORDS)
    assert np.sum(section["confusion"]) == section["faces"] == 12
    assert measured["model"]["data"]["faces"] == {"Training": 108, "PublicTest": 12, "PrivateTest": 30}
    card = (made / "models" / "MODEL_CARD.md").read_text()
    assert "which of 3 labels\n(circle, square, stripe)" in card
    assert "shapes: pictures in folders by label (Training 108, PublicTest 12, PrivateTest 30)" in card
    assert "Note: there is no `val`: `test` is taken as PrivateTest and a stratified tenth of `train`" in card
    for foreign in ("FER-2013", "Goodfellow", "disgust", "seven", "research use"):
        assert foreign not in card
    names = {path.name for path in (made / "models" / "figures").iterdir()}
    assert {"samples.png", "balance.png", "confusion.png", "report.png"} < names
    assert {name for name in names if name.startswith("gradcam")} == {f"gradcam_{word}.png" for word in WORDS}


def test_a_known_data_set_keeps_its_card(model_path: Path, data: Dataset, tmp_path: Path) -> None:
    model = Path(shutil.copy(model_path, tmp_path))
    measured = evaluate(model, data, "PublicTest")
    assert measured["model"]["licence"].startswith("Apache-2.0 (weights); FER-2013")
    assert measured["model"]["name"] == "fer-emotion"
    card = render(measured)
    assert "FER-2013 (Goodfellow et al. 2013" in card
    assert "fear, sad, angry and neutral" in card
    # A folder may be called so and hold something else.
    measured["model"] |= {"labels": list(WORDS), "offsets": [0.0] * 3, "temperatures": [1.0] * 3}
    measured["model"]["data"]["faces"] = {}
    measured["splits"] = {}
    assert "Goodfellow" not in render(measured)


def test_the_labels_come_with_the_run(made: Path) -> None:
    model, _, words = load_best(made / "run")
    assert words["labels"] == list(WORDS)
    assert model.output_shape[0] == (None, 3)


def test_a_model_of_other_labels_is_refused(
    made: Path, csv_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--data", str(csv_path), "--partial", "--model", str(made / "models" / "shapes.onnx")]
    for command in ("evaluate", "figures"):
        assert main([command, *where]) == 1
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("error: the model tells circle, square, stripe apart, but FER-2013 has angry,")


@pytest.mark.parametrize("count", [2, 20])
def test_figures_of_few_and_many_classes(tmp_path: Path, count: int) -> None:
    words = tuple(f"$quite a long label ${index}" for index in range(count))
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(count), 5)
    split = Split(random.integers(0, 255, (len(labels), SIZE, SIZE, 1), dtype=np.uint8), labels)
    paths = draw_data(Dataset(split, split, split, sha256="", name="many", labels=words), tmp_path)
    answers = random.permutation(labels)
    with mpl.rc_context(STYLE):
        paths.append(save(confusion(labels, answers, words), tmp_path / "confusion.png"))
        numbers = report(labels, answers, words)[1]
        paths.append(save(report_picture(numbers, words), tmp_path / "report.png"))
    for path in paths:
        with Image.open(path) as picture:
            assert 150 <= min(picture.size) <= max(picture.size) <= 2200
        assert path.stat().st_size < 300_000


# --- the folder --------------------------------------------------------------------------------


def test_labels_are_the_folders_names_in_order(shape_data: Dataset) -> None:
    assert shape_data.labels == WORDS
    assert shape_data.name == "shapes"
    assert shape_data.counts() == {"Training": [36] * 3, "PublicTest": [4] * 3, "PrivateTest": [10] * 3}
    assert "pictures were not 48x48 and are resized" in shape_data.note


def test_the_cache_holds_the_labels_too(shapes: Path, shape_data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.load.read_folder", None)
    again = load(shapes, cache_dir=shapes.parent / "cache")
    assert (again.labels, again.name, again.note) == (WORDS, "shapes", shape_data.note)
    assert again.sha256 == shape_data.sha256


@pytest.mark.parametrize("part", ["val", "valid", "validation"])
def test_a_split_that_chooses(tmp_path: Path, part: str) -> None:
    root = write(tmp_path / "shapes", {"train": 1, part: 2, "test": 3})
    data = load(root, cache_dir=tmp_path / "cache")
    assert data.counts() == {"Training": [1] * 3, "PublicTest": [2] * 3, "PrivateTest": [3] * 3}
    assert f"`{part}` is taken as PublicTest" in data.note


def test_a_small_class_has_one_held_out(tmp_path: Path) -> None:
    data = load(write(tmp_path / "shapes", {"train": 3, "test": 1}), cache_dir=tmp_path / "cache")
    assert data.counts()["PublicTest"] == [1, 1, 1]


def test_other_words_are_other_data(tmp_path: Path) -> None:
    one, other = (
        load(write(tmp_path / name, {"train": 3, "test": 1}, words), cache_dir=tmp_path / "cache")
        for name, words in (("one", ("a", "b")), ("other", ("a", "c")))
    )
    np.testing.assert_array_equal(one.training.faces, other.training.faces)
    assert one.sha256 != other.sha256


def test_only_fer2013_s_file_names_say_the_split(tmp_path: Path) -> None:
    root = write(tmp_path / "shapes", {"train": 4, "test": 2})
    (root / "test" / "circle" / "0.png").rename(root / "test" / "circle" / "Training_0.png")
    assert load(root, cache_dir=tmp_path / "cache").counts()["PrivateTest"] == [2, 2, 2]


def test_a_class_without_test_pictures_is_told(tmp_path: Path) -> None:
    root = write(tmp_path / "shapes", {"train": 4, "test": 2})
    shutil.rmtree(root / "test" / "square")
    data = load(root, cache_dir=tmp_path / "cache")
    assert data.counts()["PrivateTest"] == [2, 0, 2]
    assert "`test` has no picture of square, whose recall there is given as 0" in data.note


def read_one(picture: Image.Image, root: Path, **options: object) -> np.ndarray:
    """A picture as it comes out of a folder, uint8 (48, 48)."""
    write(root, {"train": 1, "val": 1, "test": 1})
    picture.save(root / "train" / "circle" / "0.png", **options)
    return np.asarray(load(root, cache_dir=root / "cache").training.faces[0, :, :, 0])


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
    rows = [f"{name},{votes}" for name, counts in shape_data.counts().items() for _ in range(sum(counts))]
    header = "Usage,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    path.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(DataError, match="votes need the full CSV"):
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
        for word in WORDS:
            leave(f"{part}/{word}", 0)(root)

    return act


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove("train", "test"), "has no class folders train/<label>/"),
        (remove(*(f"train/{word}" for word in WORDS)), "has no class folders train/<label>/"),
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
        (add("train/circle/Thumbs.db", b"\xd0\xcf\x11\xe0"), "circle/Thumbs.db is not a readable picture"),
        (add("test/stripe/x.png", b"\x89PNG\r\n\x1a\n"), "stripe/x.png is not a readable picture"),
        (
            lambda root: [add(f"{part}/circle/0.png")(root) for part in ("val", "valid")],
            "has both val/ and valid/; only one can be the split that chooses",
        ),
    ],
)
def test_a_folder_that_cannot_be_learned_from(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    root = write(tmp_path / "shapes", {"train": 4, "test": 2})
    spoil(root)
    with pytest.raises(DataError) as caught:
        load(root, cache_dir=tmp_path / "cache")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_one_picture_teaches_where_none_is_held_out_but_none_does_not(tmp_path: Path) -> None:
    root = write(tmp_path / "shapes", {"train": 1, "val": 1, "test": 1})
    leave("train/stripe", 0)(root)
    with pytest.raises(DataError, match="stripe has too few pictures, 0; at least 1 are needed"):
        load(root, cache_dir=tmp_path / "cache")

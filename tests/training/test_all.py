"""All steps: their order, the data that is found in a folder, and anyone's pictures up to the service's answer."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import training.__main__ as command_line
from service.app import create_app
from service.settings import Settings
from tests.training.pictures import SHAPES, draw_shape, write_shapes
from tests.training.runs import TINY
from training import all as all_steps
from training.__main__ import main
from training.data.load import load
from training.learning.checkpoints import load_kept
from training.learning.train import Trainer


def test_a_run_that_needs_a_twin_is_refused_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert all_steps.main(["--with-validation"]) == 1
    assert "--with-validation needs a twin beside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], "."),
        (["fer2013.csv"], "fer2013.csv"),
        (["fer2013.csv.xz", "fer2013new.csv"], "fer2013.csv.xz"),
        (["icml_face_data.csv.gz"], "icml_face_data.csv.gz"),
        (["archive.zip", "fer2013new.csv"], "archive.zip"),
        (["train/happy/1.jpg", "archive.zip"], "."),
    ],
)
def test_finds_the_data_in_a_folder(tmp_path: Path, names: list[str], found: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert all_steps.find_data(tmp_path) == tmp_path / found


def test_votes_are_for_the_csv(tmp_path: Path) -> None:
    (tmp_path / "fer2013new.csv").touch()
    (tmp_path / "fer2013.csv").touch()
    assert all_steps.find_votes(tmp_path) == tmp_path / "fer2013new.csv"
    assert all_steps.find_votes(tmp_path / "fer2013.csv") == tmp_path / "fer2013new.csv"
    (tmp_path / "train").mkdir()
    assert all_steps.find_votes(tmp_path) is None


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    assert all_steps.find_data(tmp_path / "mine.csv") == tmp_path / "mine.csv"


@pytest.mark.parametrize("begun", [False, True])
def test_runs_the_steps_in_order_until_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    (tmp_path / "fer2013.csv").touch()
    (tmp_path / "fer2013new.csv").touch()
    if begun:
        (tmp_path / "checkpoint.npz").touch()
    ran: list[list[str]] = []

    def run(step: list[str]) -> int:
        ran.append(step)
        return 1 if step[0] == "export" else 0

    monkeypatch.setattr(command_line, "main", run)
    status = all_steps.main(["--data", str(tmp_path), "--run", str(tmp_path), "--epochs", "2"])

    assert status == 1
    assert [step[0] for step in ran] == ["figures", "train", "export"]
    train = ran[1]
    assert train[train.index("--data") + 1] == str(tmp_path / "fer2013.csv")
    # A checkpoint holds its soft targets.
    how = ["--resume"] if begun else ["--votes", str(tmp_path / "fer2013new.csv")]
    assert train[-2 - len(how) :] == [*how, "--epochs", "2"]


def test_own_pictures_do_not_overwrite_the_shipped_model(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shapes(tmp_path / "shapes", {"train": 3, "test": 1})
    ran: list[list[str]] = []

    def run(step: list[str]) -> int:
        ran.append(step)
        return 0

    monkeypatch.setattr(command_line, "main", run)
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", str(tmp_path / "shapes"), "--model", str(model_path)]
    assert all_steps.main(arguments) == 1
    assert "with --model (make: MODEL=), or overwrite it with --force" in capsys.readouterr().err
    assert ran == []
    assert all_steps.main([*arguments, "--force"]) == 0
    assert [step[0] for step in ran] == ["figures", "train", "export", "evaluate", "evaluate", "figures"]
    assert "--force" in ran[2]
    assert [step[-1] for step in ran[3:5]] == ["validation", "test"]


# --- anyone's pictures -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make train` leaves for pictures of three shapes.

    The command resumes the training of a small network, and what it prints is in printed.txt.
    """
    folder = tmp_path_factory.mktemp("made")
    shapes = write_shapes(folder / "shapes", {"train": 40, "test": 10})
    recipe = replace(TINY, epochs=16, batch=18)
    Trainer(recipe, load(shapes, cache_dir=folder / ".cache"), None).run(folder / "run")
    arguments = ["--data", str(shapes), "--run", str(folder / "run"), "--model", str(folder / "models" / "shapes.onnx")]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        # The cache is relative to where the command runs.
        patch.chdir(folder)
        assert all_steps.main(arguments) == 0
    (folder / "printed.txt").write_text(printed.getvalue())
    return folder


def test_the_service_names_what_is_drawn(made: Path) -> None:
    random = np.random.default_rng(99)
    right = []
    with TestClient(create_app(Settings(model=made / "models" / "shapes.onnx", workers=1))) as client:
        model = client.get("/v1/model").json()
        for shape in SHAPES * 4:
            body = io.BytesIO()
            draw_shape(shape, random).save(body, "PNG")
            options = {"crop": "whole", "explain": "gradcam", "target": "all"}
            answer = client.post("/v1/predict", content=body.getvalue(), params=options)
            assert answer.status_code == 200, answer.text
            (face,) = answer.json()["faces"]
            assert tuple(face["emotions"]) == SHAPES
            assert sum(face["emotions"].values()) == pytest.approx(1)
            assert tuple(each["target"] for each in face["explanations"]) == SHAPES
            right.append(face["emotion"] == shape)
        with client.websocket_connect("/v1/stream") as socket:
            assert tuple(socket.receive_json()["labels"]) == SHAPES
    assert sum(right) >= 10
    assert model["labels"] == list(SHAPES)
    assert model["name"] == "shapes"
    assert "FER" not in json.dumps(model)


def test_its_figures_and_card_are_of_this_data(made: Path) -> None:
    measured = json.loads((made / "models" / "metrics.json").read_text())
    section = measured["splits"]["validation"]
    assert list(section["recall"]) == list(SHAPES)
    assert np.sum(section["confusion"]) == section["faces"] == 12
    assert measured["model"]["data"]["faces"] == {"train": 108, "validation": 12, "test": 30}
    card = (made / "models" / "MODEL_CARD.md").read_text()
    assert "says which of 3 labels fits it best: circle, square, stripe." in card
    assert "shapes: pictures in folders by label (train 108, validation 12, test 30)" in card
    assert "Note: there is no `val`: a stratified tenth of `train` (seed 0) is the validation split" in card
    for foreign in ("FER-2013", "PublicTest", "Goodfellow", "disgust", "seven", "research use"):
        assert foreign not in card
    names = {path.name for path in (made / "models" / "figures").iterdir()}
    assert {"samples.png", "balance.png", "confusion.png", "report.png", "curves.png"} < names
    assert {name for name in names if name.startswith("gradcam")} == {f"gradcam_{shape}.png" for shape in SHAPES}


def test_the_terminal_shows_each_step_and_its_result(made: Path) -> None:
    printed = (made / "printed.txt").read_text()
    steps = [line.split()[4] for line in printed.splitlines() if line.startswith("--- python -m training ")]
    assert steps == ["figures", "train", "export", "evaluate", "evaluate", "figures"]
    assert f"{made / 'models' / 'shapes.onnx'}: proved on 12 validation faces" in printed
    assert printed.index("\nvalidation: accuracy ") < printed.index("\ntest: accuracy ")


def test_the_labels_come_with_the_run(made: Path) -> None:
    model, _, metadata = load_kept(made / "run")
    assert metadata["labels"] == list(SHAPES)
    assert model.output_shape[0] == (None, 3)


def test_a_model_of_other_labels_is_refused(
    made: Path, csv_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--data", str(csv_path), "--partial", "--model", str(made / "models" / "shapes.onnx")]
    for command in ("evaluate", "figures"):
        assert main([command, *where]) == 1
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("error: the model has the labels circle, square, stripe, but FER-2013 has angry,")

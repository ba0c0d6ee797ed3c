"""fer predict -o: a table of photos in a file."""

import csv
import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from fer_client.cli.main import main
from tests.client.answers import answer
from tests.client.servers import Scripted, Serve, refused
from tests.client.terminal import Capture


def test_a_suffix_says_the_form(url: str, white: Path, black: Path, tmp_path: Path, capsys: Capture) -> None:
    photos, folder = [str(white), str(black)], tmp_path / "out"
    for name in ("x.csv", "x.ndjson", "x.parquet"):
        assert main(["predict", *photos, "-o", str(folder / name), "--crop", "whole", "--url", url]) == 0
    assert capsys.readouterr() == ("", "")
    assert sorted(path.name for path in folder.iterdir()) == ["x.csv", "x.ndjson", "x.parquet"]
    rows = list(csv.DictReader((folder / "x.csv").read_text().splitlines()))
    assert [(row["file"], row["emotion"]) for row in rows] == [(photos[0], "bright"), (photos[1], "dark")]
    lines = [json.loads(line) for line in (folder / "x.ndjson").read_text().splitlines()]
    assert [line["file"] for line in lines] == photos
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(folder / "x.parquet")
    assert table["emotion"].to_list() == ["bright", "dark"]
    assert table["bright"].to_list() == [float(row["bright"]) for row in rows]


def test_a_photo_that_fails_has_its_row(url: str, white: Path, tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "x.csv"
    arguments = ["predict", str(tmp_path / "missing.png"), str(white), "-o", str(table), "--url", url]
    assert main([*arguments, "--crop", "whole"]) == 1
    missing, found = csv.DictReader(table.read_text().splitlines())
    assert (missing["error"], found["emotion"]) == ("No such file or directory", "bright")
    assert "missing.png: No such file" in capsys.readouterr().err


def test_a_file_stays_where_every_photo_is_refused(serve: Serve, white: Path, tmp_path: Path) -> None:
    table = tmp_path / "x.ndjson"
    table.write_text("before")
    url = serve(Scripted(JSONResponse(answer()), refused(422, "invalid_option")))
    arguments = ["predict", str(white), str(white), "--jobs", "1", "-o", str(table), "--url", url]
    assert main(arguments) == 4
    assert table.read_text() == "before"
    assert json.loads((tmp_path / "x.ndjson.part").read_text())["file"] == str(white)


@pytest.mark.parametrize(
    ("output", "flags", "message"),
    [
        ("x.txt", [], "should be a file that ends with .csv, .ndjson or .parquet"),
        ("x.vtt", [], "should be a file that ends with .csv, .ndjson or .parquet"),
        ("x.csv", ["--json"], "says csv, --json does not"),
        ("x.ndjson", ["--csv"], "says ndjson, --csv does not"),
    ],
)
def test_a_name_that_says_something_else(output: str, flags: list[str], message: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "photo.jpg", "-o", output, *flags])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err

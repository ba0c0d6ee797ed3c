"""Option types and flags against the service's documents: an option that the service gains must fail here."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.responses import Response

from fer_client.cli.main import main
from fer_client.options import PredictOptions, StreamOptions, VideoOptions, option_types
from fer_client.video_lines import VideoFormat
from tests.client.answers import VIDEO_SUMMARY, video_lines
from tests.client.documents import message_options, query_options
from tests.client.servers import FalseStream, Scripted, Serve, answering

Documented = dict[str, dict[str, Any]]

PREDICT = query_options("/v1/predict")
VIDEO = query_options("/v1/predict/video")
STREAM = message_options("SessionUpdate")
# The format is an argument of its own: it decides what `video` and `video_text` return.
FORMAT = VIDEO.pop("format")
COMMANDS = [("predict", PREDICT), ("video", VIDEO), ("watch", STREAM)]

# What the command line does otherwise, and why.
FLAGS = {"from_s": "--from", "to_s": "--to"}
# It takes a folder to save in: the answer's base64 is of no use in a terminal.
EXPLAIN = "explain"
# Pictures for people to look at.
DEFAULTS = {"heatmap": "overlay"}
NEEDS_EXPLAIN = {"heatmap", "target", "explain_every"}


def flag(name: str) -> str:
    return FLAGS.get(name, "--" + name.replace("_", "-"))


def default(schema: dict[str, Any]) -> Any:
    """An option's default. Where it may not be sent by itself, only the description tells it."""
    told = re.search(r"`(\w+)`,? \(?the default", schema.get("description", ""))
    return schema.get("default", told and told[1])


def value(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an option's value, without null."""
    (only,) = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    return dict(only)


def examples(schema: dict[str, Any]) -> list[str]:
    """Every allowed value, or one where there are too many."""
    some = {"string": ["all"], "integer": ["3"], "number": ["0.5"]}
    return [*value(schema)["enum"]] if "enum" in value(schema) else some[value(schema)["type"]]


def cases(*, choices: bool = False) -> list[Any]:
    return [
        pytest.param(command, name, schema, id=f"{command}-{name}")
        for command, documented in COMMANDS
        for name, schema in documented.items()
        if name != EXPLAIN and (not choices or "enum" in value(schema))
    ]


@pytest.mark.parametrize(
    ("options", "documented"), [(PredictOptions, PREDICT), (VideoOptions, VIDEO), (StreamOptions, STREAM)]
)
def test_the_option_types_are_the_services(options: type[Any], documented: Documented) -> None:
    types = {"string": str, "integer": int, "number": float}
    assert {
        name: (known.type, set(known.choices), known.option.default) for name, known in option_types(options).items()
    } == {
        name: (types[value(schema)["type"]], set(value(schema).get("enum", [])), default(schema))
        for name, schema in documented.items()
    }


@pytest.mark.parametrize("form", FORMAT["enum"])
def test_video_formats_are_the_services(serve: Serve, white: Path, form: str) -> None:
    service = Scripted(Response(video_lines(VIDEO_SUMMARY)))
    assert main(["video", str(white), "--format", form, "--url", serve(service)]) == 0
    assert service.asked[0].query_params["format"] == form
    assert set(get_args(VideoFormat)) == set(FORMAT["enum"])


@pytest.fixture
def asked(serve: Serve, white: Path, ffmpeg: Path, tmp_path: Path) -> Any:
    """Runs a command with these flags: the options that reached the service, as text."""

    def ask(command: str, *flags: str) -> dict[str, str]:
        if command == "watch":
            stream = FalseStream(answering)
            assert main(["watch", "--input", "rtsp://camera.example/1", "--url", serve(stream), *flags]) == 0
            return {name: str(said) for name, said in stream.said[0].items() if name != "type"}
        service = Scripted(Response(video_lines(VIDEO_SUMMARY)))
        main([command, str(white), "--url", serve(service), *flags])
        return {name: said for name, said in service.asked[0].query_params.items() if name != "format"}

    return ask


@pytest.mark.parametrize("command", [command for command, _ in COMMANDS])
def test_without_flags_the_service_decides(asked: Any, command: str) -> None:
    assert asked(command) == {}


@pytest.mark.parametrize(("command", "documented"), COMMANDS)
def test_each_flag_reaches_the_service(asked: Any, tmp_path: Path, command: str, documented: Documented) -> None:
    values = {name: examples(schema) for name, schema in documented.items() if name != EXPLAIN}
    # Every value of every option, and one of each in every command.
    for number in range(max(map(len, values.values()))):
        chosen = {name: allowed[number % len(allowed)] for name, allowed in values.items()}
        flags = [word for name, value in chosen.items() for word in (flag(name), value)]
        assert asked(command, *flags, "--explain", str(tmp_path / "heatmaps")) == {"explain": "gradcam", **chosen}


@pytest.mark.parametrize(("command", "documented"), COMMANDS)
def test_explanations_are_asked_for_as_files(asked: Any, tmp_path: Path, command: str, documented: Documented) -> None:
    options = asked(command, "--explain", str(tmp_path / "heatmaps"))
    assert options == {"explain": "gradcam", **{name: DEFAULTS[name] for name in documented if name in DEFAULTS}}


@pytest.mark.parametrize(("command", "name", "schema"), cases(choices=True))
def test_another_value_is_answered_with_those_that_exist(
    command: str, name: str, schema: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "file", flag(name), "nonsense"])
    said = capsys.readouterr().err
    assert all(choice in said.partition("invalid choice")[2] for choice in value(schema)["enum"])


@pytest.mark.parametrize(("command", "name", "schema"), cases())
def test_help_tells_the_services_default(
    command: str,
    name: str,
    schema: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    # From this flag to the next one.
    (entry,) = re.findall(rf"^  {flag(name)} .*?(?=^  -|\Z)", capsys.readouterr().out, re.MULTILINE | re.DOTALL)
    expected = DEFAULTS.get(name, default(schema))
    told = re.search(r"\(default (\S+)\)$", entry.rstrip())
    assert "by default" in entry if expected is None else told and type(expected)(told[1]) == expected


@pytest.mark.parametrize(
    ("command", "name"),
    [(command, name) for command, documented in COMMANDS for name in documented if name in NEEDS_EXPLAIN],
)
def test_a_flag_without_effect_is_refused(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    example = {"heatmap": "map", "target": "all", "explain_every": "2"}[name]
    with pytest.raises(SystemExit) as caught:
        main([command, *([] if command == "watch" else ["file"]), flag(name), example, "--url", "http://127.0.0.1:1"])
    assert caught.value.code == 2
    assert f"{flag(name)} has no effect without --explain" in capsys.readouterr().err

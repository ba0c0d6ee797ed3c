"""fer predict: the faces of photos."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from fer_client.async_client import AsyncClient
from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, add_options, chosen, connection, count
from fer_client.cli.files import in_folder
from fer_client.cli.heatmaps import HeatmapFolder
from fer_client.cli.outputs import TABLES, format_by_suffix, whole
from fer_client.cli.pictures import converted, is_converted, no_photo
from fer_client.cli.report import GOOD, SOME_FAILED, exit_code, print_error, print_line
from fer_client.cli.table import Table, service_table
from fer_client.errors import FerError
from fer_client.options import PredictOptions
from fer_client.results import Result


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "predict", "the faces of photos", run)
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a photo, or a folder: all photos in it and below"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a line of JSON for each photo")
    form.add_argument(
        "--csv",
        action="store_true",
        help="print a table with a row for each face: the columns of a video's CSV after the file",
    )
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write to this file instead: .csv, .parquet or, with a line of JSON for each photo, .ndjson; it gets its "
        "name once it is whole",
    )
    command.add_argument(
        "--jobs",
        type=count,
        default=4,
        metavar="N",
        help="requests at a time (default 4); from 8 photos on they are sent in batches, with 1 always one by one",
    )
    add_options(command, PredictOptions)


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    form = _form(arguments)
    code = GOOD
    paths: list[Path] = []
    for given in arguments.files:
        found = images(given)
        if not found:
            print_error("this folder has no photos", given)
            code = SOME_FAILED
        paths += found
    async with AsyncClient(**connection(arguments)) as client:
        try:
            with _output(arguments.output, form) as put:
                return max(code, await _answer_all(arguments, client, form, paths, put))
        except _EveryOtherToo as refusal:
            return refusal.code


class _EveryOtherToo(Exception):
    """An error, printed already, that every other photo would meet."""

    def __init__(self, code: int):
        self.code = code


def _form(arguments: argparse.Namespace) -> str:
    """What is printed or written: text, ndjson, csv or parquet. Exits with 2 where flags contradict each other."""
    flag = "ndjson" if arguments.json else "csv" if arguments.csv else None
    if arguments.output is None:
        return flag or "text"
    named = format_by_suffix(arguments.output)
    if named is None or named not in TABLES or arguments.output.is_dir():
        arguments.command.error(f"-o {arguments.output} should be a file that ends with .csv, .ndjson or .parquet")
    if flag not in (None, named):
        arguments.command.error(f"-o {arguments.output} says {named}, --{'csv' if arguments.csv else 'json'} does not")
    return str(named)


@contextmanager
def _output(path: Path | None, form: str) -> Iterator[Callable[[str], None]]:
    """Takes the lines: of stdout, or of a file."""
    if path is None:
        yield print_line
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path, form) as file:
        yield lambda line: file.writelines((line.encode("utf-8", "surrogateescape"), b"\n"))


async def _answer_all(
    arguments: argparse.Namespace, client: AsyncClient, form: str, paths: list[Path], put: Callable[[str], None]
) -> int:
    """The exit code. Raises FerError, and _EveryOtherToo."""
    code = GOOD
    widest = max((len(str(path)) for path in paths), default=0)
    options = chosen(arguments, PredictOptions)
    heatmaps = HeatmapFolder(arguments.explain) if arguments.explain else None
    stems: Counter[str] = Counter()
    table = None
    if form in ("csv", "parquet"):
        table = service_table(await client.model(), await client.limits())
        put(table.header())
    several = len(paths) > 1 and sys.stderr.isatty()
    with tqdm(total=len(paths), unit="photo", disable=not several, leave=False) as progress:
        async with aclosing(_answers(client, paths, arguments.jobs, options)) as answers:
            async for path, answer in answers:
                progress.update()
                if not isinstance(answer, Result):
                    print_error(answer, path)
                    if (of_all := exit_code(answer)) != SOME_FAILED:
                        raise _EveryOtherToo(of_all)
                    code = SOME_FAILED
                    if table is not None:
                        put(table.error(str(path), answer))
                    continue
                for line in lines(form, path, answer, table, widest):
                    put(line)
                if heatmaps is not None:
                    # Photos from different folders may have the same name.
                    stems[path.stem] += 1
                    again = f"-{stems[path.stem]}" if stems[path.stem] > 1 else ""
                    heatmaps.save(path.stem, answer.faces, again)
    return code


def images(given: Path) -> list[Path]:
    """The photos in a folder and below, sorted; a file itself, whatever its name."""
    return in_folder(given, no_photo) if given.is_dir() else [given]


async def _answers(
    client: AsyncClient, paths: list[Path], jobs: int, options: PredictOptions
) -> AsyncGenerator[tuple[Path, Result | FerError | OSError], None]:
    """Each path with its answer, in order."""
    for has_to_be_converted, group in groupby(paths, is_converted):
        if not has_to_be_converted:
            async with aclosing(client.predict_many(group, jobs=jobs, **options)) as answers:
                async for answer in answers:
                    yield answer
            continue
        for path in group:
            try:
                yield path, await client.predict(await asyncio.to_thread(converted, path), **options)
            except (FerError, OSError) as error:
                yield path, error


def lines(form: str, path: Path, result: Result, table: Table | None, widest: int) -> list[str]:
    if form == "ndjson":
        return [text.json_line({"file": str(path), **result.raw})]
    if table is not None:
        return table.result(str(path), result)
    return text.result_lines(str(path).ljust(widest), result, text.bar_character(sys.stdout.encoding))

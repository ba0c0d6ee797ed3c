"""Every attack that SECURITY.md names, one after the other, while a bystander sends photos and a monitor asks /livez.

    python -m benchmarks.siege [--url http://HOST:PORT] [--only WORD] [--seconds 6] [--out FILE]

The service is started as docker-compose.yml limits it: no core dumps, and the memory for bodies that it takes where it
has 1 GB. Its memory is measured, not limited, so that the table says by how much a bar is missed: what all processes
have in memory (the proportional set size, and memory files, also where no process has them mapped). The attacks come
from 127.0.0.1, the bystander is 127.0.0.2, the monitor 127.0.0.3. The attacker is nice, because a real one has a
processor of its own. `--url` attacks a service that runs elsewhere, whose memory is not measured.

`open` are the attack's connections without a whole request 12 s after its last byte, `streams` those that have become
sessions, which have a limit of their own (FER_STREAM_IDLE_S). The status is 1 where a bar is missed: MOST_MB, no answer
lost, MOST_PHOTO_S, MOST_LIVEZ_S, no connection open, no 500, and nothing but refusals for what another web page does.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.processes import ROOT, Tree, serving
from benchmarks.siege.attacker import Attacker
from benchmarks.siege.attacks import ATTACKS, Attack
from benchmarks.siege.outcome import Outcome, attack
from benchmarks.siege.witness import Seen, watching

MOST_MB, MOST_PHOTO_S, MOST_LIVEZ_S = 700.0, 3.0, 1.0
COLUMNS = ("attack", "peak MB", "photos", "lost", "slowest s", "slowest /livez s", "open", "streams", "answers")


def misses(attack: Attack, seen: Seen, outcome: Outcome) -> list[str]:
    """The bars that are missed, by their columns."""
    bars = {
        "peak MB": seen.peak_mb >= MOST_MB,
        "lost": seen.photos.lost + seen.livez.lost > 0,
        "slowest s": seen.photos.slowest_s >= MOST_PHOTO_S,
        "slowest /livez s": seen.livez.slowest_s >= MOST_LIVEZ_S,
        "open": outcome.open > 0,
        "answers": outcome.statuses[500] > 0
        or (attack.refused is not None and set(outcome.statuses) != {attack.refused}),
    }
    return [column for column, missed in bars.items() if missed]


def row(attack: Attack, seen: Seen, outcome: Outcome) -> str:
    """A line of the table; what misses its bar is marked."""
    statuses = ", ".join(f"{count} of {status or 'none'}" for status, count in sorted(outcome.statuses.items()))
    cells = {
        "attack": attack.name,
        "peak MB": f"{seen.peak_mb:.0f}",
        "photos": str(len(seen.photos.waits_s)),
        "lost": str(seen.photos.lost + seen.livez.lost),
        "slowest s": f"{seen.photos.slowest_s:.2f}",
        "slowest /livez s": f"{seen.livez.slowest_s:.2f}",
        "open": str(outcome.open),
        "streams": str(outcome.streams),
        "answers": statuses,
    }
    for column in misses(attack, seen, outcome):
        cells[column] = f"**{cells[column]}**"
    return f"| {' | '.join(cells[column] for column in COLUMNS)} |"


def table(rows: list[str]) -> str:
    return "\n".join((f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}", *rows))


def lay_siege(
    host: str, port: int, tree: Tree | None, numbers: list[int], seconds: float
) -> Iterator[tuple[str, bool]]:
    """For each attack its line, and whether all bars were met."""
    photo = (ROOT / "tests/data/astronaut.jpg").read_bytes()
    for number in numbers:
        with watching(host, port, tree, photo) as seen:
            outcome = attack(number, Attacker(host, port, seconds))
        line = row(ATTACKS[number], seen, outcome)
        print(line, file=sys.stderr, flush=True)
        yield line, not misses(ATTACKS[number], seen, outcome)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a service that runs already")
    parser.add_argument("--only", default="", help="attacks with this word in their name")
    parser.add_argument("--seconds", type=float, default=6.0, help="of an attack that could go on for ever")
    parser.add_argument("--out", type=Path, help="the table is written here, too")
    given = parser.parse_args()
    chosen = [number for number, each in enumerate(ATTACKS) if given.only in each.name]
    results: list[tuple[str, bool]] = []
    if given.url:
        address = urlsplit(given.url)
        anywhere = [number for number in chosen if ATTACKS[number].open_files is None]
        results += lay_siege(address.hostname or "", address.port or 80, None, anywhere, given.seconds)
    else:
        for open_files in sorted({ATTACKS[number].open_files for number in chosen}, key=lambda each: each or 0):
            numbers = [number for number in chosen if ATTACKS[number].open_files == open_files]
            with serving(open_files) as (host, port, tree):
                results += lay_siege(host, port, tree, numbers, given.seconds)
    text = table([line for line, _ in results])
    print(text)
    if given.out is not None:
        given.out.parent.mkdir(exist_ok=True)
        given.out.write_text(f"{text}\n")
    return 0 if all(met for _, met in results) else 1


if __name__ == "__main__":
    sys.exit(main())

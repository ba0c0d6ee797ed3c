"""`framing`: measure the crop margin."""

import argparse
import json
from pathlib import Path

from training.commands import options as shared

FACES = 1000


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "framing",
        help="measure how much to add around a detected face so that crops look like the data's",
        description="Measure the crop margin: how the service's detector frames the data's train faces, and which "
        "margin around the faces that it finds in photos gives crops that are framed alike. Writes framing.json, "
        "which the next export reads.",
    )
    shared.add_data(parser)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos with faces")
    parser.add_argument("--faces", type=int, default=FACES, help="train faces to measure (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=shared.MODEL.parent, help="folder of framing.json (default: %(default)s)"
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.release import framing

    measured = framing.measure(shared.load_data(options), options.photos, options.faces)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / framing.FILE).write_text(json.dumps(measured, indent=1) + "\n")
    print(framing.table(measured))

"""`export`: a run's weights as ONNX, with a proof."""

import argparse
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "export",
        help="write a run's weights as ONNX, calibrated on the validation split and proved equal to Keras",
        description="Write the weights of the run's last epoch as ONNX. The calibration and the threshold of "
        "prediction sets are fitted on the validation split. A file whose answers or heatmaps differ from Keras's, or "
        "that is too large, is not put in place.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    shared.add_model(parser)
    parser.add_argument(
        "--best", action="store_true", help="the weights of the best epoch, whose validation figures are too good"
    )
    parser.add_argument(
        "--twin",
        type=Path,
        metavar="RUN",
        help="for a run --with-validation: the run of its twin, which is calibrated and measured in its place; its own "
        "file is written beside the model's",
    )
    parser.add_argument("--force", action="store_true", help="overwrite a model of FER-2013 with one of other data")
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.learning.twin import of_run
    from training.release import twin
    from training.release.export import export
    from training.release.place import check_place
    from training.release.proof import summary

    dataset = shared.load_data(options)
    if not options.force:
        check_place(options.model, dataset)
    if options.twin is not None:
        of_run(options.run, options.twin, best=options.best)
        proof = export(options.twin, dataset, twin.path(options.model), best=options.best)
        print(f"{twin.path(options.model)}: {summary(proof)}")
    proof = export(options.run, dataset, options.model, best=options.best, twin=options.twin)
    print(f"{options.model}: {summary(proof)}")

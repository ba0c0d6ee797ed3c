"""`export`: a run's best weights as ONNX, with a proof."""

import argparse

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "export",
        help="write the best weights as ONNX, calibrated on the validation split and proved equal to Keras",
        description="Write the run's best weights as ONNX. The calibration and the threshold of prediction "
        "sets are fitted on the validation split. A file whose answers or heatmaps differ from Keras's, or that is too "
        "large, is not put in place.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    shared.add_model(parser)
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.release.export import export
    from training.release.proof import summary

    proof = export(options.run, shared.load_data(options), options.model)
    print(f"{options.model}: {summary(proof)}")

"""The command line: python -m training COMMAND."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from training.dataset import SPLITS, DataError, Dataset, load, load_votes

# TensorFlow's start-up chatter (CUDA that is not there) would bury the messages that matter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# ONNX Runtime's Linux builds report usage to their maker unless told otherwise before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

DATA = Path("data/fer2013.csv")
RUN = Path("runs/default")
MODEL = Path("models/emotion.onnx")
FIGURES = Path("models/figures")
FRAMING_FACES = 1000


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; 0 done, 1 unusable data or failed proof, 130 interrupted."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except (DataError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        type=Path,
        default=DATA,
        help="FER-2013 as fer2013.csv or icml_face_data.csv (also .gz, .xz, .zip); or a folder of pictures by label, "
        "any labels, of any size and colour: train/<label>/, test/<label>/, and val/<label>/ if one is to choose the "
        "epoch, else a tenth of train/ does (default: %(default)s)",
    )
    data.add_argument("--partial", action="store_true", help="accept a CSV with fewer rows than FER-2013 has")
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument("--run", type=Path, default=RUN, help="folder of checkpoints and history (default: %(default)s)")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--model", type=Path, default=MODEL, help="the exported file (default: %(default)s)")

    figures = commands.add_parser(
        "figures",
        parents=[data, run, model],
        help="draw the data, the network, the learning curves, the mistakes and the heatmaps",
        description="Draw what the inputs allow: sample faces and class balance need the data; the network and its "
        "curves need a run; confusion matrix, classification report and Grad-CAM galleries need data and model.",
    )
    figures.add_argument("--out", type=Path, default=FIGURES, help="folder for the pictures (default: %(default)s)")
    figures.add_argument("--data-only", action="store_true", help="sample faces and class balance, nothing more")
    figures.set_defaults(command=_figures)

    train = commands.add_parser(
        "train",
        parents=[data, run],
        help="train the network; Ctrl-C leaves a checkpoint",
        description="Train the network. Ctrl-C stops after the batch at hand and leaves a checkpoint; "
        "--resume goes on from it, bit for bit.",
    )
    train.add_argument(
        "--votes", type=Path, help="FER+ votes, fer2013new.csv (optional, worth having; for FER-2013 as CSV)"
    )
    train.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="another run whose best network is learned from as well (distillation); may be given several times",
    )
    train.add_argument(
        "--from", type=Path, dest="start", metavar="RUN", help="begin with the best weights of another run"
    )
    train.add_argument("--epochs", type=int, help="passes over the training faces")
    train.add_argument("--rate", type=float, dest="learning_rate", help="largest learning rate")
    train.add_argument(
        "--size",
        type=_training_size,
        dest="sizes",
        metavar="PIXELS",
        help="training size in all epochs, a multiple of 8 (default: small faces first, which cost half as much)",
    )
    train.add_argument("--seed", type=int, help="decides every random draw")
    train.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    train.set_defaults(command=_train)

    average = commands.add_parser(
        "average",
        parents=[data, run],
        help="the mean of several runs' best weights, as a run of its own",
        description="Write the mean of several runs' best weights as a new run, and print what each of them and the "
        "mean reach on PublicTest. It is worth trying with runs that began with the same weights (train --from).",
    )
    average.add_argument(
        "--of",
        type=Path,
        action="append",
        required=True,
        metavar="RUN",
        help="a run; given at least twice, a run that is named twice counts twice",
    )
    average.set_defaults(command=_average)

    export = commands.add_parser(
        "export",
        parents=[data, run, model],
        help="write the best weights as ONNX, calibrated on PublicTest and proved equal to Keras",
        description="Write the run's best weights as ONNX. Temperature and plausibility threshold are fitted on "
        "PublicTest. A file whose answers or heatmaps differ from Keras's, or that is too large, is not put in place.",
    )
    export.set_defaults(command=_export)

    evaluate = commands.add_parser(
        "evaluate",
        parents=[data, model],
        help="measure the exported file through the service's classifier; writes metrics.json and MODEL_CARD.md",
        description="Measure the exported file through the service's own classifier. Writes metrics.json and "
        "MODEL_CARD.md beside it; the other split's figures in them stay if they are of the same file.",
    )
    evaluate.add_argument(
        "--split",
        choices=SPLITS[1:],
        default=SPLITS[1],
        help="PublicTest while choosing; PrivateTest once for a released model (default: %(default)s)",
    )
    evaluate.set_defaults(command=_evaluate)

    receipt = commands.add_parser(
        "receipt",
        parents=[data, model],
        help="make all that is said of the model again, from its file and the data: metrics.json, card, figures",
        description="Measure the exported file in every way: both splits, changed pictures, voters, picture quality, "
        "copies across the splits, truth of the heatmaps. Writes metrics.json, MODEL_CARD.md and figures/. PrivateTest "
        "is among it, so it is for a model that is released, not for choosing one.",
    )
    receipt.add_argument("--votes", type=Path, help="FER+ votes, fer2013new.csv (optional; for FER-2013 as CSV)")
    receipt.add_argument("--out", type=Path, help="folder to write into (default: the model's)")
    receipt.add_argument(
        "--check",
        action="store_true",
        help="write nothing; compare with the metrics.json and the card beside the model, and fail where they differ",
    )
    receipt.set_defaults(command=_receipt)

    quantise = commands.add_parser(
        "quantise",
        parents=[data, model],
        help="try the model as int8; kept only if it is as right and much faster on one core",
        description="Quantise the exported file with training faces, in several ways, and measure accuracy on "
        "PublicTest and speed on one core. Writes int8.json beside the model for the card, and the int8 file only "
        "where it loses little and gains much. Other work on the machine blurs the speeds.",
    )
    quantise.set_defaults(command=_quantise)

    framing = commands.add_parser(
        "framing",
        parents=[data],
        help="measure how much to add around a detected face so that crops look like the data's",
        description="Measure the crop margin: how the service's detector sees the data's training faces, and which "
        "margin around the faces it finds in photos makes it see those crops alike. Writes framing.json, which the "
        "next export reads.",
    )
    framing.add_argument("--photos", type=Path, required=True, help="folder of photos with faces")
    framing.add_argument(
        "--faces", type=int, default=FRAMING_FACES, help="training faces to measure (default: %(default)s)"
    )
    framing.add_argument("--out", type=Path, default=MODEL.parent, help="folder of framing.json (default: %(default)s)")
    framing.set_defaults(command=_framing)
    return parser


def _load(options: argparse.Namespace) -> Dataset:
    dataset = load(options.data, partial=options.partial)
    if dataset.note:
        print(f"note: {dataset.note}", file=sys.stderr)
    return dataset


def _figures(options: argparse.Namespace) -> None:
    from training import evaluate, figures
    from training.train import BEST, story

    data = _load(options) if options.data.exists() else None
    if options.data_only:
        figures.of_data(data or _load(options), options.out)
        return
    made, skipped = [], []
    if data:
        made += figures.of_data(data, options.out)
    else:
        skipped.append(f"samples and class balance: {options.data} does not exist")
    if (options.run / BEST).exists():
        made += figures.of_training(story(options.run), options.out)
    elif options.model.exists() and (told := evaluate.story(options.model)):
        made += figures.of_training(told, options.out)
    else:
        skipped.append(f"network and curves: neither {options.run / BEST} nor {options.model} tells of them")
    if data and options.model.exists():
        made += figures.of_model(options.model, data, options.out)
    else:
        lacking = options.data if not data else options.model
        skipped.append(f"confusion matrix, report and heatmaps: {lacking} does not exist")
    for path in made:
        print(path)
    for reason in skipped:
        print(f"skipped {reason}", file=sys.stderr)


def _training_size(text: str) -> tuple[tuple[float, int], ...]:
    """The recipe's `sizes` of one size for all epochs."""
    if not text.isdecimal() or not 16 <= int(text) <= 96 or int(text) % 8:
        raise argparse.ArgumentTypeError(f"{text} is no multiple of 8 from 16 to 96")
    return ((1.0, int(text)),)


def _train(options: argparse.Namespace) -> None:
    from training.teacher import teach
    from training.train import CHECKPOINT, Recipe, Trainer, read_checkpoint

    names = ("epochs", "learning_rate", "sizes", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    checkpoint = options.run / CHECKPOINT
    if not options.resume and checkpoint.exists():
        raise ValueError(f"{checkpoint} exists: pass --resume to go on, or another --run to start anew.")
    recipe = Recipe.from_json(read_checkpoint(checkpoint)[0]["recipe"]) if options.resume else Recipe(**given)
    for name, value in given.items():
        if getattr(recipe, name) != value:
            raise ValueError(f"{checkpoint} was begun with {name} {getattr(recipe, name)}, which cannot change.")
    if options.resume and (options.votes or options.teacher or options.start):
        raise ValueError(f"{checkpoint} holds its soft targets and weights: leave out --votes, --teacher and --from.")
    dataset = _load(options)
    if options.resume:
        trainer = Trainer(recipe, dataset, None)
        trainer.restore(options.run)
    else:
        votes = load_votes(options.votes, dataset) if options.votes else None
        trainer = Trainer(recipe, dataset, teach(dataset, options.teacher, votes))
        if options.start:
            trainer.start_from(options.start)
    trainer.run(options.run)


def _average(options: argparse.Namespace) -> None:
    from training.average import average

    for name, loss, accuracy in average(options.of, options.run, _load(options)):
        print(f"{name}: PublicTest accuracy {accuracy:.4f}, loss {loss:.4f}")


def _export(options: argparse.Namespace) -> None:
    from training.export import export, words

    proof = export(options.run, _load(options), options.model)
    print(f"{options.model}: {words(proof)}")


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluate import evaluate, words

    figures = evaluate(options.model, _load(options), options.split)
    print(words(options.split, figures))


def _receipt(options: argparse.Namespace) -> None:
    from training import receipt
    from training.studies import duplicates

    dataset = _load(options)
    votes = load_votes(options.votes, dataset) if options.votes else None
    if not options.check:
        out = options.out or options.model.parent
        receipt.receipt(options.model, dataset, votes, out)
        print(f"{out}: metrics.json, MODEL_CARD.md and {receipt.FOLDER}/")
        return
    found = receipt.measure(options.model, dataset, votes, duplicates.find(dataset))
    lines = receipt.compare(options.model.parent, found)
    for line in lines:
        print(line)
    if lines:
        raise ValueError(f"{len(lines)} figures beside {options.model} are not those of the file and the data.")
    print(f"the figures and the card beside {options.model} are those of the file and the data")


def _quantise(options: argparse.Namespace) -> None:
    from training import quantise

    print(quantise.words(quantise.try_int8(options.model, _load(options))))


def _framing(options: argparse.Namespace) -> None:
    from training import framing

    measured = framing.measure(_load(options), options.photos, options.faces)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / framing.FILE).write_text(json.dumps(measured, indent=1) + "\n")
    print(framing.table(measured))


if __name__ == "__main__":
    sys.exit(main())

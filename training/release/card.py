"""MODEL_CARD.md: what the model is, what it is for and how accurate it is, from the content of metrics.json."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.data.dataset import is_fer2013, split_title
from training.release import metrics

TEMPLATE = "card.md.j2"


def render(figures: dict) -> str:
    """The card as Markdown. Every figure in it is in `figures`, the content of metrics.json."""
    model = figures["model"]
    fer2013 = is_fer2013(model["data"]["name"], model["labels"])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        # Markdown, not HTML.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["f"] = format
    offsets = zip(model["labels"], model["offsets"], strict=True)
    sections = {name: figures.get(name) for name in ("training", "robustness", "explanations", "int8", "duplicates")}
    return environment.get_template(TEMPLATE).render(
        model=model,
        splits=figures["splits"],
        **sections,
        fer2013=fer2013,
        # As a heading.
        title=lambda split: split.capitalize() + split_title(split, fer2013=fer2013).removeprefix(split),
        raised={label: offset for label, offset in offsets if offset},
        bins=metrics.BINS,
    )

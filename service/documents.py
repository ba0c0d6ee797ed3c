"""python -m service.documents: writes openapi/openapi.json and openapi/asyncapi.yaml from the code's own models.

Needs PyYAML, which the service itself does not.
"""

import json
import sys
from pathlib import Path

import yaml

from .app import create_app
from .settings import Settings
from .stream.document import asyncapi_document

FOLDER = Path("openapi")


def openapi() -> str:
    """The REST interface; needs no model file."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"


def asyncapi() -> str:
    """The WebSocket interface, AsyncAPI 3.0."""
    return yaml.safe_dump(asyncapi_document(), sort_keys=False, allow_unicode=True, width=120)


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "openapi.json").write_text(openapi())
    (FOLDER / "asyncapi.yaml").write_text(asyncapi())
    return 0


if __name__ == "__main__":
    sys.exit(main())

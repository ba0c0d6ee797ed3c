"""Clients that others' programs make from the OpenAPI document: they are made without warnings, and they work."""

import base64
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import LABELS, ROOT

DOCUMENT = ROOT / "openapi" / "openapi.json"


def generate(program: str, *arguments: str) -> str:
    """Runs a program that is a Python package; what it says."""
    pytest.importorskip(program, reason=f"needs {program} (make test installs it)")
    # It calls ruff on what it has made.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    command = [sys.executable, "-W", "error", "-m", program, *arguments]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What openapi-python-client makes: a function that imports a module of it."""
    folder = tmp_path_factory.mktemp("generated")
    named = ["--path", str(DOCUMENT), "--output-path", str(folder / "fer_generated")]
    said = generate("openapi_python_client", "generate", *named, "--meta", "none", "--fail-on-warning")
    assert "warning" not in said.lower()
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"fer_generated.{name}")
    sys.path.remove(str(folder))


@pytest.fixture
def client(made: Any, url: str) -> Any:
    with made("client").Client(base_url=url) as client:
        yield client


def test_a_generated_client_asks_the_service(made: Any, client: Any, white: Path) -> None:
    predict, models, file = made("api.predict.predict").sync, made("models"), made("types").File
    picture = white.read_bytes()
    forms = [
        file(payload=io.BytesIO(picture)),
        models.PredictFilesBody(file=file(payload=io.BytesIO(picture), file_name="white.png")),
        models.PredictJsonPredictBody(image=base64.b64encode(picture).decode()),
    ]
    for body in forms:
        answer = predict(client=client, body=body, crop=models.PredictCrop.WHOLE)
        assert [face.emotion for face in answer.faces] == ["bright"]
    whole = {"crop": models.PredictCrop.WHOLE, "explain": models.PredictExplain.GRADCAM, "target": "all"}
    (face,) = predict(client=client, body=file(payload=io.BytesIO(picture)), **whole).faces
    assert [each.target for each in face.explanations] == list(LABELS)
    refused = predict(client=client, body=file(payload=io.BytesIO(b"GIF89a")))
    assert (type(refused), refused.code) == (models.ProblemDocument, "unsupported_media_type")


def test_a_generated_client_sends_batches_and_videos(made: Any, client: Any, white: Path, clip: Path) -> None:
    file, models = made("types").File, made("models")
    files = [file(payload=io.BytesIO(white.read_bytes()), file_name=f"{number}.png") for number in range(3)]
    batch = made("api.predict.predict_batch").sync(client=client, body=models.PredictBatchBody(file=files))
    assert [entry.index for entry in batch.entries] == [0, 1, 2]
    video = file(payload=io.BytesIO(clip.read_bytes()))
    assert '"type":"summary"' in made("api.predict.predict_video").sync(client=client, body=video, fps=1.0)
    assert made("api.operations.model").sync(client=client).labels == list(LABELS)
    assert made("api.operations.limits").sync(client=client).max_faces == 50


def test_generated_models_read_what_the_service_says(url: str, white: Path, tmp_path: Path) -> None:
    """Those of datamodel-codegen."""
    named = ["--input", str(DOCUMENT), "--input-file-type", "openapi", "--output", str(tmp_path / "fer_models.py")]
    kind = ["--output-model-type", "pydantic_v2.BaseModel", "--use-annotated", "--formatters", "ruff-format"]
    assert generate("datamodel_code_generator", *named, *kind) == ""
    sys.path.insert(0, str(tmp_path))
    try:
        models: Any = importlib.import_module("fer_models")
    finally:
        sys.path.remove(str(tmp_path))
    httpx = importlib.import_module("httpx2")
    answer = httpx.post(f"{url}/v1/predict?crop=whole", content=white.read_bytes())
    assert models.Result.model_validate_json(answer.content).faces[0].emotion == "bright"
    assert models.Limits.model_validate_json(httpx.get(f"{url}/v1/limits").content).max_faces == 50
    assert models.ProblemDocument.model_validate_json(httpx.post(f"{url}/v1/predict").content).code == "malformed_body"

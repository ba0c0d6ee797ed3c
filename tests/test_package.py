"""`pip install .` gives the service as a library and a program, `pip install ./client` the client and `fer`.

Built and installed here without any index; `make release` installs them in an environment that has nothing else.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

import service
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
START_WITHIN_S = 60


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheels and nothing else; their dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("package")
    alone = "--no-deps", "--no-index"
    pip("wheel", "--no-build-isolation", *alone, "--wheel-dir", folder, ROOT, ROOT / "client")
    pip("install", *alone, "--target", folder / "site", *folder.glob("*.whl"))
    return folder / "site"


@pytest.fixture
def environment(site: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FER_")}
    return {**kept, "PYTHONPATH": str(site)}


def run(code: str, folder: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readmes_library_example(tmp_path: Path, site: Path, environment: dict[str, str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    where = "\nimport fer_service, sys; print(fer_service.__file__); print('uvicorn' in sys.modules)"
    *said, file, server = run(example + where, tmp_path, environment).splitlines()
    assert Path(file).is_relative_to(site)
    assert server == "False"
    assert len(said) == 1
    assert "happy" in said[0]


def test_the_clients_program_and_types(tmp_path: Path, site: Path, environment: dict[str, str]) -> None:
    command = [str(site / "bin" / "fer"), "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert service.__version__ in done.stdout
    where = run("import fer_client; print(fer_client.__file__)", tmp_path, environment)
    assert Path(where.strip()).is_relative_to(site)
    assert (site / "fer_client" / "py.typed").exists()


def test_its_version_is_the_services(tmp_path: Path, environment: dict[str, str]) -> None:
    code = (
        "import fer_service as f; from importlib.metadata import version as v; print(v('fer-service'), f.__version__)"
    )
    assert run(code, tmp_path, environment).split() == [service.__version__] * 2


def test_it_holds_the_page_and_the_shipped_model(site: Path) -> None:
    page = ROOT / "service" / "web"
    files = {path.relative_to(page) for path in page.rglob("*") if path.is_file() and "vendor" not in path.parts}
    assert files
    for path in files:
        assert (site / "fer_service" / "web" / path).read_bytes() == (page / path).read_bytes()
    assert (site / "fer_service/models/emotion.onnx").read_bytes() == (ROOT / "models/emotion.onnx").read_bytes()


def test_the_program_serves_the_page_and_the_shipped_model(
    tmp_path: Path, site: Path, environment: dict[str, str]
) -> None:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [site / "bin" / "fer-service"], cwd=tmp_path, env={**environment, "PORT": str(port)}, stderr=log
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", process)
        for path in ("/", "/static/main.js", "/docs"):
            assert httpx2.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    assert status == 0, (tmp_path / "log").read_text()
    assert "Application shutdown complete" in (tmp_path / "log").read_text()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the program did not become ready")

"""Who imports whom: the service never reaches for the training's world, and arrows only go down."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOMES = {
    "fastapi": {"app.py", "middleware.py", "routes", "state.py"},
    "cv2": {"detectors", "drawing.py", "images.py"},
    "onnxruntime": {"sessions.py"},
    "av": {"video"},
    "opentelemetry": {"spans.py"},
    "prometheus_client": {"metrics.py"},
}


def test_the_service_loads_no_training_library() -> None:
    code = (
        "import sys, service.app, service.__main__;"
        "heavy = {'tensorflow', 'keras', 'tf2onnx', 'matplotlib', 'sklearn', 'training'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_heavy_library_has_its_home() -> None:
    for path in (ROOT / "service").rglob("*.py"):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
        }
        place = path.relative_to(ROOT / "service").parts[0]
        for library, homes in HOMES.items():
            assert library not in imported or place in homes, f"{path} imports {library}"

"""Runs a notebook of notebooks/ in a kernel of this environment."""

import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# A kernel's first import may have to wait for others on a busy machine.
CELL_WITHIN_S = 300


def run(name: str, folder: Path, parameters: str = "", **environment: str) -> list[Any]:
    """Runs it in `folder`, with the code `parameters` after its cell of parameters; returns its cells with outputs.

    Skips where nbclient is missing. Raises CellExecutionError where a cell fails.
    """
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, which runs notebooks")
    import nbformat

    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "its outputs are not committed"
    [declared] = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    declared.source += f"\n{parameters}"
    path = os.pathsep.join((str(ROOT), str(ROOT / "client" / "src")))
    private = {"IPYTHONDIR": str(folder / ".ipython"), "JUPYTER_RUNTIME_DIR": str(folder / ".jupyter")}
    client = nbclient.NotebookClient(
        notebook, timeout=CELL_WITHIN_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "PYTHONPATH": path, **private, **environment})
    return list(notebook.cells)


def shown(cells: list[Any], media_type: str) -> list[str]:
    """The outputs of a type, in order."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[media_type] for output in outputs if media_type in output.get("data", {})]

"""What an ONNX file says of itself, and files that are wrong on purpose."""

from pathlib import Path

import onnx
from onnx.helper import make_node, make_tensor


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def with_metadata(source: Path, out: Path, values: dict[str, str]) -> Path:
    """A copy of a file with exactly this metadata."""
    model = onnx.load(source)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, values)
    onnx.save(model, out)
    return out


SPOILS: dict[str, tuple[str, list, dict]] = {
    "root of the heatmaps": ("Sqrt", [], {}),
    "classes in reverse": ("Gather", [("classes", onnx.TensorProto.INT64, [6, 5, 4, 3, 2, 1, 0])], {"axis": 1}),
    "a little more": ("Add", [("more", onnx.TensorProto.FLOAT, 2e-5)], {}),
    "a class too few": ("Gather", [("classes", onnx.TensorProto.INT64, [0, 1, 2, 3, 4, 5])], {"axis": 1}),
}


def spoil(source: Path, out: Path, output: str, how: str) -> Path:
    """A copy of a file whose `output` goes through one of SPOILS last."""
    model = onnx.load(source)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == output:
                    names[place] = "right"
    operator, constants, attributes = SPOILS[how]
    for name, kind, value in constants:
        values = value if isinstance(value, list) else [value]
        shape = [len(value)] if isinstance(value, list) else []
        model.graph.initializer.append(make_tensor(name, kind, shape, values))
    inputs = ["right", *(name for name, _, _ in constants)]
    model.graph.node.append(make_node(operator, inputs, [output], **attributes))
    for declared in model.graph.output:
        if declared.name == output:
            declared.type.tensor_type.ClearField("shape")
    onnx.save(model, out)
    return out

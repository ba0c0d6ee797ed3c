"""The CNN: scaling layer first, global average pooling and one linear layer last."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

HEATMAP_LAYER = "features"
_FINER, _TURNED_BACK = "finer", "turned_back"
# The heads: two linear layers on the same pooled features. One predicts the label, the other how people vote.
LABELS = "logits"
VOTES = "votes"
# Part of the names of all squeeze-and-excitation layers.
EXCITE = "_excite"


@dataclass(frozen=True)
class Shape:
    """Everything that decides which layers a network has. `widths` are channels at half, quarter and eighth size."""

    classes: int
    size: int = 48
    widths: tuple[int, int, int] = (40, 80, 160)
    blocks: tuple[int, int] = (2, 2)
    # The linear layer reads the last maps of both stages, not of the second alone: heatmaps are twice as fine.
    fine: bool = False
    # Squeeze and excitation (Hu et al. 2018) in every block: the block's channels are divided by this number for the
    # hidden layer; 0 for none.
    squeeze: int = 0
    # Whether there is a votes head.
    votes: bool = False


@keras.saving.register_keras_serializable(package="fer")
class Standardise(layers.Layer):
    """Grey faces 0..255 (n, h, w, 1) to float32, each face with mean 0 and standard deviation 1.

    So a darker picture of a face, or one with less contrast, gives the same numbers. The added 8 (grey levels) keeps
    a face without contrast from becoming amplified noise.
    """

    def call(self, faces):
        x = keras.ops.cast(faces, "float32")
        mean = keras.ops.mean(x, axis=(1, 2, 3), keepdims=True)
        centred = x - mean
        deviation = keras.ops.sqrt(keras.ops.mean(centred * centred, axis=(1, 2, 3), keepdims=True))
        return centred / (deviation + 8.0)


@keras.saving.register_keras_serializable(package="fer")
class Orient(layers.Layer):
    """Mirrors scaled faces (n, h, w, 1) where `faces`, 0..255, are brighter on the right; also returns which those are.

    A face and its mirror image become the same picture, so they get the same answer at no cost (canonicalisation, Kaba
    et al. 2023). A penalty in the loss for different answers cost a point of accuracy.
    """

    def call(self, scaled, faces):
        # Sums of whole numbers are exact in any order, so a face with equal halves is never mirrored.
        faces = keras.ops.cast(faces, "float32")
        middle = keras.ops.shape(faces)[2] // 2
        left = keras.ops.sum(faces[:, :, :middle], axis=(1, 2, 3), keepdims=True)
        right = keras.ops.sum(faces[:, :, -middle:], axis=(1, 2, 3), keepdims=True)
        return _mirror(scaled, left < right), left < right


@keras.saving.register_keras_serializable(package="fer")
class TurnBack(layers.Layer):
    """Mirrors the maps (n, h, w, channels) of faces that `Orient` mirrored, so that heatmaps fit the original face."""

    def call(self, maps, mirrored):
        return _mirror(maps, mirrored)


@keras.saving.register_keras_serializable(package="fer")
class Pointwise(layers.Dense):
    """A linear layer for maps (n, h, w, channels), computed as a convolution of one pixel.

    ONNX files hold one node for it. For keras' own product they hold a dozen, which compute shapes.
    """

    def call(self, maps):
        return self.activation(keras.ops.conv(maps, self.kernel[None, None]) + self.bias)


def _mirror(x, mirrored):
    return keras.ops.where(mirrored, x[:, :, ::-1], x)


def build(shape: Shape, *, oriented: bool = False) -> keras.Model:
    """A residual network from faces (n, h, w, 1), 0..255, to (logits, features).

    Logits are (n, classes). Where `shape.votes` is on, the logits of the votes head come after the features. `features`
    (n, h / 4, w / 4, channels), or h / 8 where `shape.fine` is off, is the last map before pooling; a logit is linear
    in its mean, which makes Grad-CAM a plain product (see `training.release.export`). Height and width may be any
    multiples of 8. `oriented` puts `Orient` in front, as the network is served; it has the same weights, and training
    leaves it out so that the network sees faces either way round.
    """
    faces = keras.Input((None, None, 1), name="faces")
    x = Standardise(name="scaling")(faces)
    if oriented:
        x, mirrored = Orient(name="orient")(x, faces)
    # 6x6 with stride 2 equals space-to-depth and 3x3. Maps of the full size cost more time than they add accuracy.
    x = _conv(x, shape.widths[0], kernel=6, stride=2, name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    stages = []
    for stage, (width, count) in enumerate(zip(shape.widths[1:], shape.blocks, strict=True), start=1):
        for block in range(count):
            last = stage == len(shape.blocks) and block == count - 1
            x = _residual(
                x,
                width,
                stride=2 if block == 0 else 1,
                squeeze=shape.squeeze,
                name=f"stage{stage}_block{block + 1}",
                out=HEATMAP_LAYER if last and not shape.fine else None,
            )
        stages.append(x)
    if shape.fine:
        # Each pixel of the coarse map becomes four, which leaves its mean, and so the pooled value, unchanged.
        coarse = layers.UpSampling2D(2, interpolation="nearest", name=_FINER)(stages[-1])
        x = layers.Concatenate(name=HEATMAP_LAYER)([coarse, stages[-2]])
    if oriented:
        x = TurnBack(name=_TURNED_BACK)(x, mirrored)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(shape.classes, name=LABELS)(pooled)
    votes = [layers.Dense(shape.classes, name=VOTES)(pooled)] if shape.votes else []
    return keras.Model(faces, [logits, x, *votes], name="emotion")


def head(model: keras.Model, features, name: str = LABELS):
    """Logits (n, classes) of one head, LABELS or VOTES, of `features` (n, h, w, channels)."""
    return model.get_layer(name)(model.get_layer("pool")(features))


def stages(model: keras.Model) -> keras.Model:
    """Of a network with `Orient`, its part from faces to the last maps of the stages that the linear layers read.

    Coarse maps come first, and after all maps which faces are mirrored, (n, 1, 1, 1).
    """
    last = model.get_layer(HEATMAP_LAYER)
    fine = isinstance(last, layers.Concatenate)
    maps = [model.get_layer(_FINER).input, last.input[1]] if fine else [last.output]
    return keras.Model(model.input, [*maps, model.get_layer("orient").output[1]], name=model.name)


def join(model: keras.Model, maps, mirrored):
    """The sum of `maps` that were computed from those of `stages`, at the size and the way round of the features."""
    whole = maps[0] if len(maps) == 1 else model.get_layer(_FINER)(maps[0]) + maps[1]
    return model.get_layer(_TURNED_BACK)(whole, mirrored)


def _conv(x, width: int, *, kernel: int, stride: int, name: str, gamma: str = "ones"):
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, name=f"{name}_norm")(x)


def _residual(x, width: int, *, stride: int, squeeze: int, name: str, out: str | None):
    """Two 3x3 convolutions beside a shortcut (He et al. 2015); initially the shortcut alone."""
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _conv(x, width, kernel=1, stride=stride, name=f"{name}_shortcut")
    y = _conv(x, width, kernel=3, stride=stride, name=f"{name}_a")
    y = layers.ReLU(name=f"{name}_a_relu")(y)
    y = _conv(y, width, kernel=3, stride=1, name=f"{name}_b", gamma="zeros")
    if squeeze:
        y = _excite(y, width // squeeze, name=f"{name}{EXCITE}")
    return layers.ReLU(name=out or f"{name}_relu")(layers.Add(name=f"{name}_add")([y, shortcut]))


def _excite(x, hidden: int, *, name: str):
    """Multiplies each channel by 0 to 2, computed from the means of all channels; initially by 1."""
    means = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    weights = Pointwise(hidden, activation="relu", kernel_initializer="he_normal", name=f"{name}_a")(means)
    weights = Pointwise(x.shape[-1], activation="sigmoid", kernel_initializer="zeros", name=f"{name}_b")(weights)
    # The sigmoid starts at one half. So a network that was trained without this part gives the same answers with it.
    return layers.Multiply(name=f"{name}_times")([x, layers.Rescaling(2.0, name=f"{name}_double")(weights)])


def multiply_adds(shape: Shape) -> int:
    """Multiply-adds of convolutions and linear layers for one face of `shape.size` pixels."""
    model = build(shape)
    sizes = keras.Model(
        model.inputs, [layer.output for layer in model.layers if isinstance(layer, layers.Conv2D)]
    ).compute_output_shape((1, shape.size, shape.size, 1))
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    spatial = sum(
        int(np.prod(size[1:3])) * int(np.prod(layer.kernel.shape))
        for layer, size in zip(convolutions, sizes, strict=True)
    )
    linear = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    return spatial + sum(int(np.prod(layer.kernel.shape)) for layer in linear)


def outline(shape: Shape) -> list[tuple[str, tuple[int, ...], int]]:
    """The parts of the network in order: name, output size (h, w, channels) and number of parameters."""
    model = build(shape)
    blocks = [f"stage{stage}_block{block + 1}" for stage, n in enumerate(shape.blocks, start=1) for block in range(n)]
    relus = [f"{name}_relu" for name in blocks]
    if not shape.fine:
        relus[-1] = HEATMAP_LAYER
    joint = [HEATMAP_LAYER] if shape.fine else []
    heads = [LABELS, *([VOTES] if shape.votes else [])]
    ends = ["faces", "scaling", "stem_relu", *relus, *joint, "pool", *heads]
    sizes = keras.Model(model.inputs, [model.get_layer(name).output for name in ends]).compute_output_shape(
        (1, shape.size, shape.size, 1)
    )
    names = ["faces", "scaling", "stem", *blocks, *joint, "pool", *heads]
    parameters = dict.fromkeys(names, 0)
    for layer in model.layers:
        for name in names:
            # The last block ends in HEATMAP_LAYER, which has no parameters.
            if layer.name.startswith(name):
                parameters[name] += layer.count_params()
    return [(name, tuple(size[1:]), parameters[name]) for name, size in zip(names, sizes, strict=True)]

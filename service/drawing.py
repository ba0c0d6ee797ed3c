"""Faces drawn onto a picture: heatmaps, boxes, labels."""

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .analysis import Explanation, Face

Colours = NDArray[np.uint8]
"""Pixels, uint8 (height, width, 3), blue, green, red."""

# One for each label, by its index, as on the page; blue, green, red.
_PALETTE = (
    (77, 80, 216),
    (55, 155, 125),
    (214, 106, 141),
    (27, 161, 229),
    (201, 134, 63),
    (159, 92, 214),
    (157, 149, 140),
)
_DARK = (20, 16, 12)
_WHITE = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_HEAT_OPACITY = 0.6
# Of the picture's longer side: the width of a line. The height of a letter is 22 of them at scale 1 of the font.
_LINE_SHARE = 1 / 320
_FONT_SCALE_PER_LINE = 0.3


def draw(picture: Colours, faces: Sequence[Face]) -> Colours:
    """A copy of the picture with each face's first heatmap, its box, and a line such as "face 1: happy 91%".

    Places of the faces are in pixels of the picture. Heatmaps are those of `heatmap=map`. Letters that the font does
    not have lose their accents or become "?".
    """
    drawn = picture.copy()
    for face in faces:
        for explanation in face.explanations[:1]:
            drawn = _heated(drawn, explanation)
    line = max(1, round(max(picture.shape[:2]) * _LINE_SHARE))
    for face in faces:
        _draw_box(drawn, face, line)
    for face in faces:
        _draw_label(drawn, face, line)
    return drawn


def _heated(picture: Colours, explanation: Explanation) -> Colours:
    heatmap = cv2.imdecode(np.frombuffer(explanation.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if heatmap is None:
        return picture
    height, width = picture.shape[:2]
    square = explanation.box
    enlarged = cv2.resize(heatmap, (square.width, square.height), interpolation=cv2.INTER_LINEAR)
    # Pixels are points for OpenCV here: the first one's centre is at 0.
    centre = (square.width - 1) / 2, (square.height - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, -explanation.degrees, 1)
    matrix[0, 2] += square.x
    matrix[1, 2] += square.y
    placed = cv2.warpAffine(enlarged, matrix, (width, height))
    opacity = _HEAT_OPACITY * placed[..., None].astype(np.float32) / np.iinfo(np.uint8).max
    blended = picture * (1 - opacity) + cv2.applyColorMap(placed, cv2.COLORMAP_TURBO) * opacity
    return np.rint(blended).astype(np.uint8)


def _draw_box(picture: Colours, face: Face, line: int) -> None:
    box = face.box
    corners = (box.x, box.y), (box.x + box.width - 1, box.y + box.height - 1)
    # A dark rim, so that the box is seen on every ground.
    cv2.rectangle(picture, *corners, _DARK, line + 2 * max(1, line // 2))
    cv2.rectangle(picture, *corners, _colour(face), line)


def _draw_label(picture: Colours, face: Face, line: int) -> None:
    height, width = picture.shape[:2]
    name = "" if face.track_id is None else f"face {face.track_id}: "
    text = f"{name}{_plain(face.emotion)} {face.confidence:.0%}"
    scale, thickness = max(0.4, _FONT_SCALE_PER_LINE * line), max(1, line // 2)
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = text_height // 3
    full_width, full_height = text_width + 2 * pad, text_height + below + 2 * pad
    # Above the box, or inside it where the picture ends there; never beyond an edge that it can keep to.
    x = max(0, min(face.box.x, width - full_width))
    top = face.box.y - full_height
    y = top if top >= 0 else max(0, min(face.box.y, height - full_height))
    cv2.rectangle(picture, (x, y), (x + full_width, y + full_height), _colour(face), cv2.FILLED)
    for colour, weight in ((_DARK, thickness + 2), (_WHITE, thickness)):
        cv2.putText(picture, text, (x + pad, y + pad + text_height), _FONT, scale, colour, weight, cv2.LINE_AA)


def _colour(face: Face) -> tuple[int, int, int]:
    return _PALETTE[face.labels.index(face.emotion) % len(_PALETTE)]


def _plain(text: str) -> str:
    """The letters of OpenCV's font are those of ASCII."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part if part.isascii() else "?" for part in parts if not unicodedata.combining(part))

"""The tiles of "What it looks at"."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# How much colour each tile's heatmap adds: the mean saturation of its pixels.
WARMTH = """all => all.map((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) {
        const colours = data.subarray(at, at + 3);
        sum += Math.max(...colours) - Math.min(...colours);
    }
    return sum / (data.length / 4);
})"""


def tiles(page: "Page") -> list[float]:
    """The warmth of each."""
    return list(page.locator("#looks-list canvas").evaluate_all(WARMTH))

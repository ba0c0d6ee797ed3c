"""How many faces Haar finds with other settings, how many boxes are false, and the time it takes.

    python -m benchmarks.detection FOLDER

FOLDER holds pictures and annotations.json: {"images": {"path": {"faces": [{"x", "y", "w", "h"}, …]}}}.
A box counts as a face's where they overlap by more than 0.35 (intersection over union).
"""

import itertools
import json
import statistics
import sys
import time
from pathlib import Path

from service import images
from service.detectors import haar
from service.images import Box


def overlap(a: Box, b: Box) -> float:
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def main(folder: Path) -> None:
    annotations = json.loads((folder / "annotations.json").read_text())["images"]
    pictures = [
        (images.decode((folder / name).read_bytes(), max_pixels=2**25).grey, row["faces"])
        for name, row in annotations.items()
        if name.startswith("photos/")
    ]
    truths = [[Box(face["x"], face["y"], face["w"], face["h"]) for face in given] for _, given in pictures]
    print(f"{len(pictures)} pictures, {sum(map(len, truths))} faces")
    print("smallest share  step  neighbours  found  false  median ms")
    for share, step, neighbours in itertools.product((1 / 12, 1 / 16, 1 / 24), (1.1, 1.15, 1.2), (3, 4, 5)):
        haar.SMALLEST_SHARE, haar.STEP, haar.NEIGHBOURS = share, step, neighbours
        detector = haar.HaarDetector()
        found = false = 0
        spent = []
        for (grey, _), wanted in zip(pictures, truths, strict=True):
            started = time.perf_counter()
            boxes = [face.box for face in detector.detect(grey, max_faces=50)]
            spent.append((time.perf_counter() - started) * 1000)
            hits = sum(any(overlap(box, truth) > 0.35 for box in boxes) for truth in wanted)
            found, false = found + hits, false + max(0, len(boxes) - hits)
        median = statistics.median(spent)
        print(f"{f'1/{1 / share:.0f}':>14}{step:>6}{neighbours:>12}{found:>7}{false:>7}{median:>11.1f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

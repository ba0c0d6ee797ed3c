"""Median milliseconds of POST /v1/predict by stage, against a running service.

    python -m benchmarks.predict URL PHOTO… [--rounds 50] [--detector haar]

One request at a time over one kept-alive connection; `http` is what the client waited beyond the service's own total.
"""

import argparse
import http.client
import json
import statistics
import time
from pathlib import Path
from urllib.parse import urlsplit

STAGES = ("queue", "decode", "detect", "infer", "explain", "total", "http")


def measure(address: str, body: bytes, query: str, rounds: int) -> tuple[dict[str, float], int]:
    """Medians by stage, and the number of faces; the first three rounds are not counted."""
    connection = http.client.HTTPConnection(address)
    rows: list[dict[str, float]] = []
    faces = 0
    for _ in range(rounds + 3):
        started = time.perf_counter()
        connection.request("POST", f"/v1/predict{query}", body)
        answer = json.load(connection.getresponse())
        waited_ms = (time.perf_counter() - started) * 1000
        faces = len(answer["faces"])
        rows.append({**answer["timing_ms"], "http": waited_ms - answer["timing_ms"]["total"]})
    return {stage: statistics.median(row[stage] for row in rows[3:]) for stage in STAGES}, faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--detector", choices=("haar", "centerface"), default="haar")
    given = parser.parse_args()
    address = urlsplit(given.url).netloc
    print(f"{'photo':<28}{'explain':<9}{'faces':>5}" + "".join(f"{stage:>9}" for stage in STAGES))
    for photo in given.photos:
        for explain in ("none", "gradcam"):
            medians, faces = measure(
                address, photo.read_bytes(), f"?explain={explain}&detector={given.detector}", given.rounds
            )
            figures = "".join(f"{medians[stage]:>9.2f}" for stage in STAGES)
            print(f"{photo.stem:<28}{explain:<9}{faces:>5}{figures}", flush=True)


if __name__ == "__main__":
    main()

"""python -m release --uv UV: every part of a release in dist/, each tried out; `make release` calls it.

In order: the changelog has this version and a date, every pin of the images has a wheel for ARM, both wheels are built
and work in a fresh environment, the SBOM lists what that environment holds, the image is built and written to a file,
checksums of all files. Each step says what it did, or why it was left out; the first that fails ends it.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import service
from container import sbom
from release import ReleaseError, image, pins, sums, versions, wheels

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__.splitlines()[0])
    parser.add_argument("--uv", type=Path, required=True, help="the program uv, which resolves for other machines")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="an empty folder (default: %(default)s)")
    parser.add_argument(
        "--draft", action="store_true", help="also where the changelog has no date for this version yet"
    )
    parser.add_argument("--without-image", action="store_true", help="the image is built elsewhere")
    options = parser.parse_args(arguments)
    try:
        _release(options.uv, options.out, draft=options.draft, with_image=not options.without_image)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _release(uv: Path, out: Path, *, draft: bool, with_image: bool) -> None:
    versions.check((ROOT / "CHANGELOG.md").read_text(), service.__version__, draft=draft)
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out} is not empty: a release has no files of another one.")
    out.mkdir(parents=True, exist_ok=True)
    for lock in pins.LOCKS:
        pins.check(uv, lock)
        _say(f"{lock}: every pin has a wheel for {', '.join(pins.PLATFORMS)}")
    for wheel in wheels.build(out):
        _say(f"{wheel.name}: built")
    with tempfile.TemporaryDirectory() as folder:
        site_packages = wheels.try_out(out, Path(folder))
        _say("both wheels: installed in a fresh environment, where `fer` has asked `fer-service` about a photo")
        listed = sbom.document(site_packages, ROOT / "package-lock.json", ROOT / "models", kind="library", debian=False)
    (out / "sbom.cdx.json").write_text(json.dumps(listed, indent=1))
    _say(f"sbom.cdx.json: {len(listed['components'])} components")
    _say(image.build(service.__version__, out) if with_image else "image: left out, as asked")
    sums.write(out)
    _say(f"{sums.NAME}: check with `sha256sum --check {sums.NAME}`. Nothing was uploaded.")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

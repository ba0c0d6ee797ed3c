"""The code that the page shows: what is on screen, for three languages, and all of it runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.acts import by_file, expect
from tests.browser.chromium import ROOT, Server, Visit
from tests.browser.videos import fake

MODULE = ROOT / "service" / "web" / "output" / "snippets.js"
WRITE = f"""
    import {{ snippets }} from "{MODULE}";
    console.log(JSON.stringify(snippets(JSON.parse(process.argv[1]), process.argv[2], false)));
"""
KINDS = {
    "picture": {"files": ["photo.jpg"], "options": {"explain": "gradcam", "target": "happy", "detector": "haar"}},
    "pictures": {"files": ["photo.jpg", "other.jpg", "photo.jpg"], "options": {"detector": "haar"}},
    "video": {"files": ["clip.webm"], "options": {"detector": "haar", "min_face_px": 40}},
    "live": {"files": [], "options": {"explain": "gradcam", "detector": "haar", "min_face_px": 54}},
}


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


def run(language: str, code: str, folder: Path) -> str:
    """What the code prints, run as its readers would run it."""
    program = folder / {"curl": "code.sh", "python": "code.py", "javascript": "code.mjs"}[language]
    program.write_text(code)
    sockets = ["--experimental-websocket"] if "WebSocket" in code else []  # newer than Node 20, it is there anyway
    command = {"curl": ["sh", "-e"], "python": [sys.executable], "javascript": ["node", "--no-warnings", *sockets]}
    done = subprocess.run(
        [*command[language], program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client" / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path, photo: Path, video: Path) -> Path:
    for name in ("photo.jpg", "other.jpg"):
        shutil.copy(photo, tmp_path / name)
    shutil.copy(video, tmp_path / "clip.webm")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_runs(server: Server, folder: Path, kind: str) -> None:
    needs("node", "curl")
    request = json.dumps({"kind": kind, **KINDS[kind]})
    written = subprocess.run(
        ["node", "--input-type=module", "-e", WRITE, request, server.url()], capture_output=True, text=True, check=True
    )
    code: dict[str, Any] = json.loads(written.stdout)
    for language in ("curl", "python", "javascript"):
        assert "happy" in run(language, code[language], folder), language


def test_the_page_shows_the_code_of_what_is_on_screen(visit: Visit, server: Server, folder: Path) -> None:
    needs("node", "curl")
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    by_file(page, folder / "photo.jpg")
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("button", name="Heatmap of sad").click()
    page.locator("#details > summary").click()
    code = page.get_by_role("region", name="Code")
    expect(code).to_contain_text(f"@photo.jpg '{server.url()}/v1/predict?explain=gradcam&target=sad&detector=haar'")
    [face] = json.loads(run("curl", code.inner_text(), folder))["faces"]
    assert [explanation["target"] for explanation in face["explanations"]] == ["sad"]
    page.get_by_label("Language").select_option("Python")
    page.get_by_role("switch", name="Heatmap").click()
    expect(code).to_contain_text('client.predict("photo.jpg", detector="haar")')
    page.get_by_role("button", name="Copy the code").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "happy" in run("python", page.evaluate("navigator.clipboard.readText()"), folder)


def test_the_json_is_that_of_the_last_answer(visit: Visit, video: Path) -> None:
    """All lines of the answer come at once: faster than they are shown."""
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    page.locator("#details").evaluate("details => { details.open = true; }")
    fake(page, video)
    expect(page.locator("#raw-text")).to_contain_text('"type": "summary"')

"""POST /v1/predict/batch: an entry for each file, the same as a single request's answer."""

import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import service.batch.batch
from service.app import create_app
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.batches import BOUNDARY, END, NDJSON, URL, entries, form, is_idle, part, parts
from tests.service.conftest import ROOT, encoded
from tests.service.troubles import trouble

SINGLE = "/v1/predict"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def ask(client: TestClient, files: Iterable[bytes], *, lines: bool = True, **options: Any) -> list[dict[str, Any]]:
    return entries(client.post(URL, files=parts(files), params=options, headers=NDJSON if lines else {}))


def alone(client: TestClient, files: Iterable[bytes], **options: Any) -> list[dict[str, Any]]:
    """The entries that the answers to single requests would be."""
    found = []
    for index, file in enumerate(files):
        response = client.post(SINGLE, content=file, params=options)
        found.append({"index": index, "result" if response.status_code == 200 else "error": response.json()})
    return found


def stable(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries without what differs from call to call, and from path to path."""
    told = []
    for entry in found:
        ((kind, value),) = ((name, entry[name]) for name in entry if name != "index")
        kept = {name: value[name] for name in value if name not in ("request_id", "timing_ms", "instance")}
        # A single request's body is the file.
        if value.get("code") in ("malformed_body", "body_too_large"):
            del kept["detail"]
        told.append({"index": entry["index"], kind: kept})
    return told


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [True, False])
def test_the_whole_answer(client: TestClient, white: bytes, lines: bool) -> None:
    response = client.post(
        URL, files=parts([white, b"text"]), params={"crop": "whole"}, headers=NDJSON if lines else {}
    )
    good, bad = entries(response)
    request_id = response.headers["x-request-id"]
    assert set(good) == {"index", "result"}
    assert good["result"]["request_id"] == request_id
    assert good["result"]["faces"][0]["emotion"] == "bright"
    timing_ms = good["result"]["timing_ms"]
    assert list(timing_ms) == ["queue", "decode", "detect", "infer", "explain", "total"]
    assert timing_ms["total"] >= timing_ms["queue"] + timing_ms["decode"]
    assert set(bad) == {"index", "error"}
    assert (bad["error"]["instance"], bad["error"]["request_id"]) == (URL, request_id)
    assert (bad["error"]["status"], bad["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"crop": "whole", "explain": "gradcam", "target": "all"}, {"min_face_px": 60, "max_faces": 1}],
    ids=str,
)
def test_each_entry_is_a_single_requests_answer(
    model_path: Path, photo: bytes, white: bytes, lines: bool, options: dict[str, Any]
) -> None:
    """One bad image does not fail the others, whatever is wrong with it."""
    small = Settings(model=model_path, workers=2, max_body_bytes=len(photo), max_pixels=512 * 512)
    files = [photo, b"", white, photo[:20000], photo + b"more", encoded([[0] * 600] * 600), b"GIF89a" + bytes(9), photo]
    with TestClient(create_app(small)) as client:
        found, wanted = ask(client, files, lines=lines, **options), alone(client, files, **options)
    assert [entry.get("error", {}).get("code") for entry in found] == [
        *(None, "malformed_body", None, "undecodable_image"),
        *("body_too_large", "image_too_many_pixels", "unsupported_media_type", None),
    ]
    assert stable(found) == stable(wanted)


@pytest.mark.parametrize("detector", ["haar", "centerface"])
def test_real_photos_get_the_same_bits(media: Path, detector: str) -> None:
    """With the shipped model, heatmaps included; JSON has all digits of a float."""
    photos = [path.read_bytes() for path in sorted((media / "photos").iterdir())]
    assert len(photos) >= 16
    options: dict[str, Any] = {"explain": "gradcam", "detector": detector}
    with TestClient(create_app(Settings(model=ROOT / "models" / "emotion.onnx"))) as client:
        wanted = stable(alone(client, photos, **options))
        assert sum(len(entry["result"]["faces"]) for entry in wanted) >= 20
        assert stable(ask(client, photos, **options)) == wanted


def test_every_hostile_file_gets_the_same_as_alone(client: TestClient, media: Path) -> None:
    files = [path.read_bytes() for path in sorted((media / "hostile").iterdir())]
    files = [file for file in files if len(file) < 2**20]
    assert len(files) > 10
    assert stable(ask(client, files)) == stable(alone(client, files))


def test_many_small_files_in_one_chunk(client: TestClient, white: bytes) -> None:
    assert all("result" in entry for entry in ask(client, [white] * 300, crop="whole"))


def test_a_form_that_breaks_off_ends_with_its_error(client: TestClient, white: bytes) -> None:
    for rest in (b"", b"\r\n--", part(white, 'form-data; name="other"') + END):
        for headers in (FORM, {**FORM, **NDJSON}):
            response = client.post(URL, content=part(white) + part(white) + rest, headers=headers)
            *good, last = entries(response)
            assert len(good) == (2 if rest.endswith(END) else 1)
            assert all("result" in entry for entry in good)
            assert last["error"]["code"] == "malformed_body"


def test_nothing_is_spooled_to_disk(client: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", refuse)
    (found,) = ask(client, [photo + bytes(3 * 2**20)])
    assert len(found["result"]["faces"]) == 1


# --- refusals of the whole request -------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [({"explian": "gradcam"}, "explian"), ({"target": "joy"}, "target"), ({"max_faces": 51}, "max_faces")],
)
def test_a_bad_option_is_refused_by_name(client: TestClient, options: dict[str, Any], named: str) -> None:
    document = assert_problem(client.post(URL, content=b"no form", params=options), 422, "invalid_option")
    assert named in document["detail"]


@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": b""},
        {"content": b"abc", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"", "headers": FORM},
        {"content": END, "headers": FORM},
        {"content": b"--x\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"files": {"image": b"abc"}},
        {"data": {"file": "text"}, "files": {"file": b"abc"}},
    ],
    ids=str,
)
def test_a_body_that_is_no_form_of_files(client: TestClient, request_parts: dict[str, Any]) -> None:
    assert_problem(client.post(URL, **request_parts), 400, "malformed_body")


@pytest.mark.parametrize("kind", ["image/png", "application/json", "multipart/mixed; boundary=x"])
def test_a_body_of_another_type_is_refused_from_its_headers(client: TestClient, kind: str) -> None:
    response = client.post(URL, content=b"abc", headers={"content-type": kind})
    assert "multipart/form-data" in assert_problem(response, 415, "unsupported_media_type")["detail"]


def test_places_for_batches_are_limited(settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, seconds=0.5)
    app = create_app(settings.model_copy(update={"max_batches": 1}))
    with TestClient(app) as client:
        caller = threading.Thread(target=ask, args=(client, [white] * 2))
        caller.start()
        while not app.state.service.batches.taken:
            pass
        busy = client.post(URL, files=parts([white]))
        caller.join()
        assert assert_problem(busy, 503, "overloaded")["limit"] == 1
        assert busy.headers["retry-after"] == "5"
        assert len(ask(client, [white])) == 1
        assert is_idle(app)


# --- limits ------------------------------------------------------------------------------------


def test_a_document_has_a_limited_number_of_files_and_lines_have_not(settings: Settings, white: bytes) -> None:
    app = create_app(settings.model_copy(update={"max_batch_files": 3}))
    with TestClient(app) as client:
        assert client.get("/v1/limits").json()["max_batch_files"] == 3
        assert len(ask(client, [white] * 3, lines=False)) == 3
        *good, last = ask(client, [white] * 5, lines=False)
        assert all("result" in entry for entry in good)
        assert (len(good), last["error"]["code"], last["error"]["limit"]) == (3, "body_too_large", 3)
        assert all("result" in entry for entry in ask(client, [white] * 5))
        assert is_idle(app)


@pytest.mark.parametrize("lines", [True, False])
def test_entries_that_fill_the_memory_are_sent_before_further_files_are_read(
    client: TestClient, white: bytes, lines: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.batch.batch, "MOST_BYTES", 1)
    assert all("result" in entry for entry in ask(client, [white] * 20, lines=lines))


def test_a_deadline_is_an_entrys_own(settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, seconds=1.0)
    app = create_app(settings.model_copy(update={"deadline_s": 0.4}))
    with TestClient(app) as client:
        found = ask(client, [white, b"", white])
    assert [entry["error"]["code"] for entry in found] == ["deadline_exceeded", "malformed_body", "deadline_exceeded"]
    assert found[0]["error"]["limit"] == 0.4


def test_a_fault_of_the_service_is_an_entrys_own_and_tells_nothing(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble(monkeypatch, error="secret")
    with TestClient(create_app(settings)) as client:
        response = client.post(URL, files=parts([white, b"GIF89a" + bytes(9)]))
    assert [entry["error"]["code"] for entry in entries(response)] == ["internal", "internal"]
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in caplog.text


def test_a_batch_that_was_accepted_has_its_turn_though_single_requests_fill_the_queue(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not try again and again for a place that another takes each time: before each image are a few others."""
    trouble(monkeypatch, seconds=0.02)
    done = threading.Event()
    answered: list[float] = []
    few = settings.model_copy(update={"workers": 1, "queue": 1, "deadline_s": 5.0})
    with TestClient(create_app(few)) as client:

        def fill() -> None:
            while not done.is_set():
                if client.post(SINGLE, content=white).status_code == 200:
                    answered.append(time.monotonic())

        hogs = [threading.Thread(target=fill) for _ in range(4)]
        for hog in hogs:
            hog.start()
        begun = time.monotonic()
        found = ask(client, [white] * 24)
        ended = time.monotonic()
        done.set()
        for hog in hogs:
            hog.join()
    assert [set(entry) for entry in found] == [{"index", "result"}] * 24
    # Neither keeps the other out.
    assert 1 <= sum(begun < each < ended for each in answered) <= 24


def test_a_form_without_a_limit_of_its_own_needs_no_content_length(client: TestClient, white: bytes) -> None:
    body = form([white] * 3)
    response = client.post(URL, content=iter([body[:100], body[100:101], body[101:]]), headers=FORM)
    assert [set(entry) for entry in entries(response)] == [{"index", "result"}] * 3

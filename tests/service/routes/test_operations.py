"""Pages, descriptions, health, and what is around every answer."""

import hashlib
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import service.app
from service.app import create_app
from service.detectors import centerface_file
from service.detectors.haar import FILE
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.conftest import LABELS
from tests.service.scrapes import scrape_of, value
from tests.service.troubles import short_lives


def test_alive_and_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_not_ready_while_draining(settings: Settings) -> None:
    app = create_app(settings)
    with TestClient(app) as client:
        app.state.service.draining.set()
        response = client.get("/readyz")
        assert_problem(response, 503, "draining")
        assert response.headers["retry-after"] == "5"
        assert client.get("/livez").status_code == 200


def test_not_ready_while_workers_die_as_soon_as_they_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    short_lives(monkeypatch, seconds=0.5)
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").status_code == 200
        until = time.monotonic() + 30
        while value(scrape_of(client.get("/metrics").text), "fer_workers_replaced_total", reason="died") < 6:
            assert time.monotonic() < until
            time.sleep(0.1)
        response = client.get("/readyz")
        assert_problem(response, 503, "not_ready")
        assert response.headers["retry-after"] == "1"
        assert client.get("/livez").status_code == 200


def test_the_model_describes_itself(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    assert model["labels"] == list(LABELS)
    assert model["input"] == {"name": "faces", "type": "uint8", "colour": "grey", "width": 8, "height": 8}
    assert model["metrics"] == {"accuracy": 1.0}
    assert model["explanation"] == {"method": "gradcam", "layer": "pixels", "width": 2, "height": 2}
    assert model["calibration"] == {"temperature": 1.0, "prediction_set_threshold": 0.2}


def test_detectors_say_how_they_search(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    haar = model["detectors"][0]
    assert {name: value for name, value in haar.items() if value is not None} == {
        "option": "haar",
        "name": "haar_frontalface_default",
        "window_px": 24,
        "step": 1.2,
        "neighbours": 3,
        "smallest_share": 0.0625,
        "merge_overlap": 0.45,
    }
    # The default: what requests that name no detector get.
    assert model["detector"] == haar


def test_the_model_can_be_had(client: TestClient, model_path: Path) -> None:
    answer = client.get("/v1/model/file")
    assert hashlib.sha256(answer.content).hexdigest() == client.get("/v1/model").json()["sha256"]
    assert answer.content == model_path.read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/v1/model/file", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/v1/model/file", headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize("present", [True, False])
def test_wasm_is_allowed_only_where_it_is_served(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: bool
) -> None:
    runtime = tmp_path / "vendor" / "ort.wasm.bundle.min.mjs"
    if present:
        runtime.parent.mkdir()
        runtime.touch()
    monkeypatch.setattr(service.app, "WEB", tmp_path)
    monkeypatch.setattr(service.app, "RUNTIME", runtime)
    with TestClient(create_app(settings)) as client:
        answer = client.get("/page.json")
    policy = answer.headers["content-security-policy"]
    assert ("'wasm-unsafe-eval'" in policy) is present
    assert "'unsafe-eval'" not in policy
    assert answer.json() == {"runtime": "static/vendor/ort.wasm.bundle.min.mjs" if present else None}


def test_a_runtime_that_is_fetched_while_the_service_runs_can_be_used_at_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "vendor" / "ort.wasm.bundle.min.mjs"
    monkeypatch.setattr(service.app, "WEB", tmp_path)
    monkeypatch.setattr(service.app, "RUNTIME", runtime)
    with TestClient(create_app(settings)) as client:
        for there in (False, True):
            if there:
                runtime.parent.mkdir()
                runtime.touch()
            answer = client.get("/page.json")
            assert (answer.json()["runtime"] is not None) is there
            assert ("'wasm-unsafe-eval'" in answer.headers["content-security-policy"]) is there


def test_the_cascade_is_the_detectors(client: TestClient) -> None:
    assert client.get("/cascade.xml").content == FILE.read_bytes()


def test_the_browser_gets_centerface_as_the_service_runs_it(client: TestClient) -> None:
    if "centerface" not in {each["option"] for each in client.get("/v1/model").json()["detectors"]}:
        pytest.skip("needs the file of the detector CenterFace (make test installs it)")
    answer = client.get("/centerface.onnx")
    assert answer.content == centerface_file.adapted(centerface_file.read_file())
    again = client.get("/centerface.onnx", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    # The licence asks that its notice goes with the file.
    assert answer.headers["link"] == '<centerface.txt>; rel="license"'
    assert client.get("/centerface.txt").text.startswith("MIT License")


def test_without_its_file_there_is_no_centerface(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface_file, "PACKAGE", "no-such-package")
    centerface_file.served.cache_clear()
    assert client.get("/centerface.onnx").status_code == 404
    assert client.get("/centerface.txt").status_code == 404


def test_limits_are_the_settings(client: TestClient, settings: Settings) -> None:
    limits = client.get("/v1/limits").json()
    assert limits["max_body_bytes"] == settings.max_body_bytes
    assert limits["smallest_face_share"] == pytest.approx(1 / 48)
    assert limits["media_types"] == ["image/jpeg", "image/png", "image/webp"]


def test_limits_give_the_defaults_of_options(client: TestClient, settings: Settings) -> None:
    assert client.get("/v1/limits").json()["defaults"] == {"max_faces": 10, "fps": 5.0}
    few = settings.model_copy(update={"max_faces": 3})
    with TestClient(create_app(few)) as client:
        assert client.get("/v1/limits").json()["defaults"]["max_faces"] == 3


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    assert_problem(client.get("/nothing"), 404, "not_found")
    assert_problem(client.get("/static/nothing.js"), 404, "not_found")
    assert_problem(client.get("/static/../app.py"), 404, "not_found")
    assert_problem(client.get("/v1/predict"), 405, "method_not_allowed")


def test_pages_name_no_other_host(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "//" not in page.text.replace("http://www.w3.org", "")
    assert "swagger" in client.get("/docs").text
    for asset in ("/swagger/swagger-ui-bundle.js", "/swagger/swagger-ui.css", "/static/docs.js", "/openapi.json"):
        assert client.get(asset).status_code == 200, asset


def test_every_answer_has_an_id_and_the_security_headers(client: TestClient) -> None:
    ids = set()
    for path in ("/", "/livez", "/nothing", "/v1/model"):
        headers = client.get(path).headers
        ids.add(headers["x-request-id"])
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
    assert len(ids) == 4
    assert client.get("/v1/model").headers["cache-control"] == "no-store"
    assert client.get("/static/main.js").headers["cache-control"] == "no-cache"


def test_other_origins_only_where_allowed(settings: Settings) -> None:
    asked = {"origin": "https://app.example"}
    with TestClient(create_app(settings)) as client:
        assert "access-control-allow-origin" not in client.get("/v1/model", headers=asked).headers
    allowing = settings.model_copy(update={"allowed_origins": ("https://app.example",)})
    with TestClient(create_app(allowing)) as client:
        answer = client.get("/v1/model", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/docs", "/v1/model", "/v1/model/file"])
def test_head_is_answered_wherever_get_is(client: TestClient, path: str) -> None:
    asked, got = client.head(path), client.get(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/predict", {"POST"}),
        ("HEAD", "/v1/predict/video", {"POST"}),
        ("POST", "/v1/model", {"GET", "HEAD"}),
        ("DELETE", "/", {"GET", "HEAD"}),
        ("PUT", "/static/main.js", {"GET", "HEAD"}),
        ("TRACE", "/livez", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: TestClient, method: str, path: str, allowed: set[str]) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_page_may_open_streams_on_its_own_host_only(client: TestClient) -> None:
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
        policy = client.get("/", headers={"host": host}).headers["content-security-policy"]
        assert f"connect-src 'self' ws://{host} wss://{host};" in policy
    for host in ("a; script-src *", "a b", "", "x" * 300):
        policy = client.get("/", headers={"host": host}).headers["content-security-policy"]
        assert "connect-src 'self';" in policy


def test_no_other_site_may_embed_or_hold_the_page(client: TestClient) -> None:
    headers = client.get("/").headers
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"

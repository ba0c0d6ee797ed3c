"""Pages, descriptions, health, and what is around every answer."""

from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.service.conftest import LABELS
from tests.service.test_predict import assert_problem


def test_alive_and_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_not_ready_while_draining(settings: Settings) -> None:
    app = create_app(settings)
    with TestClient(app) as client:
        app.state.context.draining.set()
        response = client.get("/readyz")
        assert_problem(response, 503, "draining")
        assert response.headers["retry-after"] == "5"
        assert client.get("/livez").status_code == 200


def test_the_model_describes_itself(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    assert model["labels"] == list(LABELS)
    assert model["input"] == {"name": "faces", "type": "uint8", "colour": "grey", "width": 8, "height": 8}
    assert model["metrics"] == {"accuracy": 1.0}
    assert model["explanation"] == {"method": "gradcam", "layer": "pixels", "width": 2, "height": 2}
    assert model["calibration"] == {"temperature": 1.0, "plausible_threshold": 0.2}


def test_limits_are_the_settings(client: TestClient, settings: Settings) -> None:
    limits = client.get("/v1/limits").json()
    assert limits["max_body_bytes"] == settings.max_body_bytes
    assert limits["media_types"] == ["image/jpeg", "image/png", "image/webp"]


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

"""WS /v1/stream: which pages may open a session, and with which subprotocol."""

import json

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from service.settings import Settings
from tests.service.streams import URL, closed_with, limited, session


@pytest.mark.parametrize("origin", ["http://testserver", "https://app.example", "HTTPS://APP.example:443"])
def test_own_and_allowed_origins(settings: Settings, origin: str) -> None:
    with (
        limited(settings, allowed_origins=("https://app.example",)) as client,
        session(client, headers={"origin": origin}) as (_, created),
    ):
        assert created["type"] == "session.created"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://["])
def test_foreign_origins_are_refused_before_accept(client: TestClient, origin: str) -> None:
    with pytest.raises(WebSocketDenialResponse) as caught, session(client, headers={"origin": origin}):
        pass
    assert caught.value.status_code == 403
    assert json.loads(caught.value.content)["code"] == "forbidden_origin"


def test_subprotocols(client: TestClient) -> None:
    with client.websocket_connect(URL) as socket:
        assert socket.accepted_subprotocol is None
        assert socket.receive_json()["type"] == "session.created"
    with client.websocket_connect(URL, subprotocols=["mqtt"]) as socket:
        assert closed_with(socket) == 1002

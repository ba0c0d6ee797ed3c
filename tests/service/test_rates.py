"""Requests a second of each client."""

import asyncio
import logging
import time

import pytest
from starlette.testclient import WebSocketDenialResponse

from service.problems import RateLimited
from service.rates import WINDOW_S, Rates, RateStoreError
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.streams import URL, closed_with, limited


def count(rates: Rates, *clients: str) -> list[str]:
    """Each client's answer in turn."""

    async def each(client: str) -> str:
        try:
            await rates.count(client)
        except RateLimited:
            return "refused"
        return "counted"

    async def all_of_them() -> list[str]:
        return [await each(client) for client in clients]

    return asyncio.run(all_of_them())


def test_each_client_has_its_own_count() -> None:
    assert count(Rates(0.2), "a", "a", "a", "b", "a") == ["counted", "counted", "refused", "counted", "refused"]


def test_without_a_rate_nothing_is_counted() -> None:
    assert set(count(Rates(None), *"a" * 200)) == {"counted"}


def test_a_clock_that_is_set_back_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, now = Rates(0.1), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    assert count(rates, "a", "a") == ["counted", "refused"]
    now -= 3600
    assert count(rates, "a", "a", "a") == ["counted", "counted", "refused"]


@pytest.mark.parametrize("store", ["nosuch://host", "redis//host", ""])
def test_a_store_that_does_not_exist_is_refused_at_the_start(store: str) -> None:
    with pytest.raises(RateStoreError, match="FER_RATE_STORE"):
        Rates(1.0, store)


def test_a_store_that_fails_lets_requests_through(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rates = Rates(0.1)

    async def fail(*_: object) -> bool:
        raise ConnectionError("no store")

    monkeypatch.setattr(rates._limiter, "hit", fail)
    caplog.set_level(logging.ERROR, "service.rates")
    assert count(rates, "a", "a", "a") == ["counted"] * 3
    (line,) = (record.getMessage() for record in caplog.records)
    assert "no store" in line


def test_requests_and_handshakes_over_the_rate_are_429(settings: Settings) -> None:
    with limited(settings, rate=0.3) as client:
        for _ in range(3):
            assert client.get("/v1/limits").json()["rate"] == 0.3
        answer = client.get("/v1/limits")
        assert_problem(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= WINDOW_S
        with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect(URL):
            pass
        assert caught.value.status_code == 429
        with client.websocket_connect(URL, headers={"origin": "http://testserver"}) as socket:
            assert closed_with(socket) == 1013
        assert client.get("/").status_code == client.get("/livez").status_code == 200, "never counted"

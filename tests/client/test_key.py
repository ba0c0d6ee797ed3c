"""The service's key: sent with every request and handshake, said nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fer_client import AsyncClient, Client, ServiceError, StreamResult
from fer_client.cli.main import main
from service.app import create_app
from service.keys import add_key
from service.settings import Settings
from tests.client.servers import served
from tests.client.terminal import Capture


@pytest.fixture(scope="module")
def locked(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service that needs a key, and the key."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    key = add_key(path, "ada")
    with served(create_app(settings.model_copy(update={"api_keys_file": path}))) as url:
        yield url, key


def test_calls_and_streams_send_it(locked: tuple[str, str], white: Path) -> None:
    url, key = locked
    with Client(url, api_key=key) as client:
        assert client.predict(white).faces == ()
        (answer,) = client.stream([white.read_bytes()])
        assert isinstance(answer, StreamResult)


def test_the_asyncio_client_sends_it_too(locked: tuple[str, str], white: Path) -> None:
    url, key = locked

    async def frames() -> AsyncIterator[bytes]:
        yield white.read_bytes()

    async def work() -> None:
        async with AsyncClient(url, api_key=key) as client:
            assert (await client.predict(white)).faces == ()
            assert [isinstance(each, StreamResult) async for each in client.stream(frames())] == [True]

    asyncio.run(work())


@pytest.mark.parametrize("key", [None, "fer_wrong"])
def test_without_it_the_service_refuses_and_is_not_asked_again(
    locked: tuple[str, str], white: Path, key: str | None
) -> None:
    with Client(locked[0], api_key=key) as client:
        for call in (lambda: client.predict(white), lambda: list(client.stream([white.read_bytes()]))):
            with pytest.raises(ServiceError) as caught:
                call()
            assert (caught.value.code, caught.value.status, caught.value.retryable) == ("unauthorized", 401, False)


@pytest.mark.parametrize("key", ["", "two words", "line\n", "é", "a\x00b"])
def test_what_is_no_key_is_refused_before_it_is_sent(key: str) -> None:
    with pytest.raises(ValueError, match="the key has characters") as caught:
        Client(api_key=key)
    assert not key.strip() or key not in str(caught.value)


def test_the_command_line_takes_it_from_the_environment_or_a_flag(
    locked: tuple[str, str], white: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    url, key = locked
    assert main(["predict", str(white), "--url", url]) == 4
    assert main(["predict", str(white), "--url", url, "--api-key", key]) == 0
    monkeypatch.setenv("FER_API_KEY", key)
    assert main(["predict", str(white), "--url", url]) == 0
    out, err = capsys.readouterr()
    assert key not in out + err
    assert "unauthorized" in err


def test_a_wrong_flag_is_not_repeated(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["model", "--api-key", "secret word"])
    assert "secret" not in capsys.readouterr().err

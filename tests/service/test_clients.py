"""Who a request is from."""

import asyncio

import pytest

from service import clients


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("192.0.2.1", "address 192.0.2.1"),
        ("::ffff:192.0.2.1", "address 192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "network 2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "network 2001:db8:1:2::/64"),
        ("fe80::1%eth0", "network fe80::/64"),
        ("::1", "address ::1"),
        ("", "address "),
        ("testclient", "address testclient"),
    ],
)
def test_addresses(text: str, client: str) -> None:
    assert clients.of_address(text) == client


def test_no_key_can_have_the_name_of_an_address() -> None:
    assert clients.of_key("192.0.2.1") != clients.of_address("192.0.2.1")


def test_each_task_works_for_its_own_client() -> None:
    async def work(client: str) -> tuple[str, str]:
        with clients.working_for(client):
            await asyncio.sleep(0)
            begun = asyncio.create_task(later())
        return clients.current(), await begun

    async def later() -> str:
        return clients.current()

    async def both() -> list[tuple[str, str]]:
        return list(await asyncio.gather(work("a"), work("b")))

    assert asyncio.run(both()) == [("", "a"), ("", "b")]

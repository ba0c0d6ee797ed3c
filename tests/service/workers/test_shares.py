"""What clients have of places and of the queue."""

import re

import pytest

from service import clients
from service.problems import Overloaded
from service.settings import Settings
from service.workers.places import Places
from service.workers.shares import Shares, share_alone
from tests.service.conftest import ROOT


def shares_of(most: int) -> Shares:
    return Shares(most, of="the places", full="all are taken", retry_after_s=3)


def take_all(shares: Shares, client: str) -> int:
    """How many a client gets that takes what it can."""
    got = 0
    while True:
        try:
            shares.take(client)
        except Overloaded:
            return got
        got += 1


@pytest.mark.parametrize(("most", "alone"), [(1, 1), (2, 1), (3, 2), (4, 3), (16, 12), (34, 25), (100, 75)])
def test_one_client_gets_most_and_never_the_last(most: int, alone: int) -> None:
    shares = shares_of(most)
    assert take_all(shares, "a") == alone == share_alone(most)
    if most > 1:
        shares.take("b")


def test_the_more_clients_the_less_for_each() -> None:
    shares = shares_of(16)
    got = {"a": 0, "b": 0}
    for client in "ab" * 16:
        try:
            shares.take(client)
        except Overloaded:
            continue
        got[client] += 1
    assert got == {"a": 7, "b": 6}
    assert take_all(shares, "c") == 2
    assert take_all(shares, "d") == 1


def test_refusals_say_whether_all_is_taken_or_a_share() -> None:
    shares = shares_of(2)
    shares.take("a")
    with pytest.raises(Overloaded, match="its share of the places, 1 of 2") as caught:
        shares.take("a")
    assert (caught.value.limit, caught.value.retry_after_s) == (1, 3)
    shares.take("b")
    with pytest.raises(Overloaded, match="all are taken"):
        shares.take("c")
    shares.give_back("b")
    shares.take("c")


def test_what_is_done_for_no_client_has_no_share() -> None:
    assert take_all(shares_of(3), "") == 3


def test_places_are_those_of_the_client_that_asks() -> None:
    places = Places(2, name="videos", retry_after_s=10)
    with clients.working_for("a"), places.take():
        with pytest.raises(Overloaded, match="its share of the places for videos"), places.take():
            pass
        with clients.working_for("b"), places.take():
            assert places.taken == 2
    assert places.taken == 0


def test_the_figures_in_security_are_those_of_the_defaults() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = dict(re.findall(r"(?m)^  \| (streams|videos|requests)\b[^|]*\| (\d+ \| \d+) \|$", text))
    defaults = Settings(workers=2)
    most = {
        "streams": defaults.max_streams,
        "videos": defaults.max_videos,
        "requests": defaults.workers + defaults.queue,
    }
    assert rows == {name: f"{number} | {share_alone(number)}" for name, number in most.items()}

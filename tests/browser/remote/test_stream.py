"""The stream of fer.v1: credits, a page that is hidden, a server that is full, gone, back, or refuses."""

import re
import struct
from typing import TYPE_CHECKING

from tests.browser import proxy
from tests.browser.acts import (
    OPEN_CAMERA,
    alert,
    camera_frames,
    expect,
    go_live,
    until,
)
from tests.browser.chromium import Server, Visit

if TYPE_CHECKING:
    from playwright.sync_api import WebSocketRoute


def test_frames_are_numbered_and_sent_only_for_a_credit(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    until(page, lambda: len(wire.frames) >= 8, "eight frames")
    headers = [struct.unpack(">4sId", frame[:16]) for frame in wire.frames]
    assert [magic for magic, _, _ in headers] == [b"FER1"] * len(headers)
    assert [number for _, number, _ in headers] == list(range(1, len(headers) + 1))
    times = [time_ms for _, _, time_ms in headers]
    assert times == sorted(times)
    assert all(frame[16:18] == b"\xff\xd8" for frame in wire.frames)
    credits = next(answer["credits"] for answer in wire.answers if answer["type"] == "session.created")
    assert 1 <= wire.most_under_way <= credits
    assert max(wire.results()[0]["image"].values()) <= 640


def test_a_hidden_page_sends_nothing(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    hide = "hidden => Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden})"
    page.evaluate(hide, True)
    until(page, lambda: len(wire.settled()) == len(wire.frames), "answers to the last frames")
    sent = len(wire.frames)
    camera_frames(page, 10)
    assert len(wire.frames) == sent
    page.evaluate(hide, False)
    until(page, lambda: len(wire.frames) > sent, "frames again")


def test_a_full_server_says_so(visit: Visit, small_server: Server) -> None:
    first = visit(url=small_server.url())
    wire = go_live(first)
    second = visit(url=small_server.url())
    second.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(second)).to_contain_text("The server is full")
    expect(alert(second)).to_contain_text("All 1 places for streams are taken; try again later.")
    first.get_by_role("button", name="Stop").click()
    until(first, lambda: wire.closed == 1, "the first one's end")
    # A press without waiting: the page's own next attempt may have come first and taken the button away.
    second.locator("#notice-action").evaluate("button => button.click()")
    expect(second.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))
    expect(alert(second)).to_be_hidden()


def test_a_server_that_goes_and_comes_back(visit: Visit, small_server: Server) -> None:
    page = visit(url=small_server.url(), news=True)
    wire = go_live(page)
    small_server.stop()
    expect(alert(page)).to_contain_text("The server does not answer")
    expect(page.locator("#confidence")).to_be_empty()
    before = len(wire.results())
    small_server.start()
    until(page, lambda: len(wire.results()) > before, "results of the new connection")
    expect(alert(page)).to_be_hidden()
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))


def test_a_proxy_that_hides_the_name_is_named(visit: Visit, server: Server) -> None:
    """The browser keeps from the page why the handshake was refused; a request that is refused alike says it."""
    with proxy.without_port(server.url()) as url:
        page = visit(url=url, news=True)
        page.get_by_role("button", name=OPEN_CAMERA).click()
        expect(alert(page)).to_contain_text("The server refuses this stream")
        expect(alert(page)).to_contain_text("proxy_set_header Host $http_host")
        expect(alert(page)).to_contain_text(f"The page's origin is '{url}'")


def test_a_server_that_refuses_is_not_asked_again(visit: Visit) -> None:
    page = visit()
    page.clock.install()
    asked: list[str] = []

    def refuse(socket: "WebSocketRoute") -> None:
        asked.append(socket.url)
        socket.close(code=1009)

    page.route_web_socket("**/v1/stream", refuse)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(page)).to_contain_text("The server refuses this stream")
    expect(alert(page)).to_contain_text("frames are larger than this server accepts")
    page.clock.fast_forward("10:00")
    page.evaluate("() => 1")
    assert len(asked) == 1

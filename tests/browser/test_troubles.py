"""What can be in the way of a camera: the person, the browser, the server."""

import re
from typing import TYPE_CHECKING

from tests.browser.acts import OPEN_CAMERA, SPY, alert, expect, go_live, until
from tests.browser.chromium import INSECURE_HOST, Server
from tests.browser.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import WebSocketRoute


def test_a_camera_that_fails_is_explained(visit: Visit) -> None:
    page = visit("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', window.failure); }")
    for failure, message in {
        "NotFoundError": "No camera was found",
        "NotAllowedError": "The camera is not allowed",
        "NotReadableError": "The camera is busy",
        "AbortError": "The camera did not start",
    }.items():
        page.evaluate("failure => { window.failure = failure; }", failure)
        page.get_by_role("button", name=OPEN_CAMERA).click()
        expect(alert(page)).to_contain_text(message)


def test_without_a_secure_context_the_way_out_is_named(visit: Visit, server: Server) -> None:
    page = visit(url=server.url(INSECURE_HOST))
    assert page.evaluate("isSecureContext") is False
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(page)).to_contain_text("https")
    expect(alert(page)).to_contain_text("localhost")


def test_stop_while_the_browser_asks(visit: Visit) -> None:
    slow = SPY.replace("await ask(wanted)", "await new Promise(go => (window.allow = go)).then(() => ask(wanted))")
    page = visit(slow)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    page.get_by_role("button", name="Stop").click()
    page.evaluate("allow()")
    states = "spy.tracks.map(track => track.readyState)"
    until(page, lambda: page.evaluate(states) == ["ended"], "the end of the late camera")
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_be_visible()


def test_a_full_server_says_so(visit: Visit, small_server: Server) -> None:
    first = visit(url=small_server.url())
    wire = go_live(first)
    second = visit(url=small_server.url())
    second.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(second)).to_contain_text("The server is full")
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


def test_a_server_that_refuses_is_not_asked_again(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []

    def refuse(socket: "WebSocketRoute") -> None:
        asked.append(socket.url)
        socket.close(code=4401)

    page.route_web_socket("**/v1/stream", refuse)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(page)).to_contain_text("The server refuses this stream")
    expect(alert(page)).to_contain_text("wants a key")
    page.wait_for_timeout(1500)
    assert len(asked) == 1

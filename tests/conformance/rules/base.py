"""What a rule is, and what several rules check."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.client import PHOTO, Service, Session

# Rules that would wait longer for a limit, or do more to reach it, are skipped.
LONGEST_S, MOST_SESSIONS, MOST_MESSAGES, MOST_BYTES = 30.0, 64, 5000, 2**26
# The kernel's buffers take some megabytes from a client that does not read; a service that takes more hoards them.
MOST_UNREAD, HELD_UP_S = 2**25, 3.0
OPTIONS = {
    *("explain", "explain_every", "target", "head", "max_faces", "min_face_px", "detector", "smoothing"),
    "max_age_ms",
}


class Skipped(Exception):
    """The rule cannot be checked on this service; says why."""


@dataclass(frozen=True)
class Rule:
    """What is promised, and a function that raises where a service breaks it."""

    says: str
    check: Callable[[Service], None]


class Rules(list[Rule]):
    """Rules in order; calling it makes the decorator that adds one."""

    def __call__(self, says: str) -> Callable[[Callable[[Service], None]], Callable[[Service], None]]:
        def add(check: Callable[[Service], None]) -> Callable[[Service], None]:
            self.append(Rule(says, check))
            return check

        return add


def equal(got: object, expected: object, what: str) -> None:
    assert got == expected, f"{what} is {got!r}, not {expected!r}"


def within(limit: float, most: float, name: str) -> None:
    if limit > most:
        raise Skipped(f"{name} is {limit:g}, more than is tried here ({most:g})")


def goes_on(session: Session) -> None:
    """The session still answers."""
    equal(session.analyse(PHOTO, 4242)["type"], "result", "the next frame's answer")


def answers_a_good_client(service: Service) -> None:
    """A client that does everything right gets its answer."""
    with service.session() as session:
        answer = session.analyse(PHOTO, 7)
        equal((answer["type"], answer.get("frame_id")), ("result", 7), "a good client's answer")
        assert answer["faces"], "a good client's face was not found"

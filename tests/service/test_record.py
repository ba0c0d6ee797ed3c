"""Records: what they take from workers, from clients, and from tasks of the same request."""

import asyncio
import math
from collections.abc import Mapping

import pytest

from service import record
from service.app import create_app, templates_of
from service.record import UNMATCHED, Record, Templates, recording
from service.settings import Settings


class Counts:
    """A Meter that remembers."""

    def __init__(self) -> None:
        self.images: list[tuple[str, dict[str, float], int]] = []
        self.shadows: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self.dropped: list[str] = []

    def count_image(self, route: str, stages_ms: Mapping[str, float], faces: int) -> None:
        self.images.append((route, dict(stages_ms), faces))

    def count_shadow(self, label: str, shadow_label: str) -> None:
        self.shadows.append((label, shadow_label))

    def count_problem(self, code: str) -> None:
        self.problems.append(code)

    def count_dropped(self, reason: str) -> None:
        self.dropped.append(reason)


def test_images_add_up_and_each_is_counted() -> None:
    counts = Counts()
    kept = Record("id", "POST", "/v1/predict", meter=counts)
    for faces in (1, 2):
        kept.add_image({"timing_ms": {"decode": 1.0, "detect": 2.0}, "faces": faces}, {"queue": 0.5, "total": 4.0})
    assert (kept.images, kept.faces) == (2, 3)
    assert kept.stages_ms == {"decode": 2.0, "detect": 4.0, "queue": 1.0, "total": 8.0}
    assert counts.images == [
        ("/v1/predict", {"decode": 1.0, "detect": 2.0, "queue": 0.5, "total": 4.0}, faces) for faces in (1, 2)
    ]


def test_the_total_is_the_sum_where_nobody_measured_it() -> None:
    kept = Record("id", "POST", "/v1/predict/video")
    kept.add_image({"timing_ms": {"decode": 1.0, "detect": 2.0}, "faces": 0}, {})
    assert kept.stages_ms["total"] == 3.0


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"timing_ms": None, "faces": None},
        {"timing_ms": [1, 2], "faces": "many"},
        {"timing_ms": {"made up": 1.0, "decode": "long"}, "faces": -1},
        {"timing_ms": {"decode": math.nan, "detect": math.inf, "infer": -1.0, "explain": 1e300}, "faces": 10**9},
        {"timing_ms": {"decode": [1.0], "detect": {}}, "faces": [1]},
        {"shadow": 5},
        {"shadow": ["happy", ["happy"], ["happy", ["sad"]], None]},
    ],
)
def test_a_worker_that_says_nonsense_adds_none(said: dict[str, object]) -> None:
    counts = Counts()
    kept = Record("id", "POST", "/v1/predict", meter=counts)
    kept.add_image(said, {"queue": 0.5, "total": 4.0})
    assert kept.stages_ms == {"queue": 0.5, "total": 4.0}
    assert (kept.images, kept.faces) == (1, 0)
    assert not counts.shadows


def test_tasks_of_a_request_have_its_record_and_others_have_none() -> None:
    async def work(code: str) -> None:
        await asyncio.sleep(0)
        record.add_problem(code)

    async def request(name: str) -> Record:
        with recording(Record(name, "POST", "/")):
            await asyncio.gather(*(asyncio.create_task(work(f"{name} {number}")) for number in range(3)))
            current = record.current()
        assert current is not None
        return current

    async def several() -> tuple[Record, Record]:
        return await asyncio.gather(request("one"), request("other"))

    one, other = asyncio.run(several())
    assert (one.problem, other.problem) == ("one 2", "other 2")
    assert record.current() is None
    record.add_problem("nobody's")


def test_a_template_is_a_path_that_exists_or_one_word() -> None:
    templates = Templates(["/", "/v1/predict", "/static/{path}"])
    assert {
        path: templates.of(path) for path in ("/", "/v1/predict", "/static/a/b.js", "/static/", "/static", "/x")
    } == {
        "/": "/",
        "/v1/predict": "/v1/predict",
        "/static/a/b.js": "/static/{path}",
        "/static/": "/static/{path}",
        "/static": UNMATCHED,
        "/x": UNMATCHED,
    }


def test_every_path_of_the_service_has_a_template_of_its_own(settings: Settings) -> None:
    """One with a parameter in its middle would share the template of all paths that begin as it does."""
    app = create_app(settings)
    templates = templates_of(app)
    for path in (*app.openapi()["paths"], "/", "/docs", "/v1/stream", "/openapi.json"):
        assert templates.of(path) == path
        assert "{" not in path

"""The service that is tried, and files for it."""

from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.service.conftest import media, model_path, settings
from tests.service.processes import listening

__all__ = ["media", "model_path", "settings"]


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    """A service behind a real socket, in a thread of this process; one client has nearly all of it."""
    patient = {"stream_abuse": 1_000_000, "deadline_s": 300.0}
    with listening(settings.model_copy(update=patient)) as address:
        yield address

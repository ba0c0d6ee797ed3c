"""What all tests share: the name under which Starlette's test client asks a service, and which files begin."""

import os
import signal
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Seconds each, most of them of waiting. Where several processes share the files, these come first: the last file to be
# begun decides when all are done.
LONG = (
    "service/test_conformance.py",
    "service/routes/test_video.py",
    "service/video/test_analysis.py",
    "service/batch/test_streaming.py",
    "service/routes/test_batch.py",
    "service/test_admission.py",
    "guide/test_commands.py",
    "guide/test_notebooks.py",
    "test_package.py",
    "service/test_attacks.py",
    "service/test_tracing.py",
    "service/test_request_log.py",
    "service/test_rate_store.py",
    "service/test_nothing_written.py",
    "client/test_many_videos.py",
    "client/test_client.py",
    "service/workers/test_pool.py",
)

# A shell starts what runs in its background with SIGINT ignored, and so would be all programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests that start the service as a process of its own give it none of these.
os.environ["FER_HOSTS"] = "testserver"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; all others stay as they are."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.relative_to(HERE).as_posix()
    return LONG.index(name) if name in LONG else len(LONG)

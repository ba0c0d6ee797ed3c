"""Sessions of ONNX Runtime: many in one process, which share their memory."""

import numpy as np

from service.sessions import giving_back, open_session
from tests.service.conftest import SIDE, brightness_network


def test_many_sessions_give_the_same_answers() -> None:
    faces = np.full((3, SIDE, SIDE, 1), 200, np.uint8)
    first, second = (open_session(brightness_network(), threads=threads) for threads in (1, 2))
    (expected,) = first.run(["probabilities"], {"faces": faces})
    for session in (first, second):
        for _ in range(2):
            (answers,) = session.run(["probabilities"], {"faces": faces}, giving_back())
            np.testing.assert_array_equal(answers, expected)


def test_the_shared_memory_is_that_of_all_sessions() -> None:
    """Giving memory back needs an arena, and all sessions name the shared one."""
    session = open_session(brightness_network(), threads=1)
    assert session.get_session_options().get_session_config_entry("session.use_env_allocators") == "1"

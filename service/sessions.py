"""How networks are opened: options of ONNX Runtime's sessions, and the memory that those of a process share."""

import functools
import os

# ONNX Runtime's Linux builds report usage to Microsoft unless this is set before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
from onnxruntime import InferenceSession

__all__ = ["InferenceSession", "giving_back", "open_session"]


def open_session(content: bytes, *, threads: int) -> InferenceSession:
    """A session for the bytes of an ONNX file, safe for many threads; each run uses `threads` cores.

    Raises ONNX Runtime's own exceptions, which have no common base.
    """
    _share_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait keep the cores from face detection: without it a request is 10 to 37 % faster.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    return InferenceSession(content, options, providers=["CPUExecutionProvider"])


def giving_back() -> onnxruntime.RunOptions:
    """Options of a run after which the memory that it took beyond the usual is given back to the system."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


@functools.cache
def _share_memory() -> None:
    """One arena for all sessions of the process: each of its own would keep the most that it ever needed.

    A worker has four sessions, of which one runs at a time; it takes 25 MB less.
    """
    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT), None
    )

"""The log: one line for each request and each session at its end, in a form for people or for programs.

Lines hold what FIELDS lists: ids, sizes, times and counts. No address, no query, no header and no file name is among
them, because a record knows none.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from .record import Attribute, Record, current
from .settings import LogFormat

log = logging.getLogger("service.requests")

# uvicorn's lines about WebSockets, which hold addresses and queries, are of level INFO.
WEBSOCKETS = "service.websockets"


# Those without a value are left out of a line.
FIELDS = (
    Attribute("request_id", "the id that the client was told; of a session, its session_id", lambda r: r.request_id),
    Attribute("trace_id", "the id of the trace, where spans are made", lambda r: r.trace_id),
    Attribute("method", "the HTTP method", lambda r: r.method),
    Attribute("route", "the template of the path; `unmatched` for all paths that do not exist", lambda r: r.route),
    Attribute("status", "the HTTP status, 101 for a session; none where nothing was answered", lambda r: r.status),
    Attribute("cut_off", "true where the request ended before its answer did", lambda r: r.is_cut_off or None),
    Attribute("close_code", "why a session ended", lambda r: r.close_code),
    Attribute("closed_by", "who ended the session: client or service", lambda r: r.closed_by),
    Attribute("bytes_in", "size of the body, or of a session's messages", lambda r: r.bytes_in),
    Attribute("bytes_out", "size of the answer", lambda r: r.bytes_out),
    Attribute("duration_ms", "from the headers to the end of the answer", lambda r: round(r.duration_ms, 3)),
    Attribute(
        "stages_ms",
        "milliseconds in each stage, summed over all images and frames",
        lambda r: {stage: round(elapsed_ms, 3) for stage, elapsed_ms in r.stages_ms.items()} or None,
    ),
    Attribute("images", "images and frames that were analysed", lambda r: r.images or None),
    Attribute("faces", "faces that were found", lambda r: r.faces if r.images else None),
    Attribute("dropped", "frames that were not analysed", lambda r: r.dropped or None),
    Attribute("problems", "problems sent to the client", lambda r: r.problems or None),
    Attribute("problem", "the code of the last of them", lambda r: r.problem),
)


def log_request(record: Record) -> None:
    """A line for a request or session that has ended. Answers to monitors have none: they come every few seconds."""
    if not record.is_probe and log.isEnabledFor(logging.INFO):
        fields = {field.name: value for field in FIELDS if (value := field.value(record)) is not None}
        log.info("%s %s %s", record.method, record.route, record.status or "none", extra={"fields": fields})


# json.dumps would make an encoder for each line.
_encode = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """A JSON object a line; what is logged within a request has its `request_id`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, logger and message, then `name=value`.

    Further lines, as of a traceback, are indented: text that a worker sent cannot look like a line of the log.
    """

    def format(self, record: logging.LogRecord) -> str:
        pairs = "".join(f" {name}={_text(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()}{pairs}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return "\n  ".join(line.splitlines())


def _time(record: logging.LogRecord) -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    if fields := getattr(record, "fields", None):
        return dict(fields)
    request = current()
    return {} if request is None else {"request_id": request.request_id}


def _text(value: object) -> str:
    return ",".join(f"{name}:{each}" for name, each in value.items()) if isinstance(value, dict) else str(value)


def configure(form: LogFormat, stream: TextIO = sys.stderr) -> None:
    """Send the lines of all loggers of this process to `stream`, in one form."""
    # No line names a thread or a process; asking for them takes a third of the time of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    is_json = form == "json" or (form == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger(WEBSOCKETS).setLevel(logging.WARNING)

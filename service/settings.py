"""What differs between machines: the settings, from environment variables (FER_…), and their limits."""

import os
import re
import sys
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PositiveInt, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .origins import Origin, host_pattern

PREFIX = "FER_"
# The client's command line reads these variables, so they may be set where the service runs.
CLIENT_URL = "FER_URL"
CLIENT_KEY = "FER_API_KEY"
# `address`: a name that can be a setting's, too; Kubernetes' value is an address there.
_KUBERNETES = re.compile(
    rf"{PREFIX}([A-Z0-9_]+_)??"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|(?P<address>PORT))"
)
MODEL = Path("models/emotion.onnx")
MAX_PIXELS = 25_000_000


# Values of the option `detector`, and of the setting.
DetectorChoice = Literal["haar", "centerface"]
LogFormat = Literal["auto", "json", "text"]


class SettingsError(Exception):
    """A setting is unknown or has a bad value; the message names it."""


def available_cpus() -> int:
    """Cores that this process may use: the smaller of its affinity and of its container's CPU quota, rounded up."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota()
    return cpus if quota is None else max(1, min(cpus, quota))


def cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Cores that the control group (cgroup v2 or v1) allows, rounded up; None where it sets no limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if quota in ("max", "-1") else -(-int(quota) // int(period))


def memory_bytes(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that this process may use: the machine's, or less where the control group (v2 or v1) sets a limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            return min(machine, int((root / name).read_text()))
        except (OSError, ValueError):
            continue
    return machine


def default_held_bytes() -> int:
    """A quarter of the memory: workers that decode the largest images need most of the rest."""
    return memory_bytes() // 4


def default_model() -> Path:
    """models/emotion.onnx of the working directory; without one, the file that is installed with the package."""
    packaged = Path(__file__).parent / MODEL
    return packaged if packaged.is_file() and not MODEL.is_file() else MODEL


def _parts(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(Origin.parse(value)) for value in values)


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Raises ValueError for what is neither an IP address nor a network, so also for `*`."""
    return tuple(str(ip_network(value)) for value in values)


def _host_patterns(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(host_pattern(value) for value in values)


Parts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]
"""Several values, comma separated."""


def is_of_kubernetes(name: str, value: str) -> bool:
    """True for a variable that Kubernetes gives every container where a service is called `fer` or `fer-…`.

    Such as FER_SERVICE_HOST=10.0.0.7, FER_PORT=tcp://10.0.0.7:8000 and FER_API_PORT_8000_TCP_ADDR=10.0.0.7.
    """
    found = _KUBERNETES.fullmatch(name)
    return found is not None and (found["address"] is None or "://" in value)


class _Environment(EnvSettingsSource):
    """The environment without what Kubernetes has put into it."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = super()._load_env_vars()
        return {name: value for name, value in found.items() if not is_of_kubernetes(name.upper(), value or "")}


class Settings(BaseSettings):
    """Every setting, its default and its bounds; `python -m service.settings` prints them as a table."""

    # An empty variable is one that is not set: HOST= is not a wish to listen everywhere.
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    host: str = Field(
        "127.0.0.1", validation_alias=AliasChoices("FER_HOST", "HOST"), description="address to listen on"
    )
    port: int = Field(
        8000, ge=0, le=65535, validation_alias=AliasChoices("FER_PORT", "PORT"), description="port to listen on"
    )
    model: Path = Field(default_factory=default_model, description="the ONNX file to serve")
    shadow_model: Path | None = Field(
        None,
        description="an ONNX file that reads the same faces as the served one, in images and streams: its labels are "
        "counted in `/metrics` and answered to nobody",
    )
    detector: DetectorChoice = Field(
        "haar", description="the detector of requests that name none: `haar` or `centerface`"
    )
    workers: PositiveInt = Field(
        default_factory=available_cpus,
        le=256,
        description="worker processes, and threads of a task that is alone (default: the cores of this process)",
    )
    queue: int = Field(32, ge=0, le=10_000, description="requests that may wait for a worker; one more is answered 503")
    deadline_s: float = Field(15.0, gt=0, le=600, description="longest time from the queue to the answer, seconds")
    max_connections: PositiveInt = Field(
        1000,
        le=100_000,
        description="connections at once, of which one address may have three quarters; fewer where the open-file "
        "limit says so. For one more, the connection that has waited longest for a request is closed",
    )
    silence_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="longest time for the headers of a request to arrive, and longest silence while its body arrives, "
        "seconds",
    )
    body_timeout_s: float = Field(15.0, gt=0, le=600, description="longest time for a body to arrive, seconds")
    max_body_bytes: PositiveInt = Field(10 * 2**20, le=2**30, description="largest request body, bytes")
    max_held_bytes: PositiveInt = Field(
        default_factory=default_held_bytes,
        le=2**40,
        description="bodies of all requests and frames together that are in memory at once, bytes; one client may have "
        "four fifths of it; one more is answered 503 (default: a quarter of the memory that this process may use)",
    )
    max_pixels: PositiveInt = Field(MAX_PIXELS, le=2**27, description="largest image, width times height")
    max_faces: PositiveInt = Field(50, le=1000, description="most faces that a request may ask for")
    max_videos: PositiveInt = Field(
        2, le=1000, description="videos at once, their bodies are kept in memory; one more is answered 503"
    )
    max_video_bytes: PositiveInt = Field(200 * 2**20, le=2**32, description="largest video file, bytes")
    max_video_pixels: PositiveInt = Field(
        9_000_000, le=2**27, description="largest frame of a video, width times height"
    )
    max_video_s: float = Field(7200.0, gt=0, le=604_800, description="longest video, seconds")
    video_body_timeout_s: float = Field(120.0, gt=0, le=3600, description="longest time for a video to arrive, seconds")
    video_deadline_s: float = Field(1800.0, gt=0, le=86_400, description="longest work on one video, seconds")
    max_batches: PositiveInt = Field(8, le=1000, description="batches at once; one more is answered 503")
    max_batch_files: PositiveInt = Field(
        1000,
        le=1_000_000,
        description="most files of a batch whose answer is one document; a streamed one has no such limit",
    )
    batch_deadline_s: float = Field(3600.0, gt=0, le=86_400, description="longest time for a batch to arrive, seconds")
    max_streams: PositiveInt = Field(
        16, le=10_000, description="WebSocket sessions at once; one more is closed with 1013"
    )
    max_frame_bytes: PositiveInt = Field(2 * 2**20, le=2**28, description="largest WebSocket frame, bytes")
    stream_credits: int = Field(
        2, ge=1, le=64, description="frames of a WebSocket client that may wait for an answer at once"
    )
    stream_idle_s: float = Field(
        60.0, gt=0, le=86_400, description="a session without a message is closed after, seconds"
    )
    stream_session_s: float = Field(3600.0, gt=0, le=604_800, description="a session is closed after, seconds")
    stream_send_s: float = Field(
        10.0, gt=0, le=600, description="a client that does not read its answers is disconnected after, seconds"
    )
    stream_abuse: PositiveInt = Field(
        1000,
        le=1_000_000,
        description="frames without a credit, frames in error and text messages that a WebSocket client may send "
        "within ten seconds; one more is closed with 4429",
    )
    api_keys_file: Path | None = Field(
        None,
        description="file with the hashes of clients' keys (`python -m service.keys` makes them); without one no "
        "client needs a key",
    )
    rate: float | None = Field(
        None,
        ge=0.1,
        le=100_000,
        allow_inf_nan=False,
        description="requests a second, over ten seconds, that a client may send; one more is answered 429; streams "
        "count once (default: any number)",
    )
    rate_store: str = Field(
        "memory://",
        description="where requests are counted: in memory, or where several services share the count, in Redis or "
        "Valkey (`redis://host:6379`, `valkey://host:6379`); while that does not answer, nothing is counted",
    )
    proxies: Annotated[Parts, AfterValidator(_networks)] = Field(
        (),
        validation_alias=AliasChoices("FER_PROXIES", "FORWARDED_ALLOW_IPS"),
        description="addresses or networks of proxies, comma separated, whose X-Forwarded-For and X-Forwarded-Proto "
        "are believed; without them, all clients behind a proxy count as one",
    )
    hosts: Annotated[Parts, AfterValidator(_host_patterns)] = Field(
        (),
        description="names that the service is known by besides localhost, its IP addresses and FER_HOST, comma "
        "separated: fer.example, *.fer.example",
    )
    allowed_origins: Annotated[Parts, AfterValidator(_origins)] = Field(
        (), description="other web origins that may call, comma separated, such as https://app.example"
    )
    log_format: LogFormat = Field(
        "auto", description="lines of the log: `json`, `text`, or `auto`: text on a terminal, else JSON"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls)


def load() -> Settings:
    """Settings from the environment. Raises SettingsError that names each wrong or unknown variable."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    of_others = {CLIENT_URL, CLIENT_KEY}
    unknown = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in known | of_others and not is_of_kubernetes(name, value)
    )
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: no such setting; there are {', '.join(sorted(known))}")
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{_variable(item['loc'][0])}: {item['msg']}, got {item['input']!r}" for item in error.errors()]
        raise SettingsError("; ".join(lines)) from error


def _variable(field: int | str) -> str:
    """The variable that a field's value is from; the first of those that it may be from where none is set."""
    name = str(field)
    if not name.isupper():
        return f"{PREFIX}{name.upper()}"
    for each in Settings.model_fields.values():
        choices = each.validation_alias.choices if isinstance(each.validation_alias, AliasChoices) else []
        if name in choices:
            return next((str(choice) for choice in choices if choice in os.environ), name)
    return name


def without_arguments(arguments: list[str]) -> int:
    """What the program says where it is given arguments, of which it has none: 0 for --help, 2 for any other."""
    variables = [f"  {_variable(name)}: {field.description}" for name, field in Settings.model_fields.items()]
    what = "fer-service serves until a stop signal. It has no options: its settings are environment variables.\n"
    if set(arguments) <= {"-h", "--help"}:
        sys.stdout.write("\n".join((what, *variables, "")))
        return 0
    sys.stderr.write(f"fer-service: error: {' '.join(arguments)}: no such option. {what}There are: ")
    sys.stderr.write(", ".join(_variable(name) for name in Settings.model_fields) + "\n")
    return 2


def markdown_table() -> str:
    """Every setting as a Markdown table, for the README."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [_variable(name)]
        rows.append(f"| {', '.join(f'`{each}`' for each in names)} | {_default(field)} | {field.description} |")
    return "\n".join(rows) + "\n"


# Defaults that depend on the machine, in words.
_MEASURED: dict[object, str] = {available_cpus: "cores", default_held_bytes: "memory / 4"}


def _default(field: FieldInfo) -> str:
    """A default as it would be set; nothing for an empty one."""
    if field.default_factory in _MEASURED:
        return _MEASURED[field.default_factory]
    value = MODEL if field.default_factory is default_model else field.default
    if value in ((), None):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(markdown_table())

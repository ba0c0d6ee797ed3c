"""Settings: defaults, the environment, and refusals that name the variable."""

from pathlib import Path

import pytest

from service import settings
from service.settings import SettingsError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FER_MODEL", "HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    loaded = settings.load()
    assert (loaded.host, loaded.port) == ("127.0.0.1", 8000)
    assert loaded.model == Path("models/emotion.onnx")
    assert loaded.workers == settings.available_cpus()


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "9000",
        "HOST": "0.0.0.0",  # noqa: S104 - a value, nothing listens
        "FER_QUEUE": "3",
        "FER_ALLOWED_ORIGINS": "https://a.example, https://b.example",
    }.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load()
    assert (loaded.host, loaded.port, loaded.queue) == ("0.0.0.0", 9000, 3)  # noqa: S104
    assert loaded.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FER_WORKERS", "0"),
        ("FER_QUEUE", "many"),
        ("PORT", "99999"),
        ("FER_DEADLINE_S", "-1"),
        ("FER_MAX_PIXELS", "1e12"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name.removeprefix('FER_')}: .*{value}"):
        settings.load()


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_WORKRES", "4")
    with pytest.raises(SettingsError, match="FER_WORKRES: no such setting"):
        settings.load()


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_containers_cpu_quota(tmp_path: Path, files: dict[str, str], quota: int | None) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert settings.cgroup_quota(tmp_path) == quota


def test_what_the_command_line_reads_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("FER_API_KEY", "fer_s3cret")
    settings.load()
    monkeypatch.setenv("FER_KEY", "s3cret")
    with pytest.raises(SettingsError, match="FER_KEY: no such setting"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("FER_ALLOWED_ORIGINS", "https://a.example,https://b.example/", "'https://b.example/'.*slash"),
        ("FER_ALLOWED_ORIGINS", "a.example", "'a.example'.*https://"),
        ("FER_ALLOWED_ORIGINS", "*", r"'\*'.*every web page"),
        ("FER_HOSTS", "https://fer.example", "'https://fer.example' is no host name"),
        ("FER_PROXIES", "proxy.example", "'proxy.example' does not appear"),
        ("FORWARDED_ALLOW_IPS", "*", r"FORWARDED_ALLOW_IPS.*'\*' does not appear"),
        ("FER_RATE", "0", "greater than"),
    ],
)
def test_values_that_could_never_work(monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=reason):
        settings.load()


def test_origins_hosts_and_proxies_are_compared_in_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_ALLOWED_ORIGINS", "HTTPS://App.Example:443")
    monkeypatch.setenv("FER_HOSTS", "Fer.Example.")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1, 10.0.0.0/8")
    loaded = settings.load()
    assert (loaded.allowed_origins, loaded.hosts) == (("https://app.example",), ("fer.example",))
    assert loaded.proxies == ("127.0.0.1/32", "10.0.0.0/8")


def test_the_packaged_model_is_used_where_the_working_directory_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, work = tmp_path / "package", tmp_path / "work"
    for folder in (package, work):
        folder.mkdir()
    monkeypatch.setattr(settings, "__file__", str(package / "settings.py"))
    monkeypatch.chdir(work)
    assert settings.default_model() == Path("models/emotion.onnx"), "the path that an error names"
    packaged = package / "models" / "emotion.onnx"
    packaged.parent.mkdir()
    packaged.touch()
    assert settings.default_model() == settings.load().model == packaged
    Path("models").mkdir()
    Path("models/emotion.onnx").touch()
    assert settings.default_model() == Path("models/emotion.onnx")


def test_the_table_has_a_row_for_each_setting() -> None:
    head, rule, *rows = settings.markdown_table().splitlines()
    assert (head, rule) == ("| variable | default | meaning |", "|---|---|---|")
    assert len(rows) == len(settings.Settings.model_fields)
    assert "| `FER_QUEUE` | `32` | requests that may wait for a worker; one more is answered 503 |" in rows
    assert rows[0].startswith("| `FER_HOST`, `HOST` | `127.0.0.1` |")
    assert "| `FER_MODEL` | `models/emotion.onnx` | the ONNX file to serve |" in rows
    assert any(row.startswith("| `FER_WORKERS` | cores |") for row in rows)
    assert {row.count("|") for row in rows} == {4}


KUBERNETES = {
    "FER_SERVICE_HOST": "10.0.0.7",
    "FER_SERVICE_PORT": "80",
    "FER_SERVICE_PORT_HTTP": "80",
    "FER_PORT": "tcp://10.0.0.7:80",
    "FER_PORT_80_TCP": "tcp://10.0.0.7:80",
    "FER_PORT_80_TCP_PROTO": "tcp",
    "FER_PORT_80_TCP_PORT": "80",
    "FER_PORT_80_TCP_ADDR": "10.0.0.7",
    "FER_API_SERVICE_HOST": "10.0.0.8",
    "FER_API_PORT": "tcp://10.0.0.8:80",
    "FER_API_PORT_53_UDP_ADDR": "10.0.0.8",
}


def test_what_kubernetes_sets_for_a_service_of_this_name_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KUBERNETES.items():
        monkeypatch.setenv(name, value)
    assert (settings.load().host, settings.load().port) == ("127.0.0.1", 8000)
    monkeypatch.setenv("PORT", "9000")
    assert settings.load().port == 9000
    monkeypatch.setenv("FER_PORT", "9001")
    assert settings.load().port == 9001
    for name, value in (("FER_API_PORT", "80"), ("FER_SERVICE_HOSTS", "a")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(SettingsError, match=f"{name}: no such setting"):
                settings.load()


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "FER_HOSTS", "FER_QUEUE", "FER_API_KEYS_FILE", "FER_ALLOWED_ORIGINS"):
        monkeypatch.setenv(name, "")
    loaded = settings.load()
    assert (loaded.host, loaded.port, loaded.hosts, loaded.queue) == ("127.0.0.1", 8000, (), 32)
    assert loaded.api_keys_file is None
    monkeypatch.setenv("FER_HOST", "")
    monkeypatch.setenv("HOST", "::1")
    assert settings.load().host == "::1"

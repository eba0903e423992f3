"""Settings: one reader of the environment, and one sentence for each mistake in it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from worker.settings import JobLimit, Settings

NEEDED = {"DATABASE_URL": "postgresql://u:geheim@db/billing", "REDIS_URL": "redis://:geheim@redis/0"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what is needed is set, and the folder has no .env."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_documented_ones() -> None:
    """Two addresses are all it takes to start."""
    settings = Settings()
    assert settings.database_url == settings.lock_url == NEEDED["DATABASE_URL"]
    assert settings.redis_url == NEEDED["REDIS_URL"]
    assert settings.sevdesk_api_token is None
    assert settings.sevdesk_base_url == "https://my.sevdesk.de/api/v1"
    assert (settings.sevdesk_invoice_type_ar, settings.sevdesk_invoice_type_sr) == ("RE", "RE")
    assert settings.person_job_limit == JobLimit(20, 60.0)
    assert (settings.log_level, settings.log_format) == ("INFO", "json")


@pytest.mark.parametrize("header", ["{kind} {number}", "Rechnung {number}", "{number}", "§ {number} – {kind}"])
def test_header_takes_two_placeholders(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    """The kind may be left out, the number may not."""
    monkeypatch.setenv("DOCUMENT_HEADER", header)
    assert Settings().document_header == header


@pytest.mark.parametrize(
    "header",
    ["Rechnung", "{kind}", "{number} {date}", "{number!r}", "{number:>9}", "{number} {", "{number}\n", "{} {number}"],
)
def test_other_headers_stop_the_start(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    """Said once, at the start, not with each invoice."""
    monkeypatch.setenv("DOCUMENT_HEADER", header)
    with pytest.raises(ValidationError, match="must be one line that contains"):
        Settings()


def test_quarantine_outlasts_any_write() -> None:
    """Nobody looks while a call that was given up may still be on its way."""
    for quarantine in ("0.3", "45", "3600"):
        settings = Settings(write_quarantine=quarantine)
        assert 0 < settings.write_timeout < settings.write_quarantine


def test_locks_may_have_their_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler in transaction mode cannot keep session locks."""
    monkeypatch.setenv("DATABASE_LOCK_URL", "postgresql://direct/billing")
    assert Settings().lock_url == "postgresql://direct/billing"
    assert Settings().database_url == NEEDED["DATABASE_URL"]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20/60", JobLimit(20, 60.0)),
        ("1/1", JobLimit(1, 1.0)),
        (" 5 / 10 ", JobLimit(5, 10.0)),
        ("999999/86400", JobLimit(999_999, 86_400.0)),
    ],
)
def test_job_limit_is_read(monkeypatch: pytest.MonkeyPatch, text: str, limit: JobLimit) -> None:
    """Jobs per seconds and person."""
    monkeypatch.setenv("PERSON_JOB_LIMIT", text)
    assert Settings().person_job_limit == limit


@pytest.mark.parametrize(
    "text",
    ["20", "20/", "/60", "0/60", "20/0", "-1/60", "20/1.5", "20/60/5", "twenty/sixty", "020/60", "20:60", "{}",
     "2147483648/60"],
)  # fmt: skip
def test_wrong_job_limit_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A limit that nobody can keep, or that Postgres cannot hold, is said at the start and not at the first job."""
    monkeypatch.setenv("PERSON_JOB_LIMIT", text)
    with pytest.raises(ValidationError, match="must look like 20/60"):
        Settings()


def test_job_limit_is_given_in_code() -> None:
    """Tests and programs need no text."""
    assert Settings(person_job_limit=JobLimit(2, 0.5)).person_job_limit == JobLimit(2, 0.5)


def test_env_file_is_read(tmp_path: Path) -> None:
    """Names as in the environment; other programs' variables do not disturb."""
    (tmp_path / ".env").write_text("WORKER_MAX_JOBS=7\nPERSON_JOB_LIMIT=3/30\nSOMETHING_ELSE=1\n")
    settings = Settings()
    assert (settings.worker_max_jobs, settings.person_job_limit) == (7, JobLimit(3, 30.0))


def test_environment_wins_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is set for one run is meant for it."""
    (tmp_path / ".env").write_text("WORKER_MAX_JOBS=7\n")
    monkeypatch.setenv("WORKER_MAX_JOBS", "9")
    assert Settings().worker_max_jobs == 9


def test_empty_variable_leaves_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the docs say: it does not switch off what .env sets."""
    (tmp_path / ".env").write_text("SEVDESK_API_TOKEN=0123456789abcdef\n")
    monkeypatch.setenv("SEVDESK_API_TOKEN", "")
    assert Settings().sevdesk_api_token == SecretStr("0123456789abcdef")


def test_env_file_can_be_ignored(tmp_path: Path) -> None:
    """Tests are not to depend on the folder they run in."""
    (tmp_path / ".env").write_text("WORKER_MAX_JOBS=7\n")
    assert Settings(_env_file=None).worker_max_jobs == 20


@pytest.mark.parametrize("text", ["", "   "])
def test_blank_token_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An empty line in .env is not a token."""
    monkeypatch.setenv("SEVDESK_API_TOKEN", text)
    assert Settings().sevdesk_api_token is None


def test_token_is_trimmed_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at the end of a secret's file is no part of it, and printing settings shows no secret."""
    monkeypatch.setenv("SEVDESK_API_TOKEN", "0123456789abcdef\n")
    settings = Settings()
    assert settings.sevdesk_api_token == SecretStr("0123456789abcdef")
    shown = f"{settings!r} {settings}"
    assert "0123456789abcdef" not in shown and "geheim" not in shown


@pytest.mark.parametrize("token", ["zwei worte", "schlüssel", "a\nb", "x" * 201])
def test_impossible_token_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """What no HTTP header can carry is said at the start."""
    monkeypatch.setenv("SEVDESK_API_TOKEN", token)
    with pytest.raises(ValidationError, match="printable ASCII") as refused:
        Settings()
    assert token not in str(refused.value)


WRONG: list[tuple[str, str]] = [
    ("SEVDESK_INVOICE_TYPE_AR", "SR"),
    ("WORKER_MAX_JOBS", "0"),
    ("WORKER_MAX_JOBS", "501"),
    ("WORKER_MAX_JOBS", "many"),
    ("WRITE_QUARANTINE", "0"),
    ("WRITE_QUARANTINE", "nan"),
    ("SHUTDOWN_GRACE", "-1"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_FORMAT", "xml"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One problem, at the setting that has it, and no secret in the message."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    problems: list[Any] = list(refused.value.errors())
    assert [problem["loc"] for problem in problems] == [(name.lower(),)]
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("name", NEEDED)
def test_missing_address_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Empty counts as missing; the other address, with its password, is not repeated."""
    monkeypatch.setenv(name, "")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [problem["loc"] for problem in refused.value.errors()] == [(name.lower(),)]
    assert "geheim" not in str(refused.value)

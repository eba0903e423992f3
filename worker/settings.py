"""The only reader of the environment. Every field stands in `.env.example` (a test compares the two)."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.request import getproxies_environment

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from worker.certificates import (
    check_appendable,
    check_authorities,
    check_folder,
    check_own,
    check_private,
    check_readable,
)
from worker.domain.agreement import Agreed
from worker.domain.check_levels import Level, read_levels
from worker.domain.e_invoice_duty import FIRST_DAY, DutyMode
from worker.domain.invoice import FinalInvoiceForm
from worker.domain.postgres_url import HINT as POSTGRES_HINT
from worker.domain.postgres_url import read_postgres_url
from worker.domain.proxies import proxy_fault
from worker.domain.redis_url import HINT as REDIS_HINT
from worker.domain.redis_url import read_redis_url, redis_place
from worker.domain.signature import read_keys
from worker.env_file import read_env_file

SevdeskType = Literal["RE", "AR", "ER"]

# Under this name the file's path passes through pydantic to `settings_customise_sources`.
_ENV_FILE = "path of .env"
# Host and port of a URL's authority, after the account; Postgres takes several, separated by commas.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^\[\]:,]*)(:[0-9]{0,5})?")
_FILE_HOST = re.compile(r"\.?[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*")
_BASE_URL = re.compile(r"https?://([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^\s?#@]*)?")


@dataclass(frozen=True, slots=True)
class JobLimit:
    """A person may start at most `jobs` within `seconds`."""

    jobs: int
    seconds: float


def read_job_limit(text: str) -> JobLimit:
    """The limit as the setting has it, 20/60; raises ValueError if it is none."""
    match = re.fullmatch(r"\s*([1-9][0-9]{0,5})\s*/\s*([1-9][0-9]{0,5})\s*", text)
    if match is None:
        raise ValueError("must look like 20/60: 20 jobs per 60 seconds and person, each from 1 to 999999")
    return JobLimit(int(match[1]), float(match[2]))


class _EnvFile(EnvSettingsSource):
    """`.env`, read by ourselves: see `worker/env_file.py`."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path | None) -> None:
        self._path = path
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        if self._path is None or not self._path.exists():
            return {}
        return {name.lower(): value for name, value in read_env_file(self._path).items() if value != ""}


class EvidenceSettings(BaseSettings):
    """All that `verify` needs, which runs where neither database nor worker are.

    Read from the environment and `.env` in the working directory; the environment wins where it is not empty.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    # By name. The first seals evidence bundles, each of them checks: a bundle outlives its key's use by years.
    evidence_keys: Annotated[Mapping[str, SecretStr], NoDecode] = Field(default={}, repr=False)

    def __init__(self, _env_file: Path | None = Path(".env"), **given: Any) -> None:
        """`_env_file`: None for no file. Raises `UnreadableEnvFile`, OSError, or `pydantic.ValidationError`."""
        given[_ENV_FILE] = _env_file
        super().__init__(**given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What code gives, then the environment, then `.env`."""
        assert isinstance(init_settings, InitSettingsSource)
        return init_settings, env_settings, _EnvFile(settings_cls, init_settings.init_kwargs.pop(_ENV_FILE))

    @field_validator("evidence_keys", mode="before")
    @classmethod
    def _read_evidence_keys(cls, value: object) -> object:
        return read_keys(value) if isinstance(value, str) else value


# Whose value decides, where workers differ in the setting.
_PUBLISHER = "Whichever of them publishes an invoice decides."


class Settings(EvidenceSettings):
    """The settings of worker and commands. Every field stands in `.env.example`.

    `Agreed` marks those that all workers of a database must have alike, and says what depends on it: each worker has
    them on record, and contradictions are told (`worker/maintenance/agreement.py`). The others are a process's own.
    """

    database_url: str = Field(repr=False)
    # Session locks need a direct connection: set this when DATABASE_URL goes through a transaction-mode pooler.
    database_lock_url: str | None = Field(default=None, repr=False)
    redis_url: Annotated[str, Agreed("Workers tell each other of pauses and errors through it.")] = Field(repr=False)
    # A schema with views, named as in sql/billing/tables.sql, of a company's own tables; None: the tables are named so.
    billing_schema: Annotated[
        str | None, Agreed("Whichever takes a job reads the invoice in its own tables and writes the result there.")
    ] = Field(default=None, max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")

    sevdesk_api_token: Annotated[
        SecretStr | None, Agreed("Pauses that sevDesk asks for and its errors are told to workers with the same token.")
    ] = None
    sevdesk_base_url: Annotated[str, Agreed("Whichever takes a job decides which sevDesk it goes to.")] = (
        "https://my.sevdesk.de/api/v1"
    )
    # None: files that sevDesk links to, such as exports, are in the internet; only a network that reaches that storage
    # by an address of its own has to name it.
    sevdesk_file_hosts: Annotated[tuple[str, ...] | None, NoDecode] = None
    # RE for both: sevDesk refuses AR and ER outside tax rules 1 and 11 and outside EUR, and chains them by rules.
    sevdesk_invoice_type_ar: Annotated[SevdeskType, Agreed(_PUBLISHER)] = "RE"
    sevdesk_invoice_type_sr: Annotated[SevdeskType, Agreed(_PUBLISHER)] = "RE"

    # Off: it would tell sevDesk, who does not need it, which of its calls belong to one request of ours.
    sevdesk_traceparent: bool = False

    # Calls to sevDesk that may end in errors per hour, of all workers together. sevDesk may block a token that makes
    # many, and names no number (official FAQ). 200: normal work has a few a day, an outage a few for each waiting job.
    error_budget: Annotated[int, Agreed("They use one budget up together.")] = Field(default=200, ge=20, le=1_000_000)
    worker_max_jobs: int = Field(default=20, ge=1, le=500)
    person_job_limit: Annotated[JobLimit, NoDecode, Agreed("Whichever starts a job counts by its own.")] = JobLimit(
        20, 60.0
    )
    # By name, as in `kid` of the producer's token. Several, so that a new one can be in use before the old one goes.
    job_signing_keys: Annotated[
        Mapping[str, SecretStr], NoDecode, Agreed("Whichever reads an entry in Redis decides whether it is a job.")
    ] = Field(default={}, repr=False)
    # Per check (a problem code) park, warn or off, where it shall not be what `check_levels.DEFAULTS` says.
    check_levels: Annotated[Mapping[str, Level], NoDecode, Agreed(_PUBLISHER)] = {}
    # Days between an invoice's date and its publication. 90: what lies longer was forgotten, or its date is a slip.
    issue_date_max_age: Annotated[int, Agreed(_PUBLISHER)] = Field(default=90, ge=0, le=36_500)
    # So many invoices a payment sync may find deleted, cancelled, reversed or renumbered without asking a person. 20:
    # more than people change by hand between two runs. In a large book it is one per cent.
    mass_change_limit: Annotated[int, Agreed("Whichever runs the payment sync decides.")] = Field(
        default=20, ge=0, le=1_000_000
    )
    # Seconds between the two looks that must both find nothing before an invoice counts as deleted in sevDesk, or is
    # cancelled here only. 900: a fault or a wrong answer is over by then. 0: the first look decides.
    gone_after: Annotated[float, Agreed("The leader's decides when an invoice counts as deleted.")] = Field(
        default=900.0, ge=0, le=604_800
    )
    # deduct: the safe one, because the check then compares every advance; a Restrechnung shows none to compare.
    final_invoice_form: Annotated[FinalInvoiceForm, Agreed(_PUBLISHER)] = FinalInvoiceForm.DEDUCT
    # The day from which on e-invoices are a duty; None: off. FIRST_DAY, because the worker cannot know who is below
    # 800,000 EUR a year and has time until 2028-01-01; a warning in that year harms nobody.
    e_invoice_from: Annotated[date | None, Agreed(_PUBLISHER)] = FIRST_DAY
    # warn: whether all recipients have what an e-invoice needs, `readiness` tells; until then nothing shall stop.
    e_invoice_mode: Annotated[DutyMode, Agreed(_PUBLISHER)] = DutyMode.WARN
    # {kind} is Abschlagsrechnung or Schlussrechnung, {number} ours.
    document_header: Annotated[str, Agreed(_PUBLISHER)] = Field(default="{kind} {number}", min_length=1, max_length=200)
    # Off: numbers in order cost time, as invoices are then finalized one after the other, and no law asks for it
    # (§ 14 (4) no. 4 UStG: a number is given only once).
    publish_in_order: Annotated[bool, Agreed("The others draw numbers out of order.")] = False
    # Seconds after a write without an answer in which nothing is read or written about it. 45 = 30 for the write itself
    # (see write_timeout) and 15 more in which sevDesk may still commit it.
    write_quarantine: Annotated[
        float, Agreed("A write may take two thirds of it, and whoever takes its job over looks after the whole.")
    ] = Field(default=45.0, gt=0, le=3600)
    # Days for which ended jobs, their writes and payment syncs are kept; the 30 that are the least also stand in
    # sevdesk_clean_v1. Event log, documents and mails are kept for ever.
    retention_days: Annotated[int, Agreed("The leader deletes by its own.")] = Field(default=90, ge=30, le=36_500)
    # Seconds for running steps after SIGTERM. Longer than one write, shorter than Kubernetes' usual 60 s of grace.
    shutdown_grace: float = Field(default=35.0, ge=0, le=600)

    # All interfaces, because Prometheus usually runs on another machine. Without a port nothing listens.
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    metrics_host: str = "0.0.0.0"  # noqa: S104 - see above

    # OpenTelemetry's own names; its SDK reads its other variables, from the environment only. Its default is otlp; ours
    # none, because few have a collector, and what is not loaded costs nothing.
    otel_traces_exporter: Literal["none", "otlp"] = "none"
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    @field_validator("database_url", "database_lock_url", "redis_url")
    @classmethod
    def _read_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Checked here, because the libraries' own messages show the part of the password that they took for a port."""
        if value is None:
            return None
        _, sign, rest = value.partition("://")
        hosts = re.split("[/?#]", rest)[0].rpartition("@")[2].split(",")
        if not sign or not all(_HOST.fullmatch(host) for host in hosts):
            raise ValueError(REDIS_HINT if info.field_name == "redis_url" else POSTGRES_HINT)
        if info.field_name == "redis_url":
            _check_redis_files(read_redis_url(value))
        else:
            _check_postgres_files(read_postgres_url(value).given)
        return value

    @field_validator("sevdesk_base_url")
    @classmethod
    def _read_base_url(cls, value: str) -> str:
        if not _BASE_URL.fullmatch(value):
            raise ValueError("must be a URL like https://host/path, without account, ? and #")
        return value

    @field_validator("sevdesk_file_hosts", mode="before")
    @classmethod
    def _read_file_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
        if not all(_FILE_HOST.fullmatch(name) for name in names):
            raise ValueError("must be host names separated by commas, without https:// and port")
        return names

    @field_validator("person_job_limit", mode="before")
    @classmethod
    def _read_limit(cls, value: object) -> object:
        return read_job_limit(value) if isinstance(value, str) else value

    @field_validator("job_signing_keys", mode="before")
    @classmethod
    def _read_signing_keys(cls, value: object) -> object:
        return read_keys(value) if isinstance(value, str) else value

    @field_validator("e_invoice_from", mode="before")
    @classmethod
    def _read_day(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return None if value.strip() == "off" else date.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("must be a day such as 2027-01-01, or off") from None

    @field_validator("check_levels", mode="before")
    @classmethod
    def _read_levels(cls, value: object) -> object:
        return read_levels(value) if isinstance(value, str) else value

    @field_validator("document_header")
    @classmethod
    def _read_header(cls, value: str) -> str:
        others = re.sub(r"\{(kind|number)\}", "", value)
        if not value.isprintable() or "{number}" not in value or "{" in others or "}" in others:
            raise ValueError("must be one line that contains {number}; {kind} is the only other placeholder")
        return value

    @field_validator("sevdesk_api_token")
    @classmethod
    def _read_token(cls, value: SecretStr | None) -> SecretStr | None:
        """Blank means no token, like an empty variable. Refuses what an HTTP header cannot carry."""
        token = value.get_secret_value().strip() if value else ""
        if not re.fullmatch("[!-~]{0,200}", token):
            raise ValueError("must be up to 200 printable ASCII characters without blanks, as sevDesk shows it")
        return SecretStr(token) if token else None

    @model_validator(mode="after")
    def _check_environment(self) -> Self:
        """What httpx takes from the environment by itself, and what it would answer with a traceback."""
        if (fault := proxy_fault(self.proxies)) is not None:
            raise ValueError(fault.removesuffix("."))
        if path := os.environ.get("SSL_CERT_FILE"):
            check_authorities("SSL_CERT_FILE", path)
        elif path := os.environ.get("SSL_CERT_DIR"):
            check_folder("SSL_CERT_DIR", path)
        if path := os.environ.get("SSLKEYLOGFILE"):
            check_appendable("SSLKEYLOGFILE", path)
        return self

    @property
    def proxies(self) -> dict[str, str]:
        """HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, by https, http, all and no; small letters win."""
        return getproxies_environment()

    @property
    def write_timeout(self) -> float:
        """Seconds that one write may take in all; derived from the quarantine, which must be longer."""
        return self.write_quarantine * 2 / 3

    @property
    def lock_url(self) -> str:
        """The database URL for session locks."""
        return self.database_lock_url or self.database_url

    def agreed(self) -> dict[str, str]:
        """The settings that all workers must have alike, by name, as texts without secrets."""
        texts = {name: _shown(getattr(self, name.lower())) for name in AGREED}
        return texts | {"REDIS_URL": redis_place(self.redis_url)}


# Setting -> what depends on its being alike on all workers.
AGREED = {
    name.upper(): each.why
    for name, field in Settings.model_fields.items()
    for each in field.metadata
    if isinstance(each, Agreed)
}


def _shown(value: object) -> str:
    """As a text to compare; of a secret the first digits of its SHA-256."""
    if value is None or value == {}:
        return "none"
    match value:
        case SecretStr():
            return f"SHA-256 {hashlib.sha256(value.get_secret_value().encode()).hexdigest()[:8]}..."
        case JobLimit():
            return f"{value.jobs}/{value.seconds:g}"
        case Mapping():
            return ", ".join(f"{key}={_shown(each)}" for key, each in sorted(value.items()))
    return str(value)


def _check_postgres_files(options: Mapping[str, str]) -> None:
    """Of the URL or, as both drivers do, of the environment. Raises ValueError."""
    named = {
        name: options.get(name) or os.environ.get(f"PG{name.upper()}")
        for name in ("sslmode", "sslrootcert", "sslcrl", "sslcert", "sslkey")
    }
    if named["sslmode"] == "disable":
        return
    if named["sslrootcert"]:
        check_authorities("sslrootcert", named["sslrootcert"])
    if named["sslcrl"]:
        check_readable("sslcrl", named["sslcrl"])
    if named["sslcert"]:
        check_own(("sslcert", "sslkey"), named["sslcert"], named["sslkey"], options.get("sslpassword", ""))
    if named["sslkey"]:
        check_private("sslkey", named["sslkey"])


def _check_redis_files(options: Mapping[str, str]) -> None:
    """Raises ValueError."""
    if authorities := options.get("ssl_ca_certs"):
        check_authorities("ssl_ca_certs", authorities)
    if certificate := options.get("ssl_certfile"):
        check_own(("ssl_certfile", "ssl_keyfile"), certificate, options.get("ssl_keyfile"), "")

"""Files with certificates are looked at before any connection: a missing one would look like a server that is away."""

import os
from pathlib import Path

import certifi
import pytest
from pydantic import ValidationError

from worker.settings import Settings

GOOD = {"database_url": "postgresql://u:geheim@db/x", "redis_url": "redis://:geheim@h/0"}
# Where a file is named -> the option that the sentence must name; {} is the file.
PLACES = {
    "database_url=postgresql://u:geheim@db/x?sslmode=verify-full&sslrootcert={}": "sslrootcert",
    "database_lock_url=postgresql://u:geheim@db/x?sslmode=require&sslrootcert={}": "sslrootcert",
    "database_url=postgresql://u:geheim@db/x?sslcrl={}": "sslcrl",
    "database_url=postgresql://u:geheim@db/x?sslcert={}": "sslcert",
    "database_url=postgresql://u:geheim@db/x?sslcert=@&sslkey={}": "sslkey",
    "redis_url=rediss://:geheim@h/0?ssl_ca_certs={}": "ssl_ca_certs",
    "redis_url=rediss://:geheim@h/0?ssl_certfile={}": "ssl_certfile",
    "redis_url=rediss://:geheim@h/0?ssl_certfile=@&ssl_keyfile={}": "ssl_keyfile",
    "SSL_CERT_FILE={}": "SSL_CERT_FILE",
    "SSL_CERT_DIR={}": "SSL_CERT_DIR",
    "PGSSLROOTCERT={}": "sslrootcert",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own."""
    for name in [*os.environ]:
        if name.startswith(("PG", "SSL_CERT")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def refusal(place: str, path: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one sentence that Settings says about the file."""
    name, _, value = place.replace("@&", f"{certifi.where()}&").format(path).partition("=")
    if name.isupper():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, **GOOD | ({} if name.isupper() else {name: value}))  # type: ignore[arg-type]
    [error] = refused.value.errors(include_input=False)
    assert "geheim" not in error["msg"]
    return error["msg"]


@pytest.mark.parametrize("place", PLACES)
def test_missing_file_is_named(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its option, its path, and why it cannot be read."""
    said = refusal(place, f"{tmp_path}/none.pem", monkeypatch)
    assert f"{PLACES[place]} names {tmp_path}/none.pem, which cannot be read: No such file or directory" in said


@pytest.mark.parametrize("place", [place for place in PLACES if "SSL_CERT_DIR" not in place])
def test_folder_is_no_file(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder in the place of a file."""
    assert "cannot be read: Is a directory" in refusal(place, str(tmp_path), monkeypatch)


@pytest.mark.parametrize("place", [place for place in PLACES if "crl" not in place and "DIR" not in place])
def test_other_content_is_refused(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a certificate nor a key in PEM form."""
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
    said = refusal(place, f"{tmp_path}/x.pem", monkeypatch)
    assert "no certificates in PEM form" in said or "cannot be used together" in said


def test_unreadable_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of another user."""
    path = tmp_path / "ca.pem"
    path.write_text("secret")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read every file")
    assert "Permission denied" in refusal("SSL_CERT_FILE={}", str(path), monkeypatch)


def test_usable_files_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same places with real certificates; without TLS no file is looked at."""
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    Settings(
        _env_file=None,
        database_url=f"postgresql://db/x?sslmode=verify-full&sslrootcert={certifi.where()}",
        redis_url=f"rediss://h/0?ssl_ca_certs={certifi.where()}",
    )
    Settings(_env_file=None, **GOOD | {"database_url": "postgresql://db/x?sslmode=disable&sslrootcert=/none"})  # type: ignore[arg-type]

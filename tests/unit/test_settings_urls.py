"""Addresses: every form that the drivers take, and a hint instead of an echo for those that hide a password."""

import pytest
from pydantic import ValidationError

from worker.settings import Settings

REDIS, POSTGRES = "redis://127.0.0.1:6379/0", "postgresql://u:p@127.0.0.1/x"


def read(**changed: str) -> Settings:
    return Settings(_env_file=None, **{"database_url": POSTGRES, "redis_url": REDIS, **changed})  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "url",
    [
        POSTGRES,
        "postgres://db/x",
        "postgresql:///x?host=/run/postgresql&user=u",
        "postgresql://u:p%2F%3F%23%40%3A@db.example.com:5432/x?sslmode=require",
        "postgresql://u:p@one:5432,two:5433/x",
        "postgresql://u:p@[::1]:5432/x",
        "postgresql://u:p@ss@db/x",
    ],
)
def test_usable_postgres_urls_are_taken(url: str) -> None:
    """Sockets, several hosts, IPv6, and a password that is written as it should be."""
    assert read(database_url=url).database_url == url
    assert read(database_lock_url=url).lock_url == url


@pytest.mark.parametrize(
    "url",
    [REDIS, "rediss://:p@redis:6380/1?ssl_cert_reqs=none", "unix:///run/redis.sock?db=1", "redis://u:p@[::1]:1/0"],
)
def test_usable_redis_urls_are_taken(url: str) -> None:
    """TLS, sockets, accounts."""
    assert read(redis_url=url).redis_url == url


@pytest.mark.parametrize("name", ["database_url", "database_lock_url", "redis_url"])
@pytest.mark.parametrize("tail", ["a/geheim@h/x", "geheim#b@h/x", "a?geheim@h/x", "p@h:geheim/x", "p@[geheim/x"])
def test_broken_url_is_not_repeated(name: str, tail: str) -> None:
    """The name of the setting and how to write it, no part of it."""
    scheme = "redis" if name == "redis_url" else "postgresql"
    with pytest.raises(ValidationError) as problem:
        read(**{name: f"{scheme}://u:{tail}"})
    [error] = problem.value.errors(include_input=False)
    assert error["loc"] == (name,)
    assert "%2F" in error["msg"]
    assert "geheim" not in str(problem.value)


@pytest.mark.parametrize("url", ["https://my.sevdesk.de/api/v1", "http://127.0.0.1:8080", "http://[::1]:80/api/v1/"])
def test_usable_base_urls_are_taken(url: str) -> None:
    """The API's own, and a sandbox's."""
    assert read(sevdesk_base_url=url).sevdesk_base_url == url


@pytest.mark.parametrize(
    "url", ["foo", "my.sevdesk.de", "ftp://h/", "https:///api", "https://u:geheim@h", "http://h/?a", "http://h:x"]
)
def test_impossible_base_url_is_refused(url: str) -> None:
    """At the start and not at the first call, and without an account that was written into it."""
    with pytest.raises(ValidationError, match="must be a URL like https://host/path") as refused:
        read(sevdesk_base_url=url)
    assert "geheim" not in str(refused.value)


def test_port_of_metrics_is_a_port() -> None:
    """Unset means none; otherwise from 0 (any free one) to 65535."""
    assert read().metrics_port is None
    assert read(metrics_port="9464").metrics_port == 9464
    for port in ("65536", "-1", "x"):
        with pytest.raises(ValidationError):
            read(metrics_port=port)

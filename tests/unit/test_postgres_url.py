"""DATABASE_URL means the same to both drivers, and what one of them cannot keep is named."""

import asyncpg.connect_utils
import psycopg.conninfo
import pytest

from worker.domain.postgres_url import read_postgres_url

BASE = "postgresql://u:p@db:5433/x"
KEPT = [
    "user=v",
    "passfile=/etc/pass",
    "sslmode=require",
    "sslmode=verify-full&sslrootcert=/etc/ca.pem",
    "sslcert=/etc/c.pem&sslkey=/etc/k.pem&sslpassword=a%2Bb",
    "sslnegotiation=postgres",
    "ssl_min_protocol_version=TLSv1.3",
    "connect_timeout=7",
    "keepalives=1&keepalives_idle=10&keepalives_interval=3&keepalives_count=4&tcp_user_timeout=9000",
    "options=-c%20search_path%3Dx",
    "krbsrvname=postgres",
    "target_session_attrs=read-write",
    "channel_binding=prefer",
    "gssencmode=disable",
    "client_encoding=UTF8",
    "sslsni=1",
    "application_name=x",
    "fallback_application_name=x",
    "load_balance_hosts=disable",
    "ssl=true",
    "",
]
REFUSED = {
    "hostaddr=10.0.0.1": "hostaddr",
    "service=billing": "service",
    "sslcrldir=/etc/crl": "sslcrldir",
    "sslrootcert=system": "sslrootcert=system",
    "channel_binding=require": "channel_binding",
    "require_auth=scram-sha-256": "require_auth",
    "target_session_attrs=standby": "target_session_attrs",
    "target_session_attrs=prefer-standby": "target_session_attrs",
    "load_balance_hosts=random": "load_balance_hosts",
    "replication=database": "replication",
    "gssencmode=require": "gssencmode",
    "client_encoding=LATIN1": "client_encoding",
    "requirepeer=postgres": "requirepeer",
    "sslmode=sometimes": "sslmode",
    "connect_timeout=soon": "connect_timeout",
    "ssl_min_protocol_version=9": "ssl_min_protocol_version",
    "statement_timeout=5000": "options=-c%20statement_timeout",
    "poolsize=5": "poolsize",
    "sslmode": "name=value",
    "port=1,2,3": "one port for all hosts",
}


@pytest.mark.parametrize("query", KEPT)
def test_both_drivers_take_it(query: str) -> None:
    """libpq parses what it is given, asyncpg makes no setting of the server of it, and host and account agree."""
    address = read_postgres_url(f"{BASE}?{query}".rstrip("?"))
    libpq = psycopg.conninfo.conninfo_to_dict(psycopg.conninfo.make_conninfo(**address.for_libpq()))
    ours = address.for_asyncpg()
    assert (libpq["host"], libpq["port"], libpq["dbname"]) == ("db", "5433", "x")
    assert (ours["host"], ours["port"], ours["database"]) == (["db"], [5433], "x")
    assert libpq["user"] == ours["user"] and libpq["password"] == ours["password"]
    assert set(address.server_settings) <= {"options"}
    if "sslrootcert" not in query and "sslcert" not in query:
        _, parameters = asyncpg.connect_utils._parse_connect_dsn_and_args(
            **{"ssl": None, "direct_tls": None, "service": None, "servicefile": None, "passfile": None, "dsn": None,
               "server_settings": None, "target_session_attrs": None, "krbsrvname": None, "gsslib": None}
            | {name: value for name, value in ours.items() if name != "timeout"}
        )  # fmt: skip
        assert not parameters.server_settings


@pytest.mark.parametrize("query", REFUSED)
def test_what_cannot_be_kept_is_named(query: str) -> None:
    """One sentence with the option's name and without a password."""
    with pytest.raises(ValueError) as refused:
        read_postgres_url(f"postgresql://u:geheim@db,other/x?{query}" if "port=" in query else f"{BASE}?{query}")
    assert REFUSED[query] in str(refused.value) and "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "hosts", "account"),
    [
        ("postgresql://u:p@one:1,two:2/x", [("one", "1"), ("two", "2")], ("u", "p")),
        ("postgresql://u:p@one,two:2/x", [("one", ""), ("two", "2")], ("u", "p")),
        ("postgresql://u:p@one,two/x?port=7", [("one", "7"), ("two", "7")], ("u", "p")),
        ("postgresql://u:p@[::1]:5/x", [("::1", "5")], ("u", "p")),
        ("postgresql://u:p@%2Frun%2Fpg/x", [("/run/pg", "")], ("u", "p")),
        (
            "postgresql:///x?host=/run/pg,/run/other&port=5,6&user=u",
            [("/run/pg", "5"), ("/run/other", "6")],
            ("u", None),
        ),
        ("postgresql://u:p%2F%3F%23%40%25+@db/x", [("db", "")], ("u", "p/?#@%+")),
        ("postgresql://u:a@b@db/x", [("db", "")], ("u", "a@b")),
        ("postgres://db/x", [("db", "")], (None, None)),
        ("postgresql:///x", [], (None, None)),
    ],
)
def test_hosts_and_account_are_read(
    url: str, hosts: list[tuple[str, str]], account: tuple[str | None, str | None]
) -> None:
    """Sockets, several hosts, IPv6, and characters that asyncpg reads otherwise than libpq."""
    address = read_postgres_url(url)
    assert list(address.hosts) == hosts and address.database == "x"
    for given in (address.for_libpq(), address.for_asyncpg()):
        assert (given.get("user"), given.get("password")) == account


@pytest.mark.parametrize(
    "url", ["postgresql://u:1/geheim@h/x", "postgresql://u:1?a=geheim@h/x", "postgresql://u:1#geheim@h/x",
            "postgresql://u:100%geheim@h/x", "mysql://u:geheim@h/x", "postgresql:u:geheim"],
)  # fmt: skip
def test_unencoded_passwords_are_hinted_at(url: str) -> None:
    """Also where what precedes the character looks like a port."""
    with pytest.raises(ValueError, match="are written %2F") as refused:
        read_postgres_url(url)
    assert "geheim" not in str(refused.value)


def test_timeout_holds_for_all_hosts() -> None:
    """libpq waits that long for each host, asyncpg for all together; 0 is no limit to libpq."""
    assert read_postgres_url("postgresql://a,b/x?connect_timeout=7").for_asyncpg()["timeout"] == 14.0
    assert "timeout" not in read_postgres_url("postgresql://a/x?connect_timeout=0").for_asyncpg()

"""What DATABASE_URL says, read once for both drivers: asyncpg (the worker) and libpq (`migrate`). Pure.

asyncpg takes a URL option that it does not know for a setting of the server, reads `+` as a blank, and ends the account
at the first `@`; libpq does none of that. So neither of them is given the URL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Options of libpq that both drivers understand alike.
_COMMON = frozenset({
    "user", "password", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword",
    "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib",
})  # fmt: skip
# Those that asyncpg takes in its URL only.
_IN_URL = frozenset({
    "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version",
})  # fmt: skip
# Whole numbers. asyncpg does not know them; they are set on the socket (`worker/store/address.py`).
KEEPALIVES = ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
_NUMBERS = frozenset({"connect_timeout", *KEEPALIVES})
# Options of libpq that asyncpg has not, with the values that change nothing about its way.
_ONLY_THIS = {
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "channel_binding": ("prefer", "disable"),
    "gssencmode": ("prefer", "disable"),
    "gssdelegation": ("0",),
    "load_balance_hosts": ("disable",),
    "replication": ("false", "off", "no", "0"),
    "require_auth": ("",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0", "1"),
    "sslsni": ("1",),
    # The worker writes, so it wants a server that can, whichever of these the URL says.
    "target_session_attrs": ("any", "read-write", "primary"),
}
# The worker names its sessions itself, and `status` finds them by these names.
_NOT_USED = frozenset({"application_name", "fallback_application_name"})
# Options of libpq that asyncpg cannot keep at all, with what to write instead.
_NO = {
    "hostaddr": "write the address in the place of the host",
    "service": "write host, user and database into the URL",
    "servicefile": "write host, user and database into the URL",
    "sslcrldir": "name one file by sslcrl",
}
_OTHERS_OF_LIBPQ = frozenset({
    "requirepeer", "sslkeylogfile", "min_protocol_version", "max_protocol_version", "scram_client_key",
    "scram_server_key", "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope",
})  # fmt: skip
_VALUES = {
    "sslmode": SSL_MODES,
    "sslnegotiation": ("postgres", "direct"),
    "gsslib": ("gssapi",),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
}
HINT = (
    "must be a URL like postgresql://user:password@host:port/name; "
    "in the password / ? # @ : and % are written %2F %3F %23 %40 %3A %25"
)


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """`hosts`: names, addresses or folders of sockets, each with its port or an empty string; none means the default.

    `given`: the other options, by libpq's names.
    """

    hosts: tuple[tuple[str, str], ...]
    database: str | None
    given: Mapping[str, str] = field(repr=False)

    def for_libpq(self) -> dict[str, Any]:
        """Arguments of `psycopg.connect`."""
        hosts, ports = (",".join(each) for each in zip(*self.hosts, strict=True)) if self.hosts else ("", "")
        named = {"host": hosts, "port": ports.strip(",") and ports, "dbname": self.database}
        return {**self.given, **{name: value for name, value in named.items() if value}}

    def for_asyncpg(self) -> dict[str, Any]:
        """Arguments of `asyncpg.connect`."""
        found: dict[str, Any] = {name: value for name, value in self.given.items() if name in _COMMON - _IN_URL}
        if self.hosts:
            found["host"] = [host for host, _ in self.hosts]
            if any(port for _, port in self.hosts):
                found["port"] = [int(port or 5432) for _, port in self.hosts]
        if self.database:
            found["database"] = self.database
        if tls := [f"{name}={quote(self.given[name], safe='')}" for name in sorted(_IN_URL & self.given.keys())]:
            found["dsn"] = "postgresql://?" + "&".join(tls)
        if (seconds := int(self.given.get("connect_timeout", "0"))) > 0:
            found["timeout"] = float(seconds * max(len(self.hosts), 1))  # libpq's is for each host
        return found

    @property
    def server_settings(self) -> dict[str, str]:
        """Settings that the server is told at the start of a session."""
        return {"options": self.given["options"]} if self.given.get("options") else {}

    @property
    def keepalive(self) -> dict[str, int]:
        """What the URL says of the socket, by libpq's names."""
        return {name: int(self.given[name]) for name in KEEPALIVES if name in self.given}


def read_postgres_url(url: str) -> PostgresUrl:
    """Raises ValueError with a sentence part that shows nothing of a password."""
    scheme, sign, rest = url.partition("://")
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    if not sign or scheme not in ("postgresql", "postgres") or "#" in rest or "@" in path + query:
        raise ValueError(HINT)
    if re.search("%(?![0-9A-Fa-f]{2})", rest):
        raise ValueError(f"{HINT}; there is a % without two digits")
    account, _, places = authority.rpartition("@")
    user, _, password = account.partition(":")
    options = {"user": unquote(user), "password": unquote(password), **_read_query(query)}
    hosts = _hosts(places, options.pop("host", ""), options.pop("port", ""))
    database = options.pop("dbname", "") or unquote(path)
    return PostgresUrl(hosts, database or None, {name: value for name, value in options.items() if value})


def _read_query(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, sign, value = part.partition("=")
        name, value = unquote(name), unquote(value)
        if name == "ssl" and value == "true":  # as JDBC writes it; libpq takes it in a URL
            name, value = "sslmode", "require"
        if not sign or not re.fullmatch("[a-z_]+", name):
            raise ValueError("has an option that is not written name=value")
        if _is_kept(name, value):
            found[name] = value
    return found


def _is_kept(name: str, value: str) -> bool:
    """False for an option that changes nothing. Raises ValueError for one that cannot be kept."""
    if name in _NO:
        raise ValueError(f"has the option {name}, which the worker's driver does not know; {_NO[name]}")
    if name in _ONLY_THIS:
        if value not in _ONLY_THIS[name]:
            raise ValueError(f"has an option {name} with a value that the worker's driver cannot keep; leave it out")
        return False
    if name in _NUMBERS and not re.fullmatch("-?[0-9]{1,9}", value):
        raise ValueError(f"has an option {name} that is no whole number")
    if name in _VALUES and value not in _VALUES[name]:
        raise ValueError(f"has an option {name} that is none of {', '.join(_VALUES[name])}")
    if name == "sslrootcert" and value == "system":
        raise ValueError("has the option sslrootcert=system; name the file of the certificate authorities")
    if name in _OTHERS_OF_LIBPQ:
        raise ValueError(f"has the option {name}, which the worker's driver does not know; leave it out")
    if name not in _COMMON | _NUMBERS | _NOT_USED | {"host", "port", "dbname", "options"}:
        raise ValueError(
            f"has the option {name}, which Postgres' client library does not know; "
            f"if it is a setting of the server, write options=-c%20{name}%3D..."
        )
    return name not in _NOT_USED


def _hosts(places: str, host: str, port: str) -> tuple[tuple[str, str], ...]:
    """Of the URL's authority or, where that is empty, of the options."""
    if places:
        each = (re.fullmatch(r"(\[[^\]]*\]|[^:]*):?([0-9]*)", place) for place in places.split(","))
        found = [(match[1].strip("[]"), match[2]) if match else ("", "") for match in each]
        hosts, ports = [unquote(name) for name, _ in found], [number for _, number in found]
    else:
        hosts, ports = host.split(",") if host else [], []
    if port:
        ports = port.split(",")
    if len(ports) == 1:
        ports *= max(len(hosts), 1)
    ports = ports or [""] * len(hosts)
    hosts = hosts or [""] * len(ports)
    if len(hosts) != len(ports) or not all(re.fullmatch("[0-9]{0,5}", number) for number in ports):
        raise ValueError("must have one port for all hosts, or one for each")
    if len(hosts) > 1 and not all(hosts):
        raise ValueError("has an empty name in its list of hosts")
    if not any(hosts) and any(ports):
        raise ValueError("has a port without a host")
    return tuple(zip(hosts, ports, strict=True)) if any(hosts) else ()

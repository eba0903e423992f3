"""Which REDIS_URL the worker can work with. Pure.

redis-py takes an option that it does not know for an argument of its connection, lets options replace the worker's
time-outs, and takes a database that is no number for 0 (all measured, 5.3.1).
"""

import re
from urllib.parse import parse_qsl, urlsplit

_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_ACCOUNT_OPTIONS = ("username", "password")  # redis-py's form for sockets
_CERT_REQS = ("none", "optional", "required")
_SENTINEL = re.compile(r"(redis\+|redis-)?sentinel")
_CLUSTER = re.compile(r"(redis\+|redis-|redis)?cluster")
HINT = (
    "must be a URL like redis://user:password@host:port/name; "
    "in the password / ? # @ : and % are written %2F %3F %23 %40 %3A %25"
)


def read_redis_url(url: str) -> dict[str, str]:
    """The URL's options. Raises ValueError with a sentence part that shows nothing of a password."""
    scheme, sign, rest = url.partition("://")
    if sign and _SENTINEL.fullmatch(scheme):
        raise ValueError("names a Redis Sentinel, which is not supported; name one server, or a proxy that follows it")
    if sign and _CLUSTER.fullmatch(scheme):
        raise ValueError("names a Redis Cluster, which is not supported; name one server that is no part of a cluster")
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    if not sign or scheme not in ("redis", "rediss", "unix") or "#" in rest or "@" in path + query:
        raise ValueError(HINT)
    if re.search("%(?![0-9A-Fa-f]{2})", rest):
        raise ValueError(f"{HINT}; there is a % without two digits")
    if "," in authority.rpartition("@")[2]:
        raise ValueError("names several servers; the worker uses one")
    if scheme == "unix" and not path:
        raise ValueError("must be unix:///path/of/the/socket")
    if scheme != "unix" and not re.fullmatch("[0-9]{0,9}", path):
        raise ValueError("must end with the number of a database, such as /0; Redis has no database names")
    return _options(query, tls=scheme == "rediss")


def _options(query: str, *, tls: bool) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in ("db", *_ACCOUNT_OPTIONS, *_TLS_OPTIONS):
            known = ", ".join(("db", *_TLS_OPTIONS))
            shown = name if re.fullmatch("[a-z_]{1,40}", name) else "that it does not know"
            raise ValueError(f"has an option {shown}; the worker takes {known}, and sets all others itself")
        if name in _TLS_OPTIONS and not tls:
            raise ValueError(f"has the option {name}, which is for rediss:// only")
        if name == "db" and not re.fullmatch("[0-9]{1,9}", value):
            raise ValueError("has an option db that is no number; Redis has no database names")
        if name == "ssl_cert_reqs" and value not in _CERT_REQS:
            raise ValueError(f"has an option ssl_cert_reqs that is none of {', '.join(_CERT_REQS)}")
        if name == "ssl_check_hostname" and value.lower() not in ("true", "false"):
            raise ValueError("has an option ssl_check_hostname that is neither true nor false")
    if options.get("ssl_cert_reqs") == "none" and options.get("ssl_check_hostname", "").lower() == "true":
        raise ValueError("has ssl_check_hostname=true with ssl_cert_reqs=none, which checks no name")
    return options


def redis_place(url: str) -> str:
    """Server and database of a URL that can be read, without account and options: HOST:PORT/0."""
    parts, options = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
    database = options.get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/")) or "0"
    server = parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    return f"{server}/{database}"


def checks_hostname(options: dict[str, str]) -> bool:
    """Whether the certificate must be for the host, where the URL does not say: redis-py's default is no."""
    return options.get("ssl_cert_reqs") != "none"

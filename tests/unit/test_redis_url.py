"""REDIS_URL: what the client library would misread, or the worker cannot work with, is refused with its cause."""

import pytest

from worker.domain.redis_url import read_redis_url
from worker.queue.redis_client import tls_options

REFUSED = {
    "sentinel://h:26379/mymaster": "Sentinel",
    "redis+sentinel://:geheim@h:26379/mymaster/0": "Sentinel",
    "redis-sentinel://h/0": "Sentinel",
    "redis+cluster://h/0": "Cluster",
    "http://h/0": "must be a URL like redis://",
    "h:6379": "must be a URL like redis://",
    "redis://a,b/0": "several servers",
    "redis://:geheim@h/billing": "number of a database",
    "redis://:geheim@h?db=billing": "no database names",
    "redis://:geheim@h/0?decode_responses=True": "decode_responses",
    "redis://:geheim@h/0?socket_timeout=60": "socket_timeout",
    "redis://:geheim@h/0?max_connections=1": "max_connections",
    "redis://h/0?GEHEIM-geheim=1": "that it does not know",
    "redis://h/0?ssl_ca_certs=/etc/ca.pem": "for rediss:// only",
    "rediss://h/0?ssl_cert_reqs=maybe": "none of none, optional, required",
    "rediss://h/0?ssl_check_hostname=2": "neither true nor false",
    "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=true": "checks no name",
    "redis://:1/geheim@h/0": "are written %2F",
    "redis://:1#geheim@h/0": "are written %2F",
    "redis://:1?geheim@h/0": "are written %2F",
    "redis://:100%geheim@h/0": "a % without two digits",
    "unix://": "path/of/the/socket",
}


@pytest.mark.parametrize("url", REFUSED)
def test_unusable_url_is_refused(url: str) -> None:
    """With the cause, and without the password."""
    with pytest.raises(ValueError) as refused:
        read_redis_url(url)
    assert REFUSED[url] in str(refused.value)
    assert "geheim" not in str(refused.value).lower()


@pytest.mark.parametrize(
    ("url", "checked"),
    [("redis://h", {}), ("unix:///s?db=1", {}), ("rediss://h", {"ssl_check_hostname": True}),
     ("rediss://h?ssl_cert_reqs=none", {"ssl_check_hostname": False})],
)  # fmt: skip
def test_certificate_must_be_for_the_host(url: str, checked: dict[str, bool]) -> None:
    """Unless the URL says that none is looked at."""
    assert tls_options(url) == checked

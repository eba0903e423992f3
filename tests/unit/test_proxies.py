"""Which proxy a request goes through: every spelling of NO_PROXY, and proxies that cannot be used."""

import pytest

from worker.domain.proxies import proxy_fault, proxy_for

PROXY = "http://user:geheim@proxy:3128"
HOST = "my.sevdesk.de"


@pytest.mark.parametrize(
    "no_proxy",
    [HOST, "sevdesk.de", ".sevdesk.de", "*.sevdesk.de", "MY.SevDesk.de", "a.example, my.sevdesk.de", "a my.sevdesk.de",
     "*", "my.sevdesk.de:443", "https://my.sevdesk.de", "sevdesk.de.", "x,,my.sevdesk.de,"],
)  # fmt: skip
def test_no_proxy_spares_the_host(no_proxy: str) -> None:
    """Names, domains, stars, ports, blanks and capitals, as curl and others write them."""
    assert proxy_for({"https": PROXY, "no": no_proxy}, "https", HOST, 443) is None


@pytest.mark.parametrize(
    "no_proxy", ["", "ysevdesk.de", "sevdesk", "my.sevdesk.de:80", "10.0.0.0/8", "evil.my.sevdesk.de"]
)
def test_other_names_do_not_spare_it(no_proxy: str) -> None:
    """Nothing that only looks alike."""
    assert proxy_for({"https": PROXY, "no": no_proxy}, "https", HOST, 443) == PROXY


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [("10.0.0.0/8", "10.1.2.3"), ("10.1.2.3", "10.1.2.3"), ("::1", "::1"), ("[::1]:8080", "::1"),
     ("fd00::/8", "fd00::5"), ("localhost", "localhost")],
)  # fmt: skip
def test_no_proxy_knows_addresses(no_proxy: str, host: str) -> None:
    """Single ones, networks, and IPv6 with and without brackets."""
    assert proxy_for({"all": PROXY, "no": no_proxy}, "http", host, 8080) is None


def test_scheme_decides_before_all() -> None:
    """HTTPS_PROXY is for https; ALL_PROXY for what has none of its own; a proxy without a scheme is an HTTP one."""
    proxies = {"https": "proxy:1", "all": "http://proxy:2"}
    assert proxy_for(proxies, "https", HOST, 443) == "http://proxy:1"
    assert proxy_for(proxies, "http", HOST, 80) == "http://proxy:2"


@pytest.mark.parametrize(
    ("name", "url"),
    [("all", "socks5://user:geheim@proxy:1080"), ("all", "socks5h://proxy"), ("https", "SOCKS4://proxy"),
     ("https", "ftp://user:geheim@proxy"), ("http", "http://user:ge/heim@proxy"), ("https", "http://proxy:geheim"),
     ("https", "http://")],
)  # fmt: skip
def test_unusable_proxy_is_named(name: str, url: str) -> None:
    """By its variable, and without its account; unless NO_PROXY=* switches all proxies off."""
    said = proxy_fault({name: url})
    assert said is not None and said.startswith(f"{name.upper()}_PROXY ") and "heim" not in said
    assert proxy_fault({name: url, "no": "*"}) is None


@pytest.mark.parametrize("url", [PROXY, "proxy", "proxy:3128", "https://proxy:3128/", "http://[::1]:3128"])
def test_usable_proxy_is_taken(url: str) -> None:
    """HTTP proxies, with and without scheme, account and port."""
    assert proxy_fault({"https": url}) is None

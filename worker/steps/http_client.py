"""The HTTP client for sevDesk: which certificates it trusts, and which proxy each host is reached through."""

import ssl
from collections.abc import Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from worker.domain.proxies import proxy_for

KEEPALIVE_SECONDS = 5
_PORTS = {"http": 80, "https": 443}


def open_http(proxies: Mapping[str, str], *, seconds: float, connections: int = 20) -> httpx.AsyncClient:
    """`proxies`: as the settings tell them. `seconds`: the time-out of each part of a request."""
    # As many connections as there may be jobs with a call, so that no call waits for one. They stay open between a
    # job's calls, because a TLS handshake takes as long as a read, but no longer: if the server closes one during a
    # write, the write is in quarantine. HTTP/1.1 for the same reason: one broken HTTP/2 connection would leave the
    # outcome of every write on it unknown.
    limits = httpx.Limits(max_connections=connections, keepalive_expiry=KEEPALIVE_SECONDS)
    # No cookie is kept: the token says who calls, and a server that sets many would soon refuse our long headers.
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(transport=_ByProxy(proxies, limits), timeout=seconds, trust_env=False, cookies=cookies)


class _ByProxy(httpx.AsyncBaseTransport):
    """A transport for each proxy in use. httpx's own choice understands a part of NO_PROXY only (0.28)."""

    def __init__(self, proxies: Mapping[str, str], limits: httpx.Limits) -> None:
        self._proxies, self._limits = proxies, limits
        self._ways: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        proxy = proxy_for(self._proxies, url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0))
        if proxy not in self._ways:
            self._ways[proxy] = httpx.AsyncHTTPTransport(verify=trusted(), limits=self._limits, proxy=proxy)
        return await self._ways[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


@cache
def trusted() -> ssl.SSLContext:
    """The trusted certificates, SSL_CERT_FILE or SSL_CERT_DIR before the package's own; reading them is slow."""
    return httpx.create_ssl_context()

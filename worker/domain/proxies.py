"""Which proxy a request goes through, as the environment says. Pure."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_PROXY = re.compile(r"https?://([^\s/?#@]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")


def proxy_fault(proxies: Mapping[str, str]) -> str | None:
    """A sentence about a proxy that cannot be used, without its account. `proxies`: by https, http, all and no."""
    if "*" in _names(proxies.get("no", "")):
        return None
    for name in ("https", "http", "all"):
        said = _with_scheme(proxies.get(name, ""))
        if said.lower().startswith("socks"):
            return (
                f"{name.upper()}_PROXY is a SOCKS proxy, which is not supported. "
                "Set HTTPS_PROXY=http://host:port, or unset it for the worker."
            )
        if said and not _PROXY.fullmatch(said):
            return (
                f"{name.upper()}_PROXY must be a URL like http://user:password@host:port; "
                "in the password / ? # @ and % are written %2F %3F %23 %40 %25."
            )
    return None


def proxy_for(proxies: Mapping[str, str], scheme: str, host: str, port: int) -> str | None:
    """The proxy's URL; None to connect directly."""
    if any(_spares(name, host.lower(), port) for name in _names(proxies.get("no", ""))):
        return None
    return _with_scheme(proxies.get(scheme) or proxies.get("all") or "") or None


def _with_scheme(said: str) -> str:
    return said if "://" in said or not said else f"http://{said}"


def _names(no_proxy: str) -> list[str]:
    """Separated by commas or blanks, as curl reads it."""
    return [name.lower() for name in re.split(r"[,\s]+", no_proxy) if name]


def _spares(name: str, host: str, port: int) -> bool:
    """Whether a part of NO_PROXY names the host: *, a name and its subdomains, .name, *.name, an address, a network.

    A port, or a scheme before it, may be part of it.
    """
    if name == "*":
        return True
    name = urlsplit(name).netloc if "://" in name else name
    if (match := re.fullmatch(r"(\[[0-9a-f:.%]+\]|[^:]+):([0-9]{1,5})", name)) is not None:
        if int(match[2]) != port:
            return False
        name = match[1]
    name = name.strip("[]").removeprefix("*").lstrip(".").rstrip(".")
    try:
        return ip_address(host.strip("[]")) in ip_network(name, strict=False)
    except ValueError:
        return bool(name) and (host == name or host.endswith(f".{name}"))

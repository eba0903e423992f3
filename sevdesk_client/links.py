"""Where a link in an answer may lead: to sevDesk's own address, or by https to one in the internet or a named host."""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Place(NamedTuple):
    """Where an address leads."""

    scheme: str
    host: str
    port: int | None


async def fault(there: Place, own: Place, seconds: float, named: Collection[str] = ()) -> str | None:
    """Why the link is not fetched; None if it may be. `named`: hosts that need no public address, as `is_named` says.

    A name that cannot be resolved here may be fetched, because a proxy may resolve it. That a name resolves differently
    a moment later is harmless as long as no server inside has a certificate for it.
    """
    if there.host and there == own:
        return None
    if not there.host or there.scheme != "https":
        return "the link is not https"
    if is_named(there.host, named):
        return None
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().getaddrinfo(there.host, there.port or 443, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return None
    inside = not all(_is_public(ipaddress.ip_address(str(address[0]).partition("%")[0])) for *_, address in found)
    return f"the link leads to {there.host}, whose address is not public" if inside else None


def is_named(host: str, named: Collection[str]) -> bool:
    """Whether the host is in the list, or ends with a name of it that begins with a dot."""
    return any(host == name or (name.startswith(".") and host.endswith(name)) for name in named)


def _is_public(address: Address) -> bool:
    """An address of the internet, also where an IPv4 address is inside an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast

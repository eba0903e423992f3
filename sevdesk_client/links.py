"""Where a link in an answer may lead: to sevDesk's own address, or by https to one in the internet."""

import asyncio
import ipaddress
import socket
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Place(NamedTuple):
    """Where an address leads."""

    scheme: str
    host: str
    port: int | None


async def fault(there: Place, own: Place, seconds: float) -> str | None:
    """Why the link is not fetched; None if it may be.

    A name that cannot be resolved here may be fetched, because a proxy may resolve it. That a name resolves differently
    a moment later is harmless as long as no server inside has a certificate for it.
    """
    if there.host and there == own:
        return None
    if not there.host or there.scheme != "https":
        return "the link is not https"
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().getaddrinfo(there.host, there.port or 443, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return None
    inside = not all(_is_public(ipaddress.ip_address(str(address[0]).partition("%")[0])) for *_, address in found)
    return "the link leads to an address that is not public" if inside else None


def _is_public(address: Address) -> bool:
    """An address of the internet, also where an IPv4 address is inside an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast

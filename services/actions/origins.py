"""Where a request came from, as coarsely as counting and defence need it: a network, never an address."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from shared.web.clients import is_ours

IPV4_BITS = 24
IPV6_BITS = 48
ADDRESSES_REMEMBERED_MAX = 4096


@dataclass(frozen=True, slots=True)
class Origin:
    """`network` is an IPv4 /24 or IPv6 /48 in CIDR form; absent for proxies of ours and where it cannot be told."""

    network: str | None = None


NOWHERE = Origin()


def origin_of(scope: Scope, own: tuple[IPv4Network | IPv6Network, ...]) -> Origin:
    """The network of whoever asks. What proxies of ours ask for themselves has none: they are not one crowd."""
    return NOWHERE if is_ours(scope, own) else _origin((scope.get("client") or ("",))[0])


@lru_cache(maxsize=ADDRESSES_REMEMBERED_MAX)
def _origin(client: str) -> Origin:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return NOWHERE
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = IPV4_BITS if isinstance(address, IPv4Address) else IPV6_BITS
    return Origin(str(ip_network((str(address), bits), strict=False)))

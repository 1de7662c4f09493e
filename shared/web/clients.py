"""Who is asking, as far as counting goes: an address, or of IPv6 the network that one household or machine is given.

uvicorn puts the true client into the scope: whom a proxy of `W4R_TRUSTED_PROXIES` tells of, or else who connected.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from socket import AF_INET6, inet_pton

from starlette.types import Scope

ADDRESS_CHARACTERS_MAX = 64
ADDRESSES_REMEMBERED_MAX = 4096
MAPPED_IPV4 = bytes(10) + b"\xff\xff"
NETWORK_BYTES = 8

Client = str | bytes


def client_of(scope: Scope) -> Client:
    """The same for all addresses of one IPv6 /64, and for an IPv4 address however it is written."""
    address: str = (scope.get("client") or ("",))[0]
    if ":" not in address:
        return address[:ADDRESS_CHARACTERS_MAX]
    try:
        packed = inet_pton(AF_INET6, address.partition("%")[0])
    except OSError:
        return address[:ADDRESS_CHARACTERS_MAX]
    if packed.startswith(MAPPED_IPV4):
        return ".".join(map(str, packed[len(MAPPED_IPV4) :]))
    return packed[:NETWORK_BYTES]


def is_ours(scope: Scope, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether a trusted proxy asks for itself, and not on somebody's behalf."""
    return bool(trusted) and _is_within((scope.get("client") or ("",))[0], trusted)


@lru_cache(maxsize=ADDRESSES_REMEMBERED_MAX)
def _is_within(client: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in networks)


def trusted_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Of a comma separated list, what is an address or network. `*` trusts what every proxy says, and names none."""
    networks = []
    for part in text.split(","):
        try:
            networks.append(ip_network(part.strip(), strict=False))
        except ValueError:
            continue
    return tuple(networks)

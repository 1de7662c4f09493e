"""What a rule may be about: a network, a mailbox or a mail domain, each in the one spelling that is looked up."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from email_validator import EmailNotValidError, validate_email

from services.actions.mailboxes import canonical_mailbox
from services.actions.origins import IPV4_BITS, IPV6_BITS

# Larger ones are a slip of the hand: they shut out a country.
BITS_MIN = {4: 8, 6: 16}
BITS_MAX = {4: IPV4_BITS, 6: IPV6_BITS}
VALUE_CHARACTERS_MAX = 254


class RuleKind(StrEnum):
    NETWORK = "network"
    MAILBOX = "mailbox"
    DOMAIN = "domain"


class Verdict(StrEnum):
    """`allow` beats `block`, and lifts the limits on networks and mailboxes."""

    BLOCK = "block"
    ALLOW = "allow"


def read_value(kind: RuleKind, text: str) -> str:
    """The value as it is looked up. Raises `ValueError` with words for whoever typed it."""
    match kind:
        case RuleKind.NETWORK:
            return str(read_network(text.strip()))
        case RuleKind.MAILBOX:
            return canonical_mailbox(_checked_mailbox(text.strip()))
        case RuleKind.DOMAIN:
            return read_domain(text.strip())


def read_network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("A network, such as 203.0.113.0/24 or 2001:db8:5::/48.") from None
    least, most = BITS_MIN[network.version], BITS_MAX[network.version]
    if network.prefixlen > most:
        known = network.supernet(new_prefix=most)
        raise ValueError(f"Nobody is known more closely than by their /{most}. Write {known} to mean all of it.")
    if network.prefixlen < least:
        raise ValueError(f"That is too many people at once. The largest network that can be named is a /{least}.")
    return network


def read_domain(text: str) -> str:
    """As the canonical mailboxes of its people hold it. It may be typed in Unicode or IDNA, or with an @ before it."""
    mailbox = _checked_mailbox(f"somebody@{text.removeprefix('@')}", "A mail domain, such as mail.example.")
    return domain_of(canonical_mailbox(mailbox))


def domain_of(mailbox: str) -> str:
    return mailbox.rpartition("@")[2]


def _checked_mailbox(text: str, message: str = "An email address, such as name@mail.example.") -> str:
    try:
        # As requests are read, so that both come to the same spelling.
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError(message) from None

"""Which actions staff mean when they invalidate in bulk: a network, a mailbox domain, words, and always a time."""

from datetime import datetime
from ipaddress import IPv4Network, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import ColumnElement, or_
from sqlmodel import col

from services.actions.origins import IPV4_BITS, IPV6_BITS
from services.actions.tables import Action

PATTERN_CHARACTERS_MIN, PATTERN_CHARACTERS_MAX = 3, 200
NETWORKS_MAX = 256

Condition = ColumnElement[bool]


def _network(text: str) -> str:
    """In CIDR form. Raises `ValueError` for what is none, and for more than `NETWORKS_MAX` of those that are kept."""
    network = ip_network(text.strip(), strict=False)
    bits = _bits_kept(network)
    if 2 ** max(0, bits - network.prefixlen) > NETWORKS_MAX:
        raise ValueError("too wide: at most a /16 of IPv4 or a /40 of IPv6")
    return str(network)


def _domain(text: str) -> str:
    return text.lower().removeprefix("@")


Words = Annotated[str, StringConstraints(strip_whitespace=True)]


class Criteria(BaseModel):
    """All that is given must hold. One of network, mailbox domain and pattern is given, and the time always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accepted_from: AwareDatetime
    accepted_to: AwareDatetime = Field(description="up to this time, itself not included")
    network: Annotated[Words, Field(max_length=50), AfterValidator(_network)] | None = Field(
        default=None, description="CIDR; narrower than an IPv4 /24 or IPv6 /48 is widened to it: that is what we keep"
    )
    mailbox_domain: (
        Annotated[Words, Field(max_length=253, pattern=r"^@?[^\s@]+\.[^\s@]+$"), AfterValidator(_domain)] | None
    ) = None
    pattern: Annotated[Words, Field(min_length=PATTERN_CHARACTERS_MIN, max_length=PATTERN_CHARACTERS_MAX)] | None = (
        Field(default=None, description="these characters, in whatever case, in the name, the subject or the letter")
    )
    case: Annotated[Words, Field(max_length=100)] | None = Field(default=None, description="the case's slug")

    @model_validator(mode="after")
    def _is_narrow(self) -> Self:
        if not (self.network or self.mailbox_domain or self.pattern):
            raise ValueError("Give a network, a mailbox domain or a pattern: time alone would hit everybody.")
        if self.accepted_from >= self.accepted_to:
            raise ValueError("The stretch of time ends before it begins.")
        return self


def conditions_of(criteria: Criteria) -> list[Condition]:
    """As conditions on `action`, of actions that nothing has invalidated or cancelled yet."""
    conditions: list[Condition] = [
        col(Action.accepted_at) >= criteria.accepted_from,
        col(Action.accepted_at) < criteria.accepted_to,
        col(Action.invalidation_id).is_(None),
        col(Action.cancelled_at).is_(None),
    ]
    if criteria.case:
        conditions.append(col(Action.case_slug) == criteria.case)
    if criteria.network:
        conditions.append(col(Action.network).in_(networks_kept(criteria.network)))
    if criteria.mailbox_domain:
        conditions.append(col(Action.supporter_email).iendswith(f"@{criteria.mailbox_domain}", autoescape=True))
    if criteria.pattern:
        # The database lowers both sides: it may not know the cases of every script, and then they are alike at least.
        places = (col(Action.supporter_name), col(Action.letter_subject), col(Action.letter_body))
        conditions.append(or_(*(place.icontains(criteria.pattern, autoescape=True) for place in places)))
    return conditions


def networks_kept(cidr: str) -> list[str]:
    """The networks of the size we keep that make up this one, or the one that holds it."""
    network = ip_network(cidr)
    bits = _bits_kept(network)
    if network.prefixlen >= bits:
        return [str(network.supernet(new_prefix=bits))]
    return [str(part) for part in network.subnets(new_prefix=bits)]


def end_of(criteria: Criteria, now: datetime) -> Criteria:
    """The same, ended by now: what comes in while it is worked off is not meant."""
    return criteria.model_copy(update={"accepted_to": min(criteria.accepted_to, now)})


def _bits_kept(network: object) -> int:
    return IPV4_BITS if isinstance(network, IPv4Network) else IPV6_BITS

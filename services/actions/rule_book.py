"""The rules of one moment, arranged so that a request is judged by a few look-ups. Pure: no clock, no database."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network

from services.actions.rule_values import RuleKind, Verdict, domain_of

NETWORKS_REMEMBERED_MAX = 10_000

Ruled = tuple[RuleKind, Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """As much of a rule as judging needs."""

    kind: RuleKind
    value: str
    verdict: Verdict


class RuleBook:
    """Judges by network, mailbox and mail domain. A rule on a domain holds for all domains below it."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._by_name: dict[RuleKind, dict[str, set[Verdict]]] = {kind: defaultdict(set) for kind in RuleKind}
        self._networks: dict[tuple[int, int], dict[int, set[Verdict]]] = defaultdict(lambda: defaultdict(set))
        self._is_empty = True
        for rule in rules:
            self._is_empty = False
            self._add(rule)
        # Reading a network takes longer than all else, and the same ones come again and again.
        self._network_verdicts = lru_cache(NETWORKS_REMEMBERED_MAX)(self._read_network)

    def judge(self, network: str | None, mailbox: str) -> Ruled | None:
        """What holds for them, and by which kind of rule; none if no rule names them. To allow beats to block."""
        if self._is_empty:
            return None
        blocked: Ruled | None = None
        for kind, verdicts in self._matching(network, mailbox):
            if Verdict.ALLOW in verdicts:
                return kind, Verdict.ALLOW
            blocked = blocked or (kind, Verdict.BLOCK)
        return blocked

    def _matching(self, network: str | None, mailbox: str) -> Iterator[tuple[RuleKind, set[Verdict]]]:
        if network and self._networks and (verdicts := self._network_verdicts(network)):
            yield RuleKind.NETWORK, verdicts
        if verdicts := self._by_name[RuleKind.MAILBOX].get(mailbox, set()):
            yield RuleKind.MAILBOX, verdicts
        if domains := self._by_name[RuleKind.DOMAIN]:
            for domain in _and_above(domain_of(mailbox)):
                if domain in domains:
                    yield RuleKind.DOMAIN, domains[domain]

    def _add(self, rule: Rule) -> None:
        if rule.kind is RuleKind.NETWORK:
            network = ip_network(rule.value)
            self._networks[network.version, network.prefixlen][int(network.network_address)].add(rule.verdict)
        else:
            self._by_name[rule.kind][rule.value].add(rule.verdict)

    def _read_network(self, text: str) -> set[Verdict]:
        network = ip_network(text)
        found: set[Verdict] = set()
        for (version, bits), verdicts in self._networks.items():
            if version == network.version and bits <= network.prefixlen:
                rest = network.max_prefixlen - bits
                found |= verdicts.get(int(network.network_address) >> rest << rest, set())
        return found


def _and_above(domain: str) -> Iterator[str]:
    """`a.b.example`, `b.example`, `example`."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]

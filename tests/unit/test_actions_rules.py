"""What rules may be about, and whom they hold for."""

import pytest

from services.actions.rule_book import Rule, RuleBook, Ruled
from services.actions.rule_values import RuleKind, Verdict, read_value

NETWORK, MAILBOX, DOMAIN = RuleKind
BLOCK, ALLOW = Verdict
HERE, ME = "203.0.113.0/24", "ana@sub.mail.example"


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (NETWORK, "203.0.113.7/24", "203.0.113.0/24"),
        (NETWORK, " 2001:DB8:5::/48 ", "2001:db8:5::/48"),
        (NETWORK, "10.0.0.0/8", "10.0.0.0/8"),
        (MAILBOX, "Ana+tag@Mail.Example", "ana@mail.example"),
        (DOMAIN, "@Mail.Example", "mail.example"),
        (DOMAIN, "xn--mnchen-3ya.example", "münchen.example"),
        (DOMAIN, "MÜNCHEN.example", "münchen.example"),
    ],
)
def test_a_value_is_kept_as_it_is_looked_up(kind: RuleKind, typed: str, value: str) -> None:
    assert read_value(kind, typed) == value


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        (NETWORK, "203.0.113.7", "Write 203.0.113.0/24 to mean all of it"),
        (NETWORK, "2001:db8:5::1", "Write 2001:db8:5::/48 to mean all of it"),
        (NETWORK, "0.0.0.0/0", "too many people"),
        (NETWORK, "::/0", "too many people"),
        (NETWORK, "mail.example", "A network, such as"),
        (MAILBOX, "mail.example", "An email address"),
        (DOMAIN, "mail example", "A mail domain"),
        (DOMAIN, "", "A mail domain"),
    ],
)
def test_what_cannot_be_looked_up_is_refused_with_words(kind: RuleKind, typed: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_value(kind, typed)


@pytest.mark.parametrize(
    ("rules", "judged"),
    [
        ([], None),
        ([Rule(NETWORK, "203.0.113.0/24", BLOCK)], (NETWORK, BLOCK)),
        ([Rule(NETWORK, "203.0.0.0/16", BLOCK)], (NETWORK, BLOCK)),
        ([Rule(NETWORK, "203.0.112.0/24", BLOCK), Rule(NETWORK, "2001:db8::/32", BLOCK)], None),
        ([Rule(MAILBOX, "ana@sub.mail.example", BLOCK)], (MAILBOX, BLOCK)),
        ([Rule(DOMAIN, "sub.mail.example", BLOCK)], (DOMAIN, BLOCK)),
        ([Rule(DOMAIN, "mail.example", BLOCK)], (DOMAIN, BLOCK)),
        ([Rule(DOMAIN, "il.example", BLOCK)], None),
        ([Rule(NETWORK, "203.0.0.0/16", BLOCK), Rule(NETWORK, HERE, ALLOW)], (NETWORK, ALLOW)),
        ([Rule(NETWORK, HERE, BLOCK), Rule(DOMAIN, "mail.example", ALLOW)], (DOMAIN, ALLOW)),
        ([Rule(MAILBOX, ME, BLOCK), Rule(NETWORK, HERE, ALLOW)], (NETWORK, ALLOW)),
    ],
)
def test_rules_hold_for_whom_they_name_and_allowing_beats_blocking(rules: list[Rule], judged: Ruled | None) -> None:
    assert RuleBook(rules).judge(HERE, ME) == judged


def test_what_has_no_network_is_judged_by_its_mailbox_alone() -> None:
    book = RuleBook([Rule(NETWORK, HERE, BLOCK), Rule(DOMAIN, "mail.example", BLOCK)])
    assert book.judge(None, ME) == (DOMAIN, BLOCK)
    assert book.judge(None, "ana@post.example") is None


def test_ipv6_networks_contain_theirs() -> None:
    book = RuleBook([Rule(NETWORK, "2001:db8::/32", BLOCK)])
    assert book.judge("2001:db8:5::/48", ME) == (NETWORK, BLOCK)
    assert book.judge("2001:db9:5::/48", ME) is None

"""One mailbox, one spelling: what its owner could write in many ways is told apart from nobody else's."""

# Where dots in the name mean nothing, and the names under which such a provider is known besides.
DOTS_MEAN_NOTHING = frozenset({"gmail.com"})
SAME_DOMAIN = {"googlemail.com": "gmail.com"}


def canonical_mailbox(email: str) -> str:
    """Lower case, without the tag after a plus, and without dots where the provider ignores them."""
    name, _, domain = email.lower().rpartition("@")
    domain = SAME_DOMAIN.get(domain, domain)
    name = name.partition("+")[0] or name
    if domain in DOTS_MEAN_NOTHING:
        name = name.replace(".", "")
    return f"{name}@{domain}"

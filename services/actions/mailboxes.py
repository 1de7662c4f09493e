"""Which mailbox an address leads to, however it is written: the same for `a.name+news@` and `aname@` at one provider.

Two people may share a mailbox: whoever counts people looks at the name as well.
"""

IGNORE_DOTS = frozenset({"gmail.com", "googlemail.com"})
SAME_PROVIDER = {"googlemail.com": "gmail.com"}


def canonical_mailbox(email: str) -> str:
    """The mailbox behind an address: lower case, without its `+tag`, and without dots where they are ignored."""
    local, _, domain = email.strip().lower().rpartition("@")
    mailbox = local.partition("+")[0] or local
    if domain in IGNORE_DOTS:
        mailbox = mailbox.replace(".", "")
    return f"{mailbox}@{SAME_PROVIDER.get(domain, domain)}"

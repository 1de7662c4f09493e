"""What a test knows of letters without asking the service: what the mail server has, and what was forbidden when."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.delivery.states import TRANSITIONS, LetterState
from services.delivery.tables import Letter

LETTERS_BEFORE_END = 15
HOPS_MAX = 3  # one sweep may find a lease lapsed, its letter uncertain, and its time over


@dataclass
class Known:
    """`taken`: how often the mail server has it. `uncertain`: it was said, once, that nobody knows."""

    taken: Counter[UUID] = field(default_factory=Counter)
    vouched_for: set[UUID] = field(default_factory=set)  # by an operator
    uncertain: set[UUID] = field(default_factory=set)
    stopped_actions: set[UUID] = field(default_factory=set)
    invalid_actions: set[UUID] = field(default_factory=set)
    suppressed_until: dict[str, datetime] = field(default_factory=dict)
    is_withdrawn: bool = False
    rows: dict[UUID, Letter] = field(default_factory=dict)

    def may_go(self, letter: Letter, now: datetime) -> bool:
        """Whether this letter, which waits, may be claimed now."""
        forbidden = self.stopped_actions | self.invalid_actions
        address = letter.to_address or ""
        is_suppressed = address in self.suppressed_until and now < self.suppressed_until[address]
        return not (self.is_withdrawn or is_suppressed or letter.action_id in forbidden or letter.expires_at <= now)

    def may_withdraw(self) -> bool:
        """Late, since nothing more happens to letters of a withdrawn case."""
        return len(self.rows) > LETTERS_BEFORE_END

    def look(self, letters: list[Letter]) -> None:
        """Every change is one that the states allow, and every promise still holds."""
        for letter in letters:
            before = self.rows.get(letter.id)
            if before is not None:
                assert _reachable(before.state, letter.state), f"{before.state} -> {letter.state}"
                assert letter.fence >= before.fence
            if letter.state is LetterState.UNCERTAIN or letter.unknowns:
                self.uncertain.add(letter.id)
            if letter.state is LetterState.SENT:
                assert self.taken[letter.id] or letter.id in self.vouched_for, "sent is what the mail server has"
            if letter.state is not LetterState.SENDING:
                assert letter.lease_owner is None
                assert letter.lease_until is None
        twice = {letter_id for letter_id, count in self.taken.items() if count > 1}
        assert twice <= self.uncertain, "nothing goes out twice unless it was once uncertain"
        self.rows = {letter.id: letter for letter in letters}


def _reachable(before: LetterState, after: LetterState) -> bool:
    found = {before}
    for _ in range(HOPS_MAX):
        found |= {state for one in found for state in TRANSITIONS[one]}
    return after in found

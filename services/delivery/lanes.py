"""Shares a sender's slots between letters and confirmations, so that neither ever waits for the other's backlog. Pure.

A confirmation takes the next free slot. Each is paid for by three letters, in advance up to a small credit: so a flood
of confirmations gets a quarter of the slots while letters wait, and all of them only while none does.
"""

LETTERS_PER_CONFIRMATION = 3
CREDIT_CONFIRMATIONS_MAX = 5


class Lanes:
    def __init__(self) -> None:
        self._credit_letters_max = CREDIT_CONFIRMATIONS_MAX * LETTERS_PER_CONFIRMATION
        self._credit_letters = self._credit_letters_max
        self._no_letters = False

    def confirmations_max(self, free: int) -> int:
        """How many of `free` slots confirmations may take in the coming claim."""
        return free if self._no_letters else min(free, self._credit_letters // LETTERS_PER_CONFIRMATION)

    def note(self, free: int, letters: int, confirmations: int) -> bool:
        """What a claim for `free` slots brought. Returns whether more may be due: then claim again at once.

        No two claims running are for confirmations alone: letters get their look in between."""
        allowed, had_no_letters = self.confirmations_max(free), self._no_letters
        fell_short = letters + confirmations < free
        paid = 0 if had_no_letters else confirmations * LETTERS_PER_CONFIRMATION
        self._credit_letters = min(self._credit_letters_max, self._credit_letters + letters - paid)
        self._no_letters = fell_short and not had_no_letters and confirmations == allowed
        return self._no_letters or not fell_short

"""How a sender's slots are shared between letters and confirmations."""

from dataclasses import dataclass

from services.delivery.lanes import CREDIT_CONFIRMATIONS_MAX, Lanes


@dataclass
class Queue:
    letters: int
    confirmations: int

    def claim(self, free: int, lanes: Lanes) -> tuple[int, int, bool]:
        """Letters and confirmations taken, and whether to claim again at once; as the database gives them."""
        confirmations = min(self.confirmations, lanes.confirmations_max(free))
        letters = min(self.letters, free - confirmations)
        self.letters -= letters
        self.confirmations -= confirmations
        return letters, confirmations, lanes.note(free, letters, confirmations)


def test_a_confirmation_takes_the_next_free_slot() -> None:
    lanes, queue = Lanes(), Queue(letters=50_000, confirmations=0)
    for _ in range(100):
        queue.claim(20, lanes)
    queue.confirmations = 1
    assert queue.claim(1, lanes) == (0, 1, True)


def test_with_a_single_slot_neither_waits_for_the_others_backlog() -> None:
    lanes, queue = Lanes(), Queue(letters=1_000, confirmations=1_000)
    for _ in range(400):
        queue.claim(1, lanes)
    assert queue.letters <= 1_000 - 290
    assert queue.confirmations <= 1_000 - 100


def test_a_flood_of_confirmations_leaves_letters_three_of_four_slots() -> None:
    lanes, queue = Lanes(), Queue(letters=2_000, confirmations=50_000)
    claims = 0
    while queue.letters:
        queue.claim(20, lanes)
        claims += 1
    assert claims * 20 <= 2_000 * 4 / 3 + CREDIT_CONFIRMATIONS_MAX + 20


def test_while_no_letters_wait_confirmations_have_all_slots() -> None:
    lanes, queue = Lanes(), Queue(letters=0, confirmations=1_000)
    claims = 0
    while queue.confirmations:
        _, _, goes_on = queue.claim(20, lanes)
        assert goes_on or not queue.confirmations
        claims += 1
    assert claims <= 2 * 1_000 / 20 + 2


def test_between_two_claims_for_confirmations_alone_letters_get_their_look() -> None:
    lanes, queue = Lanes(), Queue(letters=0, confirmations=1_000)
    for _ in range(20):
        queue.claim(20, lanes)
    queue.letters = 100
    taken = [queue.claim(20, lanes)[0] for _ in range(2)]
    assert max(taken) >= 15


def test_nothing_due_lets_the_sender_rest() -> None:
    lanes, queue = Lanes(), Queue(letters=0, confirmations=0)
    assert queue.claim(20, lanes) == (0, 0, False)
    queue.confirmations = 3
    assert queue.claim(20, lanes) == (0, 3, False)

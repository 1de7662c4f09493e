"""How alike letters are: what the meter promises, in any script."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.actions.editing import normal_form
from services.actions.likeness import Likeness, Signature, likeness_of, runs_of, sign_letters
from services.actions.likeness_meter import WrittenLetter, measure_targets
from services.actions.likeness_words import ADVICE, Alike, alike_of, edited_share_of
from tests.support.events import EMBASSY, MINISTRY

ALPHABETS = {
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщ",
    "urdu": "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنوہی",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "chinese": "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसह",
}


def a_text(alphabet: str, seed: int, words: int = 150) -> str:
    """Words of no meaning: two seeds have next to nothing in common."""
    random = Random(seed)  # noqa: S311  # no secret
    return " ".join("".join(random.choices(alphabet, k=random.randint(3, 9))) for _ in range(words))


def measured(*bodies: str) -> Likeness:
    found = likeness_of([signature for signature in sign_letters(bodies) if signature])
    assert found is not None
    return found


def shared(one: str, other: str) -> float:
    """The real share of runs that two texts have in common."""
    ones, others = runs_of(normal_form(one)), runs_of(normal_form(other))
    return len(ones & others) / len(ones | others)


@pytest.mark.parametrize("script", ALPHABETS)
def test_the_same_letter_again_and_again_is_wholly_alike(script: str) -> None:
    assert measured(*[a_text(ALPHABETS[script], 1)] * 30) == Likeness(30, 1.0, 1.0)


@pytest.mark.parametrize("script", ALPHABETS)
def test_letters_that_share_nothing_are_not_alike(script: str) -> None:
    found = measured(*(a_text(ALPHABETS[script], seed) for seed in range(20)))
    assert found.mean < 0.03
    assert found.twins == 0


@pytest.mark.parametrize("script", ALPHABETS)
def test_a_name_under_the_letter_leaves_it_a_near_twin(script: str) -> None:
    letter = a_text(ALPHABETS[script], 1)
    names = [a_text(ALPHABETS[script], seed, words=2) for seed in range(2, 22)]
    assert measured(*(f"{letter}\n\n{name}" for name in names)).twins == 1.0


@pytest.mark.parametrize("script", ALPHABETS)
def test_the_more_is_rewritten_the_less_alike(script: str) -> None:
    words, others = a_text(ALPHABETS[script], 1).split(), a_text(ALPHABETS[script], 2).split()
    kept = [150, 120, 90, 60, 30, 0]
    likenesses = [measured(" ".join(words), " ".join(words[:count] + others[count:])).mean for count in kept]
    assert all(more >= less for more, less in pairwise(likenesses))
    assert (likenesses[0], round(likenesses[-1], 1)) == (1.0, 0.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 150), st.integers(0, 10_000), st.sampled_from(sorted(ALPHABETS)))
def test_the_estimate_is_near_the_truth(kept: int, seed: int, script: str) -> None:
    words, others = a_text(ALPHABETS[script], seed).split(), a_text(ALPHABETS[script], seed + 1).split()
    one, other = " ".join(words), " ".join(words[:kept] + others[kept:])
    # Four standard errors of 128 hashes where it is worst, at one half.
    assert measured(one, other).mean == pytest.approx(shared(one, other), abs=0.18)


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=12))
def test_whatever_people_write_shares_are_shares_and_the_order_does_not_matter(bodies: list[str]) -> None:
    there = [signature for signature in sign_letters(bodies) if signature]
    found, again = likeness_of(there), likeness_of(there[::-1])
    assert (found is None) == (len(there) < 2)
    if found and again:
        assert 0 <= found.mean <= 1
        assert 0 <= found.twins <= 1
        assert found.mean == pytest.approx(again.mean)
        assert found.twins == again.twins


def test_a_letter_without_a_letter_or_digit_is_left_out() -> None:
    assert [signature is None for signature in sign_letters(["!!! …", "🕊️", "Act"])] == [True, True, False]


def test_templates_in_four_languages_are_twins_though_unlike_each_other() -> None:
    found = measured(*(a_text(ALPHABETS[script], 1) for script in list(ALPHABETS)[:4] for _ in range(10)))
    assert found.twins == 1.0
    assert found.mean == pytest.approx(0.23, abs=0.03)
    assert alike_of(found.letters, found.mean, found.twins) is Alike.NEARLY_ALL


class Counting:
    """A signature that counts how often it is compared."""

    compared = 0

    def jaccard(self, other: Signature) -> float:
        Counting.compared += 1
        return 0.5


def test_each_pair_is_compared_once() -> None:
    assert likeness_of([Counting() for _ in range(40)]) == Likeness(40, 0.5, 0.0)
    assert Counting.compared == 40 * 39 / 2


BOTH = (MINISTRY.id, EMBASSY.id)


def test_a_sample_is_bounded_and_made_of_the_newest_letters() -> None:
    new = [WrittenLetter(BOTH, "the same words for all of them")] * 10
    old = [WrittenLetter(BOTH, a_text(ALPHABETS["latin"], seed)) for seed in range(10)]
    found = measure_targets(new + old, [], sample_max=10)
    assert found[MINISTRY.id].likeness == Likeness(10, 1.0, 1.0)
    assert found == measure_targets(new + old, [], sample_max=10)


def test_each_target_has_a_sample_of_its_own() -> None:
    letters = [WrittenLetter((MINISTRY.id,), "the same words for all of them")] * 5
    letters += [WrittenLetter((EMBASSY.id,), a_text(ALPHABETS["latin"], seed)) for seed in range(5)]
    letters += [WrittenLetter((), "for the person at risk")]
    found = measure_targets(letters, ["The same words, for all of them."], sample_max=10)
    assert set(found) == set(BOTH)
    assert (found[MINISTRY.id].edited, found[EMBASSY.id].edited) == (0, 5)
    own = found[EMBASSY.id].likeness
    assert own
    assert own.mean < 0.05


@pytest.mark.parametrize(
    ("letters", "likeness", "twins", "said"),
    [
        (19, 1.0, 1.0, Alike.TOO_FEW),
        (0, None, None, Alike.TOO_FEW),
        (20, 1.0, 1.0, Alike.NEARLY_ALL),
        (300, 0.25, 0.9, Alike.NEARLY_ALL),
        (300, 0.55, 0.1, Alike.MANY),
        (300, 0.1, 0.3, Alike.SOME),
        (300, 0.05, 0.0, Alike.OWN),
    ],
)
def test_what_is_measured_is_said_in_words(
    letters: int, likeness: float | None, twins: float | None, said: Alike
) -> None:
    assert alike_of(letters, likeness, twins) is said


def test_every_word_comes_with_what_to_do() -> None:
    assert set(ADVICE) == set(Alike)


def test_the_share_of_edited_letters_is_of_all_that_are_known_else_of_the_sample() -> None:
    assert edited_share_of(30, 70, sample_edited=1, sample_letters=2) == 0.3
    assert edited_share_of(0, 0, sample_edited=1, sample_letters=2) == 0.5
    assert edited_share_of(0, 0, sample_edited=0, sample_letters=0) is None

"""How long posts are, how they are composed, and where their links lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.posts.composing import compose_post
from shared.posts.intents import intent, read_server
from shared.posts.lengths import fits, length, links
from shared.posts.networks import LENGTH_MAX, Network

LINK = "https://letters.example/cases/a-test-case"
networks = st.sampled_from(Network)


@pytest.mark.parametrize(
    ("network", "text", "expected"),
    [
        (Network.X, "Free them", 9),
        (Network.X, "自由", 4),
        (Network.X, "آزادی", 5),
        (Network.X, "👩‍👩‍👧‍👦", 2),
        (Network.X, "🇵🇰", 2),
        (Network.X, f"See {LINK}.", 4 + 23 + 1),
        (Network.X, "e\u0301", 1),
        (Network.BLUESKY, "👩‍👩‍👧‍👦!", 2),
        (Network.BLUESKY, LINK, len(LINK)),
        (Network.MASTODON, f"See {LINK}", 4 + 23),
        (Network.MASTODON, "@ministry@officials.example act", len("@ministry act")),
        (Network.THREADS, "Act 🎉", 4 + 4),
        (Network.THREADS, "2026", 4),
    ],
)
def test_each_network_counts_in_its_own_way(network: Network, text: str, expected: int) -> None:
    assert length(network, text) == expected


def test_a_full_stop_behind_a_link_is_not_part_of_it() -> None:
    assert [f"See {LINK}."[begin:end] for begin, end in links(f"See {LINK}.")] == [LINK]


def test_bluesky_counts_bytes_too() -> None:
    assert not fits(Network.BLUESKY, "👩‍👩‍👧‍👦" * 200)


@given(networks, st.text(min_size=1, max_size=2_000).filter(str.strip), st.booleans())
def test_whatever_is_composed_fits(network: Network, words: str, with_handle: bool) -> None:
    post = compose_post(network, words, handle="@ministry_example" if with_handle else None, link=LINK)
    assert fits(network, post)
    assert post.endswith(LINK)


def test_words_are_cut_between_two_of_them() -> None:
    post = compose_post(Network.X, "Please release them now. " * 20, handle="@ministry_example", link=LINK)
    words, handle, link = post.rsplit(" ", 2)
    assert (handle, link) == ("@ministry_example", LINK)
    assert words.removesuffix("…").split()[-1] in {"Please", "release", "them", "now."}
    assert length(Network.X, post) > LENGTH_MAX[Network.X] - len(" release")


def test_a_handle_in_the_words_does_not_come_twice() -> None:
    assert compose_post(Network.X, "Dear @Ministry_Example, act.", handle="@ministry_example").count("inistry") == 1


@given(networks, st.text(max_size=300))
def test_a_link_carries_every_word_and_breaks_out_of_nothing(network: Network, post: str) -> None:
    try:
        link = intent(network, post, "social.example")
    except UnicodeEncodeError:
        return
    assert link.isascii()
    assert link.startswith("https://")
    assert not set(link) & set(" \"'<>&#")


@pytest.mark.parametrize(
    "typed", ["social.example", "https://Social.example/@me", "@me@social.example", " social.example "]
)
def test_a_server_is_read_from_what_people_type(typed: str) -> None:
    assert read_server(typed) == "social.example"


@pytest.mark.parametrize(
    "typed", ["", "localhost", "social example", "a..b", "social.example:8080", "java\nscript.example"]
)
def test_what_is_no_server_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not the name of a server"):
        read_server(typed)

"""The networks that people post on, and how long a post may be there."""

from enum import StrEnum


class Network(StrEnum):
    X = "x"
    BLUESKY = "bluesky"
    MASTODON = "mastodon"
    THREADS = "threads"


NAMES = {Network.X: "X", Network.BLUESKY: "Bluesky", Network.MASTODON: "Mastodon", Network.THREADS: "Threads"}

# In what each network counts; see `lengths.py`. A Mastodon server may allow more, never fewer.
LENGTH_MAX = {Network.X: 280, Network.BLUESKY: 300, Network.MASTODON: 500, Network.THREADS: 500}

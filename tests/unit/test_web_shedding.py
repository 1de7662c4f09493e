"""What is left out when a process is crowded: in which order, for how long, and what staff say to it."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.actions.tables import SwitchRow
from shared.clock import ManualClock
from shared.db import Database
from shared.switches import Switches
from shared.web.in_flight import Load
from shared.web.shedding import HOLD_SECONDS, SHED_AT, Feature, Shedding
from tests.support.events import NOW

REQUESTS_MAX = 100
COUNTERS, SHARING, SEARCH = Feature


class Process:
    """A process whose load a test sets, with nobody's hand on any switch."""

    def __init__(self, folder: Path) -> None:
        self.load, self.clock, self.registry = Load(REQUESTS_MAX), ManualClock(NOW), CollectorRegistry()
        switches = Switches(Database(f"sqlite+aiosqlite:///{folder / 'never_opened.db'}"), SwitchRow, self.clock)
        self.shedding = Shedding(list(Feature), switches, self.load, self.clock, self.registry)

    def shed_at(self, requests: int) -> list[Feature]:
        """What is left out with so many requests under way."""
        self.load.requests = requests
        return [feature for feature in Feature if self.shedding.is_shed(feature)]

    def pass_seconds(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


@pytest.mark.parametrize(
    ("requests", "shed"),
    [
        (0, []),
        (49, []),
        (50, [COUNTERS]),
        (69, [COUNTERS]),
        (70, [COUNTERS, SHARING]),
        (84, [COUNTERS, SHARING]),
        (85, [COUNTERS, SHARING, SEARCH]),
        (100, [COUNTERS, SHARING, SEARCH]),
    ],
)
def test_features_go_one_after_the_other_as_it_grows_full(process: Process, requests: int, shed: list[Feature]) -> None:
    assert process.shed_at(requests) == shed


def test_everything_has_gone_before_a_request_is_refused() -> None:
    thresholds = [SHED_AT[feature] for feature in Feature]
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] < 1.0


def test_what_has_gone_stays_away_for_some_seconds_after_the_crowd(process: Process) -> None:
    assert process.shed_at(50) == [COUNTERS]
    process.pass_seconds(HOLD_SECONDS - 1)
    assert process.shed_at(0) == [COUNTERS]
    process.pass_seconds(1)
    assert process.shed_at(0) == []


def test_a_crowd_that_comes_back_begins_the_wait_anew(process: Process) -> None:
    process.shed_at(50)
    process.pass_seconds(HOLD_SECONDS - 1)
    process.shed_at(50)
    process.pass_seconds(HOLD_SECONDS - 1)
    assert process.shed_at(0) == [COUNTERS]


def test_features_come_back_in_the_order_of_their_own_crowds(process: Process) -> None:
    process.shed_at(85)
    process.pass_seconds(HOLD_SECONDS)
    assert process.shed_at(70) == [COUNTERS, SHARING]
    process.pass_seconds(HOLD_SECONDS)
    assert process.shed_at(0) == []


def test_each_change_is_said_once(process: Process) -> None:
    with capture_logs() as lines:
        for requests in (0, 50, 55, 60, 50):
            process.shed_at(requests)
        process.pass_seconds(HOLD_SECONDS)
        for _ in range(3):
            process.shed_at(0)
    assert [(line["event"], line["action"]) for line in lines] == [
        ("feature_shed", "counters"),
        ("feature_back", "counters"),
    ]


def test_the_metric_tells_what_is_left_out(process: Process) -> None:
    process.shed_at(70)
    shed = {
        feature.value: process.registry.get_sample_value("feature_shed", {"feature": feature.value})
        for feature in Feature
    }
    assert shed == {"counters": 1.0, "sharing": 1.0, "search": 0.0}

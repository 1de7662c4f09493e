"""Who reads of events finds all: in the table of contracts, and where a service says what it tells and hears."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from services import actions, cases, delivery
from services.actions.handlers import QUEUES as ACTIONS_QUEUES
from services.cases.handlers import QUEUES as CASES_QUEUES
from services.delivery.handlers import QUEUES as DELIVERY_QUEUES
from shared.bus import Queue
from shared.messages.delivery import LetterEvent
from shared.messages.registry import EVENTS

CONTRACTS = Path(__file__).parents[2] / "shared" / "messages" / "README.md"


def test_the_table_of_contracts_has_every_event_and_no_other() -> None:
    listed = re.findall(r"^\| `([\w.]+)` \| (\w+) \| .+ \|$", CONTRACTS.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted((event.wire_type, event.wire_type.partition(".")[0]) for event in EVENTS)


@pytest.mark.parametrize(
    ("service", "queues"), [(cases, CASES_QUEUES), (actions, ACTIONS_QUEUES), (delivery, DELIVERY_QUEUES)]
)
def test_a_service_says_what_it_publishes_and_consumes(service: ModuleType, queues: tuple[Queue, ...]) -> None:
    """The reports on letters are many: who hears them may say so in words."""
    said = re.split(r"\bConsumes\b", service.__doc__ or "")
    its_own = {event.__name__ for event in EVENTS if event.wire_type.partition(".")[0] == service.__name__[9:]}
    heard = {event.__name__ for queue in queues for event in queue.events if not issubclass(event, LetterEvent)}
    assert [set(re.findall(r"\w+V\d+", part)) for part in said] == [its_own, heard]
    assert all(f"`{queue.name}`" in said[1] for queue in queues)

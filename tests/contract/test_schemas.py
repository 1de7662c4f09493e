"""Published contracts stay as they were published."""

import copy
import json
import re

import pytest

from shared.messages import asyncapi
from shared.messages.envelope import Event, derived_id, seal
from shared.messages.registry import EVENTS, Unreadable, read
from tests.contract.golden import FOLDER, breaks, published, schema_of
from tests.support.events import an_accepted_action


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.wire_type)
def test_an_event_is_as_it_was_published(event: type[Event]) -> None:
    assert schema_of(event) == published(event), "changed: see shared/messages/README.md for what may be done"


def test_the_asyncapi_document_is_made_from_the_events() -> None:
    assert asyncapi.DOCUMENT.read_text() == asyncapi.text(), "run `python -m shared.messages.asyncapi`"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    whole = asyncapi.document()
    assert whole["channels"].keys() == {event.wire_type for event in EVENTS}
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(whole)):
        place = whole
        for step in reference.split("/"):
            place = place[step]


def test_every_published_schema_still_has_its_event() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {event.wire_type for event in EVENTS}


def test_a_new_required_field_is_told_from_a_new_optional_one() -> None:
    old = published(EVENTS[0])
    optional, required = copy.deepcopy(old), copy.deepcopy(old)
    name = EVENTS[0].__name__
    optional["$defs"][name]["properties"]["mood"] = {"type": "string", "default": ""}
    required["$defs"][name]["properties"]["mood"] = {"type": "string"}
    required["$defs"][name]["required"].append("mood")
    assert breaks(old, optional) == []
    assert breaks(old, required) != []


def test_the_name_on_the_wire_says_service_event_and_version() -> None:
    for event in EVENTS:
        service, name, version = event.wire_type.split(".")
        assert event.__module__.rpartition(".")[2].partition("_")[0] == service
        assert event.__name__ == name.title().replace("_", "") + version.upper()


def test_what_is_sealed_is_read_again_unchanged() -> None:
    event = an_accepted_action()
    message = seal(event, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    envelope = read(message.body)
    assert envelope.data == event
    assert envelope.id == message.event_id == derived_id(event.subject(), event.wire_type)
    assert envelope.traceparent == message.traceparent
    assert message.exchange == "actions.events"


def test_a_reader_ignores_fields_it_does_not_know() -> None:
    body = seal(an_accepted_action()).body.replace(b'"data":{', b'"later":1,"data":{"mood":"hopeful",')
    assert read(body).data == an_accepted_action()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\x00garbage", "not a JSON envelope"),
        (b"[]", "not a JSON envelope"),
        (b'{"type":"delivery.letter_lost.v9"}', "unknown or missing type"),
        (b"{}", "unknown or missing type"),
        (seal(an_accepted_action()).body.replace(b'"specversion":"1.0"', b'"specversion":"0.3"'), "specversion"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(body)


def test_a_wrong_field_is_named_and_its_value_is_not() -> None:
    body = seal(an_accepted_action()).body.replace(b'"PK"', b'["secret words"]')
    with pytest.raises(Unreadable, match="country") as caught:
        read(body)
    assert "secret words" not in str(caught.value)


def test_personal_fields_are_marked_in_the_schema() -> None:
    definitions = schema_of(EVENTS[2])["$defs"]
    marked = {
        (name, field)
        for name in ("Supporter", "Letter")
        for field, schema in definitions[name]["properties"].items()
        if schema.get("x-personal")
    }
    assert marked == {("Supporter", "name"), ("Supporter", "email"), ("Letter", "subject"), ("Letter", "body")}

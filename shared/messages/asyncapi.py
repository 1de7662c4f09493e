"""The contracts as an AsyncAPI 3 document, for people and tools outside: `python -m shared.messages.asyncapi`.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import inspect
import json
from pathlib import Path
from typing import Any

from shared.messages.envelope import Event, exchange_of
from shared.messages.registry import ENVELOPES, EVENTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def document() -> dict[str, Any]:
    """One channel an event: its address is the routing key on the exchange of the service that publishes it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Write for Rights: events",
            "version": "1",
            "description": "CloudEvents 1.0 in structured JSON, on RabbitMQ. Written from the event classes.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {event.wire_type: _channel(event) for event in EVENTS},
        "operations": {f"receive {event.wire_type}": _operation(event) for event in EVENTS},
        "components": {"messages": {event.__name__: _message(event) for event in EVENTS}},
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    exchange = {"name": exchange_of(event.wire_type), "type": "topic", "durable": True}
    return {
        "address": event.wire_type,
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def _operation(event: type[Event]) -> dict[str, Any]:
    return {"action": "receive", "channel": {"$ref": f"#/channels/{event.wire_type}"}}


def _message(event: type[Event]) -> dict[str, Any]:
    # References inside a schema start at the document's root, so its parts are named from where they will stand.
    here = f"#/components/messages/{event.__name__}/payload/$defs/{{model}}"
    return {
        "name": event.wire_type,
        "summary": inspect.getdoc(event),
        "headers": {"type": "object", "properties": {"traceparent": {"type": "string"}}},
        "payload": ENVELOPES[event.wire_type].json_schema(ref_template=here),
    }


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text())

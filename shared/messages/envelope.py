"""The envelope every event travels in: CloudEvents 1.0, structured JSON.

`seal` makes the `Message` that the outbox keeps and the bus carries; `registry.read` opens it again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

NAMESPACE = uuid5(NAMESPACE_URL, "https://writeforrights.example/ids")


def derived_id(*parts: object) -> UUID:
    """The same parts always give the same id (UUIDv5), so whatever is done twice meets itself again."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))


@dataclass(frozen=True)
class Personal:
    """Marks a field that tells who somebody is or what they wrote: never logged, never in a URL.

    In the published schema such a field says `"x-personal": true`."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), "x-personal": True}


class Part(BaseModel):
    """A piece of an event. Frozen; fields added by a later publisher are ignored by an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Part):
    """Something that happened. `wire_type` is its name on the bus: service, event, version."""

    wire_type: ClassVar[str]

    def subject(self) -> str:
        """What it happened to. With the type it makes the event's id, so one fact has one id for ever."""
        raise NotImplementedError

    def happened_at(self) -> datetime:
        raise NotImplementedError


E = TypeVar("E", bound=Event)


class Envelope(Part, Generic[E]):
    """CloudEvents 1.0 context attributes and the event itself.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
    """

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = Field(default=None, description="W3C Trace Context, so a trace outlives the request")
    data: E


@dataclass(frozen=True, slots=True)
class Message:
    """An enveloped event as bytes, with the little that a carrier must know of it."""

    event_id: UUID
    type: str
    body: bytes
    traceparent: str | None = None

    @property
    def exchange(self) -> str:
        """The publishing service's exchange: `actions.action_accepted.v1` goes out on `actions.events`."""
        return exchange_of(self.type)


def exchange_of(wire_type: str) -> str:
    return f"{wire_type.split('.', 1)[0]}.events"


def seal(event: Event, traceparent: str | None = None) -> Message:
    """Put the event into its envelope and write it as JSON bytes."""
    envelope: Envelope[Any] = Envelope(
        id=derived_id(event.subject(), event.wire_type),
        source=f"/services/{event.wire_type.split('.', 1)[0]}",
        type=event.wire_type,
        subject=event.subject(),
        time=event.happened_at(),
        traceparent=traceparent,
        data=event,
    )
    # serialize_as_any writes the event's own fields; the envelope's type variable knows only `Event`.
    body = envelope.model_dump_json(exclude_none=True, serialize_as_any=True).encode()
    return Message(event_id=envelope.id, type=envelope.type, body=body, traceparent=traceparent)

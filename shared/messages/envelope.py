"""The envelope every event travels in: CloudEvents 1.0, structured JSON.

`seal` makes the `Message` that the outbox keeps and the bus carries; `registry.read` opens it again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, to_json

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
    type_, subject = event.wire_type, event.subject()
    event_id = derived_id(subject, type_)
    # Intake seals every action while somebody waits. The envelope's own model would take as long again as the event;
    # a test holds that it reads back what is written here.
    head = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/services/{type_.split('.', 1)[0]}",
        "type": type_,
        "subject": subject,
        "time": event.happened_at(),
        "datacontenttype": "application/json",
        "traceparent": traceparent,
    }
    data = event.model_dump_json(exclude_none=True).encode()
    body = b"".join((to_json(head, exclude_none=True)[:-1], b',"data":', data, b"}"))
    return Message(event_id=event_id, type=type_, body=body, traceparent=traceparent)

"""One service's switches as staff meet them: which there are, how each stands, and turning one with a reason."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from shared.audit import AuditColumns, Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.switches import SwitchColumns, Switches, SwitchState, Turned, set_switch
from shared.web.in_flight import Load
from shared.web.problems import FieldError, Problem, field_errors, invalid
from shared.web.shedding import Feature, Shedding

WHY_CHARACTERS_MAX = 500
AUDIT_SHOWN_MAX = 20
NAME = r"^[a-z]+(:[a-z0-9-]{1,100})?$"
ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"

FEATURE_STATES = (SwitchState.AUTO, SwitchState.ON, SwitchState.OFF)
PLAIN_STATES = (SwitchState.ON, SwitchState.OFF)


@dataclass(frozen=True)
class Switch:
    """What can be turned. `words` say what it is, for staff; of its `states` the first is where it stands untouched."""

    name: str
    words: str
    states: tuple[SwitchState, ...] = FEATURE_STATES


@dataclass(frozen=True)
class SwitchView:
    """How a switch stands, as this process sees it; `is_on` is what that comes to here and now."""

    switch: Switch
    state: SwitchState
    is_on: bool
    turned: Turned | None

    @property
    def name(self) -> str:
        return self.switch.name

    @property
    def may_be_auto(self) -> bool:
        return SwitchState.AUTO in self.switch.states


class SwitchOut(BaseModel):
    """A switch. `in_effect` is what its state comes to in the process that answers, by its load at this moment."""

    model_config = ConfigDict(extra="forbid")

    name: str
    state: SwitchState
    states: list[SwitchState] = Field(description="those it may be put to")
    in_effect: Literal["on", "off"]
    who: str | None = Field(description="who turned it last; null: nobody ever did")
    why: str | None
    changed_at: datetime | None


class SwitchesOut(BaseModel):
    """All switches of the service, and how full the process is that answers."""

    model_config = ConfigDict(extra="forbid")

    switches: list[SwitchOut]
    requests_in_flight: int
    requests_in_flight_max: int


def _said(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "Please say why: others will want to know.")
    return value.strip()


class TurnRequest(BaseModel):
    """How to put a switch, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: SwitchState
    why: Annotated[
        str,
        Field(max_length=WHY_CHARACTERS_MAX, pattern=ONE_LINE, json_schema_extra={"minLength": 1}),
        AfterValidator(_said),
    ]


_WORDS = {
    "enum": "One of auto, on and off.",
    "string_pattern_mismatch": "One line of text, without control characters.",
}


class UnknownSwitch(Problem):
    def __init__(self) -> None:
        super().__init__(404, "unknown-switch", "There is no such switch")


@dataclass(frozen=True)
class Switchboard:
    """`offered` tells which switches there are now: that may grow with the cases a service knows."""

    database: Database
    table: type[SwitchColumns]
    switches: Switches
    shedding: Shedding
    load: Load
    audit: Auditor
    clock: Clock
    offered: Callable[[], Awaitable[Sequence[Switch]]]

    async def read(self) -> list[SwitchView]:
        """From memory, so it is there while the database is away."""
        await self.switches.refresh()
        return [self._view(switch) for switch in await self.offered()]

    async def turn(self, name: str, request: TurnRequest, who: str) -> SwitchView:
        """Raises `UnknownSwitch`, 422 for a state this switch has not, and `DatabaseAway`: then nothing was turned."""
        switch = next((switch for switch in await self.offered() if switch.name == name), None)
        if switch is None:
            raise UnknownSwitch
        if request.state not in switch.states:
            raise invalid([FieldError("state", f"This switch is {' or '.join(switch.states)}.")])
        async with self.database.transaction() as session:
            by = By(who, request.why)
            await set_switch(session, self.table, name, request.state, by, self.audit, self.clock)
        self.switches.forget()
        await self.switches.refresh()
        return self._view(switch)

    async def latest_changes(self) -> list[AuditColumns]:
        """The newest first. Raises `DatabaseAway`."""
        return await self.audit.latest(self.database, AUDIT_SHOWN_MAX)

    def _view(self, switch: Switch) -> SwitchView:
        turned = self.switches.turned(switch.name)
        state = turned.state if turned and turned.state in switch.states else switch.states[0]
        if switch.name in self.shedding.features:
            return SwitchView(switch, state, not self.shedding.is_shed(Feature(switch.name)), turned)
        return SwitchView(switch, state, state is not SwitchState.OFF, turned)


def read_turn(json_or_form: bytes | dict[str, str]) -> TurnRequest:
    """Raises the 422 that names what is wrong."""
    try:
        if isinstance(json_or_form, bytes):
            return TurnRequest.model_validate_json(json_or_form)
        return TurnRequest.model_validate(json_or_form)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise invalid(field_errors([{**one, "msg": _WORDS.get(one["type"], one["msg"])} for one in errors])) from None


def switch_out(view: SwitchView) -> SwitchOut:
    turned = view.turned
    return SwitchOut(
        name=view.name,
        state=view.state,
        states=list(view.switch.states),
        in_effect="on" if view.is_on else "off",
        who=turned.who if turned else None,
        why=turned.why if turned else None,
        changed_at=turned.changed_at if turned else None,
    )

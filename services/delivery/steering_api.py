"""`/api/v1/delivery`: how delivery stands, and what staff change while it goes on. Only with the staff token."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from services.delivery.api import read_cursor, write_cursor
from services.delivery.errors import no_such_target
from services.delivery.forecasting import suggest
from services.delivery.groups import Group
from services.delivery.home.mail import IncomingKind
from services.delivery.standing import TargetStanding
from services.delivery.steering_schemas import (
    KEEPABLE,
    SUBJECT_CHARACTERS_MAX,
    AddressIn,
    AuditOut,
    CaseOut,
    DestinationOut,
    GroupIn,
    GroupOut,
    IncomingOut,
    MovedOut,
    OverviewOut,
    PauseIn,
    PauseOut,
    PolicyIn,
    RateIn,
    ReleaseIn,
    SuppressedOut,
    SuppressionIn,
    SuppressionOut,
    TargetAddressOut,
    TargetOut,
    WhyIn,
)
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.web.staff import forbid_caches

API = "/api/v1/delivery"

Name = Annotated[str, Path(max_length=SUBJECT_CHARACTERS_MAX, pattern=KEEPABLE, description="mail provider or domain")]


def steering_api(wiring: Wiring) -> APIRouter:
    require = wiring.staff.require_bearer
    router = APIRouter(prefix=API, tags=["delivery"], dependencies=[Depends(require), Depends(forbid_caches)])
    steering, suppressions = wiring.steering, wiring.suppressions
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type

    @router.get("/overview", summary="What waits for whom, and why")
    async def show_overview() -> OverviewOut:
        found = await wiring.standing.read()
        return OverviewOut(
            counts=await wiring.desk.count_by_state(),
            destinations=[DestinationOut.model_validate(each) for each in found.destinations],
            targets=[target_out(each, wiring) for each in found.targets],
            cases=[CaseOut.model_validate(each) for each in found.cases],
            pauses=[PauseOut.model_validate(each) for each in await steering.pauses()],
        )

    @router.post("/pauses", summary="Send no more of it", status_code=204)
    async def pause(wish: PauseIn, who: Who) -> None:
        await steering.pause(wish.scope, wish.subject, By(who, wish.why))

    @router.post("/pauses/resume", summary="Send it again", status_code=204)
    async def resume(wish: PauseIn, who: Who) -> None:
        await steering.resume(wish.scope, wish.subject, By(who, wish.why))

    @router.get("/targets/{target_id}", summary="One target's policy and forecast")
    async def show_target(target_id: UUID) -> TargetOut:
        return target_out(await known_target(target_id, wiring), wiring)

    @router.put("/targets/{target_id}/policy", summary="From now on this policy holds")
    async def set_policy(target_id: UUID, wish: PolicyIn, who: Who) -> TargetOut:
        await steering.set_policy(target_id, wish.policy, By(who, wish.why))
        return await show_target(target_id)

    @router.post("/targets/{target_id}/policy/drop", summary="Back to the default policy")
    async def drop_policy(target_id: UUID, wish: WhyIn, who: Who) -> TargetOut:
        await steering.drop_policy(target_id, By(who, wish.why))
        return await show_target(target_id)

    @router.get("/targets/{target_id}/addresses", summary="Its addresses in order; of one with a single address none")
    async def list_addresses(target_id: UUID) -> list[TargetAddressOut]:
        found = await wiring.moving.addresses(target_id)
        return [TargetAddressOut(address=address, state=state) for address, state in found]

    @router.post("/targets/{target_id}/address", summary="Its letters go there from now on")
    async def move(target_id: UUID, wish: AddressIn, who: Who) -> MovedOut:
        return MovedOut(letters=await wiring.moving.move(target_id, wish.address, By(who, wish.why)))

    @router.post("/groups", summary="Send a group of letters again, or stop it: one turn")
    async def act(wish: GroupIn, who: Who) -> GroupOut:
        group = Group(wish.state, wish.case_id, wish.target_id, wish.destination)
        if wish.dry_run:
            return GroupOut(done=await wiring.groups.count(group))
        turn = await wiring.groups.act(
            group,
            wish.act,
            By(who, wish.why),
            after=read_cursor(wish.after),
            begin_at=wish.begin_at,
            per_minute=wish.per_minute,
        )
        following = write_cursor(turn.next) if turn.next else None
        return GroupOut(done=turn.done, left=turn.left, next=following, last_at=turn.last_at)

    @router.put("/destinations/{name}/rate", summary="Letters an hour, over all its targets", status_code=204)
    async def set_rate(name: Name, wish: RateIn, who: Who) -> None:
        await steering.set_rate(name, wish.per_hour, By(who, wish.why))

    @router.post("/destinations/{name}/lift", summary="Let it go on", status_code=204)
    async def lift(name: Name, wish: WhyIn, who: Who) -> None:
        await steering.lift(name, By(who, wish.why))

    @router.get("/suppressions", summary="Addresses that nothing is sent to")
    async def list_suppressions() -> list[SuppressionOut]:
        return [SuppressionOut.model_validate(each) for each in await suppressions.list()]

    @router.post("/suppressions", summary="Send nothing more to an address")
    async def suppress(wish: SuppressionIn, who: Who) -> SuppressedOut:
        lasts = timedelta(days=wish.days) if wish.days else None
        return SuppressedOut(letters=await suppressions.suppress(wish.address, By(who, wish.why), lasts))

    @router.post("/suppressions/release", summary="Let letters go to it again", status_code=204)
    async def release(wish: ReleaseIn, who: Who) -> None:
        await suppressions.lift(wish.address, By(who, wish.why))

    @router.get("/incoming", summary="What came back to letters: bounces, delays, machines' words, answers")
    async def list_incoming(
        kind: IncomingKind | None = None, case_id: UUID | None = None, letter_id: UUID | None = None
    ) -> list[IncomingOut]:
        found = await wiring.incoming.list(kind=kind, case_id=case_id, letter_id=letter_id)
        return [IncomingOut.model_validate(each) for each in found]

    @router.get("/audit", summary="Who changed what, when and why")
    async def show_audit() -> list[AuditOut]:
        return [AuditOut.model_validate(line) for line in await wiring.audit.latest(wiring.database)]

    return router


async def known_target(target_id: UUID, wiring: Wiring) -> TargetStanding:
    found = await wiring.standing.target(target_id)
    if found is None:
        raise no_such_target()
    return found


def target_out(target: TargetStanding, wiring: Wiring) -> TargetOut:
    shown = TargetOut.model_validate(target)
    if target.is_late and target.closes_at:
        found = suggest(target.policy, target.queued, target.closes_at, wiring.clock.now())
        shown.suggestion = found.words
    return shown

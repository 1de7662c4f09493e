"""Whether a case takes this action now, and whom it goes to. Pure: no clock, no database."""

from datetime import datetime

from services.actions.errors import CaseClosed, CaseWithdrawn, UnknownCase
from services.actions.known_cases import KnownCase
from services.actions.schemas import ActionRequest
from services.actions.solidarity import MESSAGE_CHARACTERS_MAX
from services.actions.tables import CaseStatus
from shared.languages import N_
from shared.languages.saying import say
from shared.messages.cases import CasePublishedV1, Channel, Target
from shared.web.problems import FieldError, invalid


def admit(request: ActionRequest, case: KnownCase | None, now: datetime) -> tuple[CasePublishedV1, tuple[Target, ...]]:
    """The case as published, and the targets a letter goes to. Raises the `Problem` that says why not."""
    if case is None:
        raise UnknownCase
    status = case.status_at(now)
    if status is CaseStatus.WITHDRAWN:
        raise CaseWithdrawn
    if status is not CaseStatus.OPEN:
        raise CaseClosed(status)
    if case.snapshot is None:
        raise UnknownCase
    if request.channel not in case.snapshot.channels:
        raise invalid([FieldError("channel", N_("This case does not offer this way to act."))])
    if request.channel is Channel.SOLIDARITY and len(request.letter.body) > MESSAGE_CHARACTERS_MAX:
        raise invalid([FieldError("letter.body", say("At most %(count)s characters.", count=MESSAGE_CHARACTERS_MAX))])
    return case.snapshot, _chosen(request, case.snapshot)


def is_risky_from(country: str, case: KnownCase | None) -> bool:
    """Whether writing for this case may be dangerous there. A case that takes no letters is nobody's risk."""
    return case is not None and case.snapshot is not None and country in case.snapshot.risky_countries


def reachable(target: Target, channel: Channel) -> bool:
    """Whether the target has an address for this channel. Solidarity goes to the person at risk, not to targets."""
    match channel:
        case Channel.EMAIL:
            return bool(target.email)
        case Channel.POST:
            return bool(target.post_address)
        case Channel.SOCIAL:
            return bool(target.handle)
        case Channel.SOLIDARITY:
            return False


def fit_targets(request: ActionRequest, case: KnownCase | None) -> ActionRequest:
    """For the form, where targets are ticked beside the choice of channel: those it does not reach fall away."""
    if request.targets is None or case is None or case.snapshot is None:
        return request
    unreachable = {target.id for target in case.snapshot.targets if not reachable(target, request.channel)}
    left = tuple(target_id for target_id in request.targets if target_id not in unreachable)
    if left or request.channel is Channel.SOLIDARITY:
        return request.model_copy(update={"targets": left or None})
    return request


def _chosen(request: ActionRequest, case: CasePublishedV1) -> tuple[Target, ...]:
    """All reachable targets, or those that were named, each once, in the case's own order."""
    possible = {target.id: target for target in case.targets if reachable(target, request.channel)}
    named = request.targets
    if named is None:
        if not possible and request.channel is not Channel.SOLIDARITY:
            raise invalid([FieldError("channel", N_("No target of this case can be reached this way."))])
        return tuple(possible.values())
    strangers = [number for number, target_id in enumerate(named) if target_id not in possible]
    if strangers:
        message = N_("Not a target of this case that this channel reaches.")
        raise invalid([FieldError(f"targets.{number}", message) for number in strangers])
    return tuple(target for target_id, target in possible.items() if target_id in named)

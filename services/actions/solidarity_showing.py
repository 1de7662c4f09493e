"""What others are told of a message to a person at risk: its words once staff let everybody see them, or its end."""

from datetime import datetime

from services.actions.tables import Action, Judgement
from shared.messages.actions import SolidarityShownV1, SolidarityTakenDownV1


def show(action: Action, now: datetime) -> SolidarityShownV1 | None:
    """The event that tells its words, if everybody may see them. Counts it in the row."""
    if action.judgement != Judgement.SHOWN:
        return None
    action.judgement_number += 1
    return SolidarityShownV1(
        action_id=action.id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        number=action.judgement_number,
        name=action.supporter_name,
        country=action.supporter_country,
        text=action.letter_body,
        language=action.letter_language,
        written_at=action.accepted_at,
        shown_at=now,
    )


def take_down(action: Action, now: datetime) -> SolidarityTakenDownV1 | None:
    """The event that ends what `show` told, where it did. Counts it in the row; the judgement stays as it is."""
    if action.judgement != Judgement.SHOWN:
        return None
    action.judgement_number += 1
    return SolidarityTakenDownV1(
        action_id=action.id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        number=action.judgement_number,
        taken_down_at=now,
    )

"""One log line for each handover: what came of it, and what was decided. Nothing of the letter itself."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from services.delivery.claiming import HandoverResult
from services.delivery.holding import Verdict

log = structlog.get_logger(__name__)


def log_results(results: Sequence[HandoverResult], verdicts: Mapping[UUID, Verdict]) -> None:
    for result in results:
        verdict = verdicts.get(result.letter.id)
        duration_ms = round((result.ended_at - result.started_at).total_seconds() * 1000, 1)
        log.info(
            "letter",
            action="hand_over",
            letter=str(result.letter.id),
            trace_id=_trace_id(result.letter.traceparent),
            outcome=result.answer.outcome,
            phase=result.answer.phase,
            code=result.answer.code,
            duration_ms=duration_ms,
            state=verdict.decision.state if verdict else "left as it is: another sender's by now",
            next_at=verdict.decision.next_at.isoformat() if verdict and verdict.decision.next_at else None,
        )


def _trace_id(traceparent: str | None) -> str | None:
    """The second field of a W3C traceparent, as the other services log it."""
    fields = (traceparent or "").split("-")
    return fields[1] if len(fields) == 4 else None

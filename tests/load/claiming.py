"""How long a claim of 50 letters takes when ten thousand are queued, and when a million are.

python -m tests.load.claiming postgresql+asyncpg://...      on a fresh database, which it fills
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import quantiles

from sqlalchemy import text

from services.delivery.channels import Accepted, Phase
from services.delivery.claiming import HandoverResult
from shared.delivery_policy import DeliveryPolicy
from tests.support.delivery_service import DeliveryService, delivery_service, many_actions
from tests.support.events import NOW, a_published_case

FEW, MANY = 10_000, 1_000_000
LETTERS_PER_CLAIM = 50
CLAIMS = 200
GOAL = 2.0
# One row is planned as it should be; the others are the same but for their id.
COPY = text(
    "INSERT INTO letter SELECT (jsonb_populate_record(letter, "
    "jsonb_build_object('id', gen_random_uuid(), 'state', 'queued'))).* "
    "FROM letter, generate_series(1, :count) WHERE letter.id = :id"
)


async def fill(delivery: DeliveryService, count: int) -> None:
    """`count` more letters of the one line there is."""
    model = (await delivery.letters())[0] if count == FEW else None
    async with delivery.wiring.database.transaction() as session:
        connection = await session.connection()
        letter_id = (
            model.id
            if model
            else (await connection.execute(text("SELECT min(id::text)::uuid FROM letter"))).scalar_one()
        )
        for _ in range(max(1, count // 100_000)):
            await connection.execute(COPY, {"count": min(count, 100_000), "id": letter_id})


async def claim_seconds(delivery: DeliveryService) -> list[float]:
    """Each claim's time. What was claimed is recorded as sent in between, which is not counted."""
    claims, seconds = delivery.claims(), []
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        letters = await claims.claim(LETTERS_PER_CLAIM)
        seconds.append(time.perf_counter() - begun)
        assert len(letters) == LETTERS_PER_CLAIM
        answer = Accepted(Phase.DOT, 250, "taken")
        await claims.record([HandoverResult(letter, answer, NOW, NOW) for letter in letters])
    return seconds


def p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100)[98]


async def measure(database_url: str) -> dict[str, float]:
    policy = DeliveryPolicy(per_day_max=100_000_000)
    async with delivery_service(database_url, target_policy=policy, destination_letters_at_once_max=1_000) as delivery:
        action = many_actions(1, targets=a_published_case().targets[:1])[0]
        await delivery.tell(action)
        await fill(delivery, FEW)
        few = p99(await claim_seconds(delivery))
        await fill(delivery, MANY)
        delivery.clock.advance(timedelta(minutes=2))  # past the next look at a line that ran dry
        many = p99(await claim_seconds(delivery))
    return {"few_ms": few * 1000, "many_ms": many * 1000, "ratio": many / few}


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1])))

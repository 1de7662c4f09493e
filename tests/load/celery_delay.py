"""The other usual way, to compare with: a typed FastAPI route that hands the action to Celery on RabbitMQ.

A plain `def` route, so that `.delay` blocks a thread of the pool and not the loop; Celery's own defaults, and the
broker's confirm waited for, without which an accepted action could be lost. No worker runs, and no result is kept.

python -m tests.load.celery_delay PORT, with W4R_AMQP_URL
"""

import sys
from typing import Any
from uuid import UUID, uuid4

from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from fastapi import FastAPI
from pydantic import BaseModel

from services.actions.schemas import ActionRequest
from shared.processes import run, serve
from shared.settings import Settings


class Accepted(BaseModel):
    id: UUID
    status: str
    receipt: str


def create_app(amqp_url: str) -> FastAPI:
    celery = Celery("actions", broker=amqp_url, backend=None)
    celery.conf.broker_transport_options = {"confirm_publish": True}
    celery.conf.task_ignore_result = True
    task, app = celery.task(deliver, name="deliver"), FastAPI()

    @app.post("/api/v1/actions", status_code=202)
    def accept(action: ActionRequest) -> Accepted:
        action_id = uuid4()
        task.delay(str(action_id), action.model_dump(mode="json"))
        return Accepted(id=action_id, status="accepted", receipt=f"http://localhost/receipts/{action.case}")

    return app


def deliver(action_id: str, action: dict[str, Any]) -> None:
    """What a worker would do with it."""
    raise NotImplementedError


if __name__ == "__main__":
    amqp_url = Settings().amqp_url
    assert amqp_url is not None, "set W4R_AMQP_URL"
    run(serve(create_app(amqp_url), "127.0.0.1", int(sys.argv[1])))

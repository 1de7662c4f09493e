"""The yardstick: a FastAPI route with the same typed body and a response model, that does nothing.

python -m tests.load.noop PORT
"""

import sys
from uuid import UUID, uuid4

from fastapi import FastAPI
from pydantic import BaseModel

from services.actions.schemas import ActionRequest
from shared.processes import run, serve


class Accepted(BaseModel):
    id: UUID
    status: str
    receipt: str


app = FastAPI()


@app.post("/api/v1/actions", status_code=202)
async def accept(action: ActionRequest) -> Accepted:
    return Accepted(id=uuid4(), status="accepted", receipt=f"http://localhost/receipts/{action.case}")


if __name__ == "__main__":
    run(serve(app, "127.0.0.1", int(sys.argv[1])))

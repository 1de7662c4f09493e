"""The yardstick: a FastAPI route that serves a constant string of so many bytes as a page.

python -m tests.load.constant_page PORT BYTES
"""

import sys

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from shared.processes import run, serve

app = FastAPI()
PAGE = "x" * int(sys.argv[2])


@app.get("/", response_class=HTMLResponse)
async def show() -> str:
    return PAGE


if __name__ == "__main__":
    run(serve(app, "127.0.0.1", int(sys.argv[1])))

"""Alembic runs this to learn which tables there should be: each of these files has some, in one registry."""

from services.actions.tables import Row
from shared.migrations import run_environment

run_environment(Row.metadata)

"""Alembic runs this to learn which tables there should be."""

from services.delivery.tables import Row
from shared.migrations import run_environment

run_environment(Row.metadata)

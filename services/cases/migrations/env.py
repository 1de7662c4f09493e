"""Alembic's entry: this service's tables."""

from services.cases.tables import Row
from shared.migrations import run_environment

run_environment(Row.metadata)

"""Alembic runs this to learn which tables there should be."""

from services.delivery.told_tables import ToldUpdate
from shared.migrations import run_environment

# Of all tables of the service: they share one registry, and this one's file imports the others.
run_environment(ToldUpdate.metadata)

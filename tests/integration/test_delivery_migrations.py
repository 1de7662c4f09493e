"""Delivery's migrations make the tables its code speaks of."""

from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlmodel import col, select

from services.delivery.kinds import Lane
from services.delivery.tables import Letter, Line
from services.delivery.wiring import MIGRATIONS
from shared.db import Database
from shared.migrations import check_migrations, migrate
from tests.support.delivery_service import delivery_service, many_actions
from tests.support.events import requested_news
from tests.support.until import until_done

"""Alembic runs this to learn which tables there should be."""

from services.actions.crowd_tables import LetterLikeness
from services.actions.forecasts import TargetForecast
from services.actions.news_tables import News
from shared.migrations import run_environment

# All tables of the service share one registry; those that `tables.py` does not hold are named here.
(METADATA,) = {LetterLikeness.metadata, TargetForecast.metadata, News.metadata}
run_environment(METADATA)

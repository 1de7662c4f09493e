"""The alert rules: Prometheus can read them, and every number they ask for is one that we measure."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

import services.delivery.wiring
from deploy.roles import ROLES
from services.actions.app import create_app
from services.actions.settings import ActionsSettings
from services.actions.wiring import build
from services.delivery.settings import DeliverySettings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy" / "alerts").glob("*.yml"))
DURATION = r"[1-9][0-9]*(ms|[smhdwy])"
WORDS = {"by", "and", "or", "unless", "offset", "on", "ignoring", "without", "bool"}
FUNCTIONS = {"sum", "max", "min", "rate", "avg", "increase", "absent", "vector"}
GIVEN = {"up"}  # Prometheus measures it itself


def rules() -> list[Any]:
    found = [group["rules"] for path in FILES for group in YAML(typ="safe").load(path.read_text())["groups"]]
    return [pytest.param(rule, id=rule["alert"]) for group in found for rule in group]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of everything that intake and delivery measure, as Prometheus sees them."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('measured') / 'a.db'}"
    wiring = build(ActionsSettings(database_url=url))
    create_app(wiring).build_middleware_stack()  # which is where requests are measured
    delivery = services.delivery.wiring.build(DeliverySettings(database_url=url))
    return names_in(wiring.registry) | names_in(delivery.registry)


def names_in(registry: CollectorRegistry) -> set[str]:
    families = list(registry.collect())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}


def names_asked_for(expression: str) -> set[str]:
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|offset \w+", " ", expression)
    return set(re.findall(r"[a-z_]\w*", bare)) - WORDS - FUNCTIONS


def test_there_are_rules() -> None:
    assert rules()


@pytest.mark.parametrize("rule", rules())
def test_a_rule_has_the_form_prometheus_reads(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert re.fullmatch(DURATION, rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description"}
    expression = rule["expr"]
    assert all(expression.count(left) == expression.count(right) for left, right in ("()", "[]", "{}"))


@pytest.mark.parametrize("rule", rules())
def test_a_rule_asks_only_for_what_is_measured(rule: dict[str, Any], measured: set[str]) -> None:
    asked = names_asked_for(rule["expr"])
    assert asked
    assert asked <= measured | GIVEN


@pytest.mark.parametrize("rule", rules())
def test_a_rule_names_processes_there_are(rule: dict[str, Any]) -> None:
    jobs = re.findall(r'job=(~?)"([^"]+)"', rule["expr"])
    assert jobs
    for is_pattern, job in jobs:
        pattern = job if is_pattern else re.escape(job)
        assert any(re.fullmatch(pattern, role.name) for role in ROLES)

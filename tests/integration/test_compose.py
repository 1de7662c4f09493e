"""docker-compose.yml and the image hold together: no engine is needed to see that what they name exists."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
from ruamel.yaml import YAML
from typer.testing import CliRunner

import deploy.topology
from deploy.local.gateway import TEMPLATE
from deploy.local.postgres import LocalPostgres
from deploy.new_secrets import lines
from deploy.roles import ROLES
from deploy.settings_table import SERVICES, variable
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()
COMPOSE: dict[str, Any] = YAML(typ="safe").load(TEXT)
PARTS: dict[str, Any] = COMPOSE["services"]
OURS = {name: part for name, part in PARTS.items() if part["image"] == "write-for-rights:local"}
ONCE = {"cases-migrate", "actions-migrate", "delivery-migrate", "topology", "cases-import"}


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_role_runs_and_nothing_else_of_ours() -> None:
    commands = {tuple(part["command"]) for name, part in OURS.items() if name not in ONCE}
    assert commands == {(role.module, role.role) for role in ROLES}


def test_every_command_answers_when_asked_for_help() -> None:
    runner, silent = CliRunner(), []
    for module, *command in {tuple(part["command"]) for part in OURS.values()}:
        words = [word for word in command if "/" not in word]
        answer = runner.invoke(commands_of(module), [*words, "--help"])
        if answer.exit_code or "Usage" not in answer.output:
            silent.append((module, *words))
    assert silent == []


def commands_of(module: str) -> typer.Typer:
    if module == deploy.topology.__name__:
        alone = typer.Typer()
        alone.command()(deploy.topology.main)
        return alone
    commands: typer.Typer = import_module(f"{module}.__main__").commands
    return commands


def test_a_wait_for_another_part_can_end() -> None:
    for name, part in PARTS.items():
        for other, wait in part.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in PARTS[other], f"{name} waits for the health of {other}, which has no check"
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert other in ONCE, f"{name} waits for the end of {other}, which never ends"


def test_everything_that_goes_on_running_has_a_health_check_and_comes_back() -> None:
    for name, part in PARTS.items():
        if name in ONCE:
            assert part["restart"] == "no"
        else:
            assert part["restart"] == "unless-stopped", name
            assert part["healthcheck"]["test"], name
        assert part["deploy"]["resources"]["limits"]["memory"], name


def test_what_is_buffered_gives_way_to_those_who_answer_people() -> None:
    shares: dict[bool, set[int]] = {True: set(), False: set()}
    for part in OURS.values():
        shares[part["command"][-1] == "web"].add(part["cpu_shares"])
    assert max(shares[False]) < min(shares[True])


def test_health_is_asked_on_the_port_the_process_answers_on() -> None:
    for name, part in OURS.items():
        if name not in ONCE:
            port = "W4R_HTTP_PORT" if part["command"][1] == "web" else "W4R_HEALTH_PORT"
            assert f":{part['environment'][port]}/health/ready" in part["healthcheck"]["test"][-1], name


def test_what_may_be_scaled_has_no_name_and_no_port_of_its_own() -> None:
    assert "container_name" not in TEXT
    assert [name for name, part in OURS.items() if "ports" in part] == []


def test_only_the_gateway_is_open_to_the_world() -> None:
    ports = {name: part["ports"] for name, part in PARTS.items() if "ports" in part}
    assert set(ports) == {"gateway", "mail-catcher"}
    assert all(port.startswith("127.0.0.1:") for port in ports["mail-catcher"])


def test_every_variable_given_to_a_process_is_one_of_its_settings() -> None:
    for name, part in OURS.items():
        settings = SERVICES.get(name.split("-")[0], Settings)
        known = {variable(field, info) for field, info in settings.model_fields.items()}
        assert set(part["environment"]) - known == set(), name


def test_the_gateway_is_given_what_its_template_asks_for() -> None:
    asked = set(re.findall(r"\$\{(W4R_GATEWAY_\w+)\}", TEMPLATE.read_text()))
    given = {name for name in PARTS["gateway"]["environment"] if name.startswith("W4R_GATEWAY_")}
    assert asked == given


def test_the_gateway_looks_for_processes_that_exist() -> None:
    environment = PARTS["gateway"]["environment"]
    for service in ("CASES", "ACTIONS", "DELIVERY"):
        host, port = environment[f"W4R_GATEWAY_{service}"].split(":")
        assert PARTS[host]["environment"]["W4R_HTTP_PORT"] == port


def test_no_secret_has_a_default() -> None:
    used = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    assert {name for name, rest in used if re.search("PASSWORD|TOKEN", name) and not rest.startswith(":?")} == set()


def test_every_secret_asked_for_is_made_and_fresh_each_time() -> None:
    asked = {name for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT) if rest.startswith(":?")}
    assert {line.split("=")[0] for line in lines()} == asked
    assert set(lines()).isdisjoint(lines())


def test_files_that_are_mounted_or_copied_exist() -> None:
    mounted = [volume.split(":")[0] for part in PARTS.values() for volume in part.get("volumes", [])]
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--)(\S+)", dockerfile, re.MULTILINE)
    missing = [path for path in [*mounted, *copied] if "/" in path or path in copied if not (ROOT / path).exists()]
    assert missing == []
    assert copied


async def test_the_database_script_gives_each_service_its_own_and_no_others(own_postgres: LocalPostgres) -> None:
    script = ROOT / "deploy" / "postgres" / "databases.sh"
    passwords = {f"W4R_{name}_DATABASE_PASSWORD": f"it's-{name}" for name in ("CASES", "ACTIONS", "DELIVERY")}
    admin = {"PGHOST": "127.0.0.1", "PGPORT": str(own_postgres.port), "PGPASSWORD": own_postgres.password}
    environment = {**os.environ, **admin, **passwords, "POSTGRES_USER": "w4r"}
    subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True, text=True)

    def connect(database: str) -> Any:
        own = {"user": "cases", "password": "it's-CASES", "database": database}
        return asyncpg.connect(host="127.0.0.1", port=own_postgres.port, timeout=5, **own)

    connection = await connect("cases")
    await connection.execute("CREATE TABLE letter (body text)")
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect("delivery")


def test_the_schema_check_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(json.dumps({"services": {"gateway": {"prots": ["8000:8000"]}}}))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(broken)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0

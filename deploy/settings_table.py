"""Writes the configuration table of the README from the settings themselves: `python -m deploy.settings_table`."""

from pathlib import Path

from pydantic.fields import FieldInfo

from services.actions.settings import ActionsSettings
from services.cases.settings import CasesSettings
from services.delivery.settings import DeliverySettings
from shared.settings import Settings

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"
SERVICES: dict[str, type[Settings]] = {
    "cases": CasesSettings,
    "actions": ActionsSettings,
    "delivery": DeliverySettings,
}


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable a field is read from."""
    choices = getattr(field.validation_alias, "choices", [])
    return next((str(choice) for choice in choices if str(choice).startswith("W4R_")), f"W4R_{name.upper()}")


def table() -> str:
    """One row a variable: who reads it, what it means, its default. Shared ones first."""
    lines = ["| variable | read by | meaning | default |", "|---|---|---|---|"]
    readers: dict[str, type[Settings]] = {"all": Settings, **SERVICES}
    for owner, settings in readers.items():
        for name, field in settings.model_fields.items():
            if owner == "all" or name not in Settings.model_fields:
                lines.append(f"| `{variable(name, field)}` | {owner} | {field.description} | {_default(field)} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "unset" if field.default in (None, "") else f"`{field.default}`"


def with_table(readme: str) -> str:
    head, rest = readme.split(BEGIN)
    return head + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))

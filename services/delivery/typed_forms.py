"""Reads staff's forms: what was typed, and which fields cannot be taken, in words of ours."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from shared.web.problems import FieldError, field_errors, invalid

FIELDS_MAX = 40

M = TypeVar("M", bound=BaseModel)


async def read_form(request: Request) -> dict[str, Any]:
    """Text fields alone, and the days that are ticked."""
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as data:
        form: dict[str, Any] = {name: value for name, value in data.items() if isinstance(value, str)}
        return form | ({"days": data.getlist("days")} if "days" in data and "at_work" in data else {})


def read_typed(model: type[M], values: Mapping[str, Any], said: Mapping[str, str], otherwise: str = "why") -> M:
    """Raises the 422 that says which fields cannot be taken: `said` has the words, `otherwise` is whose fault it is
    where none is named."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        fields = [each.field.split(".") for each in field_errors(error.errors(include_url=False))]
        named = dict.fromkeys(next((part for part in reversed(parts) if part in said), otherwise) for parts in fields)
        raise invalid([FieldError(field, said[field]) for field in named]) from None

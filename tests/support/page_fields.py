"""What a browser would send if the person pressed the button on a page."""

import re
from html import unescape
from typing import Any


def sent_by(page: str) -> dict[str, Any]:
    """Hidden fields and text areas by name; `targets` may be many."""
    fields: dict[str, Any] = {}
    for tag in re.findall(r'<input type="hidden" [^>]*>', page):
        attributes = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        if attributes["name"] == "targets":
            fields.setdefault("targets", []).append(attributes["value"])
        else:
            fields[attributes["name"]] = attributes["value"]
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL):
        fields[name] = unescape(text)
    return fields

"""A bundle as a document: what stands on its cover, and how it is dropped for whoever prints it."""

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from services.delivery.tables import Bundle, Letter
from shared.delivery_policy import PolicyMode
from shared.paper.sizes import sheet_of
from shared.paper.typesetting import direction_of, typeset

COVER = {
    PolicyMode.DIGEST: "The letters below were written to you through {campaign}. Each was sent by one person.",
    PolicyMode.PRINT: "These letters were written through {campaign}. Each was sent by one person.",
    PolicyMode.HANDOVER: "These letters were written through {campaign}, each by one person, and are handed to you on "
    "their behalf.",
}


async def typeset_bundle(bundle: Bundle, letters: Sequence[Letter], campaign_name: str) -> bytes:
    """Raises `TooBusy`."""
    return await typeset("bundle", bundle_data(bundle, letters, campaign_name))


def bundle_data(bundle: Bundle, letters: Sequence[Letter], campaign_name: str) -> dict[str, Any]:
    """What the template is given. Of supporters: name and country, and their address where they show it."""
    cases = Counter(letter.case_slug for letter in letters)
    post = next((letter.to_address for letter in letters if letter.line_id is None and letter.to_address), "")
    return {
        "id": str(bundle.id),
        "title": f"{len(letters)} letter{'s' if len(letters) != 1 else ''}",
        "paper": sheet_of("").paper,
        "to_name": bundle.target_name,
        "address": post,
        "cover": [COVER[bundle.mode].format(campaign=campaign_name)],
        "cases": [{"title": slug, "letters": count} for slug, count in sorted(cases.items())],
        "countries": len({letter.country for letter in letters}),
        "languages": len({letter.language.partition("-")[0] for letter in letters}),
        "handover": bundle.mode is PolicyMode.HANDOVER,
        "letters": [_letter(number, letter) for number, letter in enumerate(letters, 1)],
    }


async def write_drop(folder: Path, bundle: Bundle, letters: Sequence[Letter], content: bytes) -> None:
    """The PDF, then its manifest: who sees the manifest finds the whole document. Raises `OSError`."""
    name = f"{bundle.made_at.astimezone(UTC):%Y-%m-%d}-{bundle.mode}-{bundle.id}"
    manifest = {
        "bundle": str(bundle.id),
        "mode": bundle.mode,
        "target": str(bundle.target_id),
        "target_name": bundle.target_name,
        "made_at": bundle.made_at.isoformat(),
        "letters": [str(letter.id) for letter in letters],
        "file": f"{name}.pdf",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"
    await asyncio.to_thread(_write, folder / f"{name}.pdf", content)
    await asyncio.to_thread(_write, folder / f"{name}.json", text)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _letter(number: int, letter: Letter) -> dict[str, str]:
    return {
        "number": f"{number}",
        "language": letter.language,
        "direction": direction_of(letter.language),
        "subject": letter.subject,
        "body": letter.body,
        "sender_name": letter.sender_name,
        "country": letter.country,
        "reply_to": letter.reply_to or "",
    }

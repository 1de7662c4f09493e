"""Campaign folders to import in tests: a case that passes every rule, and ways to change one thing of it."""

from pathlib import Path

CAMPAIGN = """\
slug: write-for-rights
name: Write for Rights
summary: Letters for people at risk.
"""

CASE = """\
slug: a-test-case
title: A Test Case
person: Somebody Example
country: PK
summary: One sentence that says what is at stake.
story: |
  What happened.

  What happened then.
demands:
  - Let them go.
closes_at: 2030-12-31
consent:
  scope: name_and_story
  note: Agreed in writing.
channels: [email]
targets:
  - key: ministry
    name: Ministry of Examples
    country: PK
    email: info@ministry.example
letters:
  - language: en
    subject: Let them go
    body: |
      Dear Minister,

      let them go.
  - language: ur
    subject: انہیں رہا کیجیے
    body: |
      محترم وزیر،

      انہیں رہا کیجیے۔
"""

# The English letter, of talking points in place of one body.
ONE_BODY = """\
    body: |
      Dear Minister,

      let them go.
"""
POINTS = """\
    opening: Dear Minister,
    points:
      - They did nothing but speak.
      - Their children wait for them.
      - The law of your own country protects them.
      - A court has asked for them.
    closing: let them go.
"""

WON = """\
updates:
  - kind: outcome
    date: 2021-01
    text: They are free.
offline:
  - count: 400000
    wording: 400,000 actions
    source: A Partner
"""


def write_campaign(folder: Path, campaign: str = CAMPAIGN, **cases: str) -> Path:
    """A folder with `campaign.yaml` and each of `cases` as a file; without any, with the one case above."""
    folder.mkdir(exist_ok=True)
    (folder / "campaign.yaml").write_text(campaign, "utf-8")
    for name, text in (cases or {"a_test_case": CASE}).items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text, "utf-8")
    return folder


def change(text: str, *changes: tuple[str, str]) -> str:
    """Replace words in a file's text; raises when they are not there, so that no test changes nothing."""
    for old, new in changes:
        if old not in text:
            raise ValueError(f"not in the file: {old}")
        text = text.replace(old, new)
    return text


def line_of(text: str, words: str) -> int:
    """The line on which `words` first stand."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)

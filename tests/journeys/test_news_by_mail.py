"""Somebody asks to hear of a case, hears of it, has enough, and hears no more; in both worlds."""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx

from tests.journeys.worlds import Arrived, World, act, an_action, many_cases, until_all
from tests.support.until import until

FIRST, SECOND = "They were moved to another prison.", "All charges have been dropped."


def campaign_with(folder: Path, slug: str, *updates: str) -> Path:
    """The sample campaign's own words, and one open case with these updates."""
    sample = many_cases(folder, 0)
    case = (sample / "idris-khattak.yaml").read_text().replace("slug: idris-khattak", f"slug: {slug}")
    for path in sample.glob("*.yaml"):
        if path.name != "campaign.yaml":
            path.unlink()
    told = "".join(f"\n  - kind: news\n    text: {text}" for text in updates)
    (sample / f"{slug}.yaml").write_text(case + (f"\nupdates:{told}\n" if told else ""))
    return sample


async def test_news_comes_by_mail_until_one_click_ends_it(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    slug = f"case-of-news-{uuid4().hex[:8]}"  # a second try is another case: of the first one all is told
    await asyncio.to_thread(world.publish, campaign_with(tmp_path / "first", slug))

    async def is_known() -> bool:
        return (await act(client, an_action(slug))).status_code == 202

    await until(is_known, timeout_seconds=60)
    one, other = await opt_in(client, slug), await opt_in(client, slug)
    await asyncio.to_thread(world.publish, campaign_with(tmp_path / "second", slug, FIRST))
    await until(lambda: len(told(world, one)) == len(told(world, other)) == 1, timeout_seconds=60)
    (mail,) = told(world, one)
    link, one_click = mail.unsubscribe
    assert FIRST in mail.text
    assert one_click == "List-Unsubscribe=One-Click"
    path = httpx.URL(link.strip(" <>")).path
    assert path in mail.text, "who has no such button finds the link in the words"
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as mail_program:
        ended = await mail_program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert ended.status_code == 200
    await asyncio.to_thread(world.publish, campaign_with(tmp_path / "third", slug, FIRST, SECOND))
    await until(lambda: len(told(world, other)) == 2, timeout_seconds=60)
    assert [SECOND in mail.text for mail in told(world, other)].count(True) == 1
    assert len(told(world, one)) == 1, "both are asked for in one go: what has not come by now never does"


async def opt_in(client: httpx.AsyncClient, slug: str) -> str:
    """A supporter's own address; their letters are out."""
    address = f"{uuid4().hex}@mail.example"
    person = {"name": "A Supporter", "email": address, "country": "DE"}
    answer = await act(client, an_action(slug, supporter=person, opt_in=True))
    await until_all(client, answer.json()["receipt"], "sent", timeout_seconds=60)
    return address


def told(world: World, address: str) -> list[Arrived]:
    return [mail for mail in world.arrived() if mail.recipient == address]

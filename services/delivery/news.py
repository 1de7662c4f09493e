"""What a mail with news says, as it stands in the body of its row: the words round it are the template's."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Self

from shared.languages import LANGUAGES
from shared.messages.actions_news import NewsRequestedV1


@dataclass(frozen=True, slots=True)
class NewsWords:
    """`stop_url` leads to a page in the reader's language; `one_click_url` is the same without one."""

    text: str
    discreet: bool
    case_url: str
    stop_url: str
    asked_at: datetime

    @classmethod
    def of(cls, asked: NewsRequestedV1) -> Self:
        return cls(asked.text, asked.discreet, asked.case_url, asked.stop_url, asked.asked_at)

    @classmethod
    def read(cls, body: str) -> Self:
        values = json.loads(body)
        return cls(**values | {"asked_at": datetime.fromisoformat(values["asked_at"])})

    def as_body(self) -> str:
        return json.dumps(asdict(self) | {"asked_at": self.asked_at.isoformat()}, ensure_ascii=False)

    def with_stop(self, words: str) -> Self:
        return replace(self, stop_url=words)

    @property
    def front_url(self) -> str:
        """The site's front page in the reader's language: nothing of its address tells which case it is about."""
        return self.case_url.rpartition("/cases/")[0] + "/"

    @property
    def one_click_url(self) -> str:
        site, found, token = self.stop_url.rpartition("/unsubscribe/")
        before, _, language = site.rpartition("/")
        return f"{before if language in LANGUAGES else site}{found}{token}"

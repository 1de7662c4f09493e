"""A post in public: counted when a supporter asks for it, and opened in their network's own composer.

They give no name and no mailbox for it, so it is asked for in a shape of its own. The network learns nothing before
they follow the link.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from services.actions.proofs import PROOF_CHARACTERS_MAX
from services.actions.receipts import ReceiptView
from services.actions.schemas import SLUG, ActionRequest, Body, Fields, Language, LetterFields, SupporterFields
from shared.messages.cases import Channel, Target
from shared.posts.composing import compose_post
from shared.posts.intents import intent
from shared.posts.networks import NAMES, Network

TEXT_CHARACTERS_MAX = 1_000
NOWHERE = "ZZ"  # as the ledger calls countries it does not name


class PostRequest(Fields):
    """One post by one supporter on one case. `network` is where they mean to post it."""

    case: Annotated[str, Field(max_length=100, pattern=SLUG, description="the case's slug")]
    network: Network
    text: Annotated[Body, Field(max_length=TEXT_CHARACTERS_MAX)]
    language: Language
    proof: Annotated[str, Field(max_length=PROOF_CHARACTERS_MAX)] | None = Field(
        default=None,
        exclude=True,
        description="a solved challenge from GET /api/v1/actions/challenge, for campaigns that ask for proof of work",
    )

    def digest(self) -> str:
        """The same for two requests that say the same, however they were proven."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def as_action(self) -> ActionRequest:
        """The action it is: by nobody who is named, in the words of the post. Its subject is the network."""
        return ActionRequest.model_construct(
            case=self.case,
            channel=Channel.SOCIAL,
            supporter=SupporterFields.model_construct(name="", email="", country=NOWHERE),
            letter=LetterFields.model_construct(subject=self.network.value, body=self.text, language=self.language),
            targets=None,
            hide_email=True,
            opt_in=False,
            source={},
            proof=self.proof,
        )


POST_REQUEST: TypeAdapter[PostRequest] = TypeAdapter(PostRequest)


@dataclass(frozen=True)
class Posting:
    """The post on one network, as long as it may be there, and the link that opens it in a composer.

    On Mastodon there is no link without the reader's server."""

    network: Network
    text: str
    link: str | None

    @property
    def network_name(self) -> str:
        return NAMES[self.network]


def postings_of(receipt: ReceiptView, server: str, site: str) -> list[Posting]:
    """A post for each network, the one that was asked for first; none where the action is no post, or its case closed.

    One target alone is named: a post that names many is taken for spam. `server` is the reader's on Mastodon, as typed.
    """
    action = receipt.action
    if action.channel != Channel.SOCIAL or not receipt.case_is_open:
        return []
    target = next((target for target in receipt.targets if target.handle), None)
    case_url = f"{site.rstrip('/')}/cases/{action.case_slug}"
    order = sorted(Network, key=lambda network: network.value != action.letter_subject)
    return [_compose(network, action.letter_body, target, case_url, server) for network in order]


def _compose(network: Network, words: str, target: Target | None, case_url: str, server: str) -> Posting:
    text = compose_post(network, words, handle=target.handle if target else None, link=case_url)
    try:
        link = intent(network, text, server)
    except ValueError:
        link = None
    return Posting(network, text, link)

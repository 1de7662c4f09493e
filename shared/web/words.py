"""Words that the pages of several services say."""

from collections.abc import Mapping

from shared.languages import N_
from shared.messages.cases import Channel

CHANNEL_WORDS: Mapping[Channel, str] = {
    Channel.EMAIL: N_("by email"),
    Channel.POST: N_("by post"),
    Channel.SOCIAL: N_("on social media"),
    Channel.SOLIDARITY: N_("a message to the person"),
}

"""Words that the pages of several services say."""

from collections.abc import Mapping

from shared.languages import N_
from shared.messages.cases import Channel

# Of the fields of a letter's form. Read on their own, beside their field or in the summary above the form, where
# "please fill this in" would leave people guessing.
EMPTY_WORDS: Mapping[str, str] = {
    "name": N_("Your name is missing."),
    "email": N_("Your email address is missing."),
    "country": N_("Please choose your country."),
    "subject": N_("The subject is missing."),
    "body": N_("Nothing is written yet."),
}
NO_ADDRESS = N_("This is not an email address. One looks like name@example.org.")

CHANNEL_WORDS: Mapping[Channel, str] = {
    Channel.EMAIL: N_("by email"),
    Channel.POST: N_("by post"),
    Channel.SOCIAL: N_("on social media"),
    Channel.SOLIDARITY: N_("a message to the person"),
}

"""What sheets, posters and the kit say in every case, marked for the catalogues."""

from dataclasses import dataclass

from shared.languages import N_


@dataclass(frozen=True)
class Chapter:
    """A heading, and what is to be done under it."""

    title: str
    lines: tuple[str, ...]


SITE_NAME = N_("Write for Rights")
SOMEONE = N_("Write for someone at risk")
ANY_CASE = N_("Read the case of a person at risk, and write to those who can stop the abuse.")
QUIET_CASE = N_("A case that asks for discretion")

WHAT_HAPPENED, DEMANDS, TARGETS = N_("What happened"), N_("What we ask for"), N_("Who can end it")
SCAN = N_("Scan the code, or go to")
SCAN_ONLY = N_("Scan the code")
CODE = N_("QR code")
WHOLE_STORY = N_("The whole story, and everybody to write to, stand on the case’s page.")
CALL = N_("Write a letter")

TIPS = Chapter(
    N_("How to write"),
    (
        N_("In your own words, politely and briefly. Half a page is enough."),
        N_("Say whom you write about, and what you ask for."),
        N_("Say who you are, as far as you wish, and ask for an answer."),
        N_("If writing could put you at risk, do not write under your own name, or do not write."),
    ),
)

EVENT = N_("Hold a letter-writing event")
EVENT_LEAD = N_("A table, some paper and an hour or two are enough: at school, in a library, in your kitchen.")
BEFORE = Chapter(
    N_("Before"),
    (
        N_("Choose one case, or up to three, and read them yourself: people will ask you."),
        N_("Find a place that everybody can get into, and can leave at any time."),
        N_("Print a case sheet for each table, the poster for the door, and the lined sheet for letters."),
        N_("Have pens, envelopes and stamps at hand. Ask at the post office what a letter to that country costs."),
    ),
)
ON_THE_DAY = Chapter(
    N_("On the day"),
    (
        N_("Begin with the person: read aloud what happened, and what is asked for."),
        N_("Everybody writes in their own words, in the language they like. Short, plain and polite is good."),
        N_("Nobody has to write, to sign with their full name, or to give an address. Listening is enough."),
        N_("Do not promise that a letter will free anybody. It shows that somebody is watching; no more is certain."),
        N_("Some stories are hard to hear. Take a break, and keep a quiet corner."),
    ),
)
SAFETY = Chapter(
    N_("Safety and consent"),
    (
        N_("Tell only what the case sheet tells: that much was agreed to. Add no names, places or pictures."),
        N_("Writing can be dangerous for people with ties to the country. Say so before you begin, to all alike."),
        N_("Take pictures only of people who said yes, and never of addresses. Keep no list of who came."),
        N_("Before children write, ask those who care for them."),
        N_("Look at each case’s page on the day. If the case was withdrawn, put its papers away."),
    ),
)
AFTER = Chapter(
    N_("After"),
    (
        N_("Post the letters within days, and before their case closes."),
        N_("Report how many letters really went out. Staff look at each report, and only then it counts."),
        N_("Keep no letters and no addresses. Tell those who came where news of the case will be."),
    ),
)
GUIDE = (BEFORE, ON_THE_DAY, SAFETY, AFTER)

OPEN_CASES = N_("Who needs you now")
NO_CASE = N_("No case is open at this moment.")
REPORT = N_("Report letters written at an event")
REPORT_LEAD = N_("How many, for whom, on which day, and where. You need no account.")
LETTER_TO, LETTER_FROM = N_("To"), N_("Your name")

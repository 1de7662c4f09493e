"""What this service answers when a case cannot be shown."""

from shared.languages import N_
from shared.web.problems import Problem

SECONDS_TO_REST = 30


class UnknownCase(Problem):
    """404."""

    def __init__(self) -> None:
        super().__init__(
            404, "unknown-case", N_("There is no such case"), N_("Perhaps the address was cut short on its way.")
        )


class UnknownPicture(Problem):
    """404, and nothing more of one that was there: it went with its case, or another took its place."""

    def __init__(self) -> None:
        headers = {"Cache-Control": "no-store"}
        super().__init__(404, "unknown-picture", N_("There is no such picture"), headers=headers)


class CaseWithdrawn(Problem):
    """410, and not a word of the person: that is what they asked for."""

    def __init__(self) -> None:
        super().__init__(
            410,
            "case-withdrawn",
            N_("This case is no longer public"),
            N_("It was withdrawn, and letters that had not gone out were stopped. Please share nothing of it."),
        )


class CaseFinished(Problem):
    """410: a paper that asks for letters must not go round when nobody waits for them any more."""

    def __init__(self) -> None:
        detail = N_("There is nothing to print for it any more. Its page tells what came of it.")
        super().__init__(410, "case-finished", N_("This case is closed"), detail)


class NumbersRest(Problem):
    """503: a crowded process leaves numbers out before it refuses a letter."""

    def __init__(self) -> None:
        detail = N_("They go on being counted, and will be shown again.")
        headers = {"Retry-After": str(SECONDS_TO_REST)}
        super().__init__(503, "numbers-rest", N_("Numbers are not shown for a moment"), detail, headers=headers)


class SearchRests(Problem):
    """503, on the API: a list that was asked to be narrowed is never given whole."""

    def __init__(self) -> None:
        detail = "The list without filters goes on being answered."
        headers = {"Retry-After": str(SECONDS_TO_REST)}
        super().__init__(503, "search-rests", "Lists are not narrowed for a moment", detail, headers=headers)


class ReportsFull(Problem):
    """503: more reports wait for staff than they could look at."""

    def __init__(self) -> None:
        detail = N_("So many reports wait to be looked at that no more can be kept. Please send it again in some days.")
        headers = {"Retry-After": str(24 * 3600)}
        super().__init__(503, "reports-full", N_("We take in no reports just now"), detail, headers=headers)


class UnknownReport(Problem):
    """404."""

    def __init__(self) -> None:
        super().__init__(404, "unknown-report", "There is no such report")


class AlreadyDecided(Problem):
    """409: two colleagues at once, or a page that was old."""

    def __init__(self, state: str) -> None:
        super().__init__(409, "already-decided", "This report was decided already", f"It is {state}.")


NotShown = type[UnknownCase] | type[CaseWithdrawn]

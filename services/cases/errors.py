"""What this service answers when a case cannot be shown."""

from shared.web.problems import Problem

SECONDS_TO_REST = 30


class UnknownCase(Problem):
    """404."""

    def __init__(self) -> None:
        super().__init__(404, "unknown-case", "There is no such case", "Perhaps the address was cut short on its way.")


class CaseWithdrawn(Problem):
    """410, and not a word of the person: that is what they asked for."""

    def __init__(self) -> None:
        super().__init__(
            410,
            "case-withdrawn",
            "This case is no longer public",
            "It was withdrawn, and letters that had not gone out were stopped. Please do not share what you remember.",
        )


class NumbersRest(Problem):
    """503: a crowded process leaves numbers out before it refuses a letter."""

    def __init__(self) -> None:
        detail = "They go on being counted, and will be shown again."
        headers = {"Retry-After": str(SECONDS_TO_REST)}
        super().__init__(503, "numbers-rest", "Numbers are not shown for a moment", detail, headers=headers)


NotShown = type[UnknownCase] | type[CaseWithdrawn]

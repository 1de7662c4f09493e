"""What this service answers when a case cannot be shown."""

from shared.web.problems import Problem


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


NotShown = type[UnknownCase] | type[CaseWithdrawn]

"""What a case is about: a small closed vocabulary, so that cases of several campaigns can be found alike."""

from collections.abc import Mapping
from enum import StrEnum

from shared.languages import N_


class Issue(StrEnum):
    """The right that is denied, or whose it is. A new word needs its name below, and no change of the database."""

    ARBITRARY_DETENTION = "arbitrary-detention"
    CHILDREN_AND_YOUTH = "children-and-youth"
    DEATH_PENALTY = "death-penalty"
    DISCRIMINATION = "discrimination"
    ENFORCED_DISAPPEARANCE = "enforced-disappearance"
    ENVIRONMENT_AND_LAND = "environment-and-land"
    FAIR_TRIAL = "fair-trial"
    FREEDOM_OF_ASSEMBLY = "freedom-of-assembly"
    FREEDOM_OF_EXPRESSION = "freedom-of-expression"
    HEALTH = "health"
    HUMAN_RIGHTS_DEFENDERS = "human-rights-defenders"
    INDIGENOUS_PEOPLES = "indigenous-peoples"
    LGBTI_PEOPLE = "lgbti-people"
    REFUGEES_AND_MIGRANTS = "refugees-and-migrants"
    TORTURE = "torture"
    WOMEN = "women"


ISSUE_WORDS: Mapping[Issue, str] = {
    Issue.ARBITRARY_DETENTION: N_("Arbitrary detention"),
    Issue.CHILDREN_AND_YOUTH: N_("Children and young people"),
    Issue.DEATH_PENALTY: N_("Death penalty"),
    Issue.DISCRIMINATION: N_("Discrimination"),
    Issue.ENFORCED_DISAPPEARANCE: N_("Enforced disappearance"),
    Issue.ENVIRONMENT_AND_LAND: N_("Environment and land"),
    Issue.FAIR_TRIAL: N_("Fair trial"),
    Issue.FREEDOM_OF_ASSEMBLY: N_("Freedom of assembly"),
    Issue.FREEDOM_OF_EXPRESSION: N_("Freedom of expression"),
    Issue.HEALTH: N_("Health"),
    Issue.HUMAN_RIGHTS_DEFENDERS: N_("Human rights defenders"),
    Issue.INDIGENOUS_PEOPLES: N_("Indigenous peoples"),
    Issue.LGBTI_PEOPLE: N_("LGBTI people"),
    Issue.REFUGEES_AND_MIGRANTS: N_("Refugees and migrants"),
    Issue.TORTURE: N_("Torture"),
    Issue.WOMEN: N_("Women"),
}

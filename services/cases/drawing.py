"""Draws the pictures that an import has to write: of cases that it publishes, and of no others."""

from collections.abc import Container, Iterable, Mapping

from services.cases.folder import PICTURE_FIELD, Complaint, FolderRefused, ReadFile
from services.cases.picture_files import NotAPicture, Rendition, make_renditions
from services.cases.revisions import Decision, Step

Drawn = Mapping[str, tuple[Rendition, ...]]


def to_draw(decided: Iterable[tuple[ReadFile, Decision]], drawn: Container[str] = ()) -> list[ReadFile]:
    """The cases whose pictures are needed, and not among those `drawn` already."""
    return [
        file
        for file, decision in decided
        if decision.step is Step.PUBLISH and file.picture and file.case.slug not in drawn
    ]


def draw_pictures(files: Iterable[ReadFile]) -> Drawn:
    """The pictures of these cases, by slug. Takes seconds for each. Raises `FolderRefused`."""
    drawn: dict[str, tuple[Rendition, ...]] = {}
    refused: list[Complaint] = []
    for file in files:
        try:
            drawn[file.case.slug] = make_renditions(file.picture.path) if file.picture else ()
        except NotAPicture as fault:
            refused.append(file.complain(PICTURE_FIELD, str(fault)))
    if refused:
        raise FolderRefused(refused)
    return drawn

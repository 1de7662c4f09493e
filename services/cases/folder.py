"""Reads a campaign's folder, and tells everything that is wrong with it at once, by file, line and field."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from services.cases.case_files import CampaignFile, CaseFile, FilePart, TargetPart
from services.cases.case_rules import check_case
from services.cases.picture_files import NotAPicture, check_picture
from services.cases.tables import CaseStatus
from services.cases.yaml_lines import Document, NotYaml, Path_, read_document

CAMPAIGN_FILE = "campaign.yaml"
FILES_MAX = 1_000
PICTURES = "pictures"
PICTURE_FIELD = ("picture", "file")

F = TypeVar("F", bound=FilePart)

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field we know here",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "is not written as it must be: it has to fit {pattern}",
    "enum": "must be one of: {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "tuple_type": "must be a list, each entry on a line that begins with a dash",
    "model_type": "must have fields of its own",
    "model_attributes_type": "must have fields of its own",
}


@dataclass(frozen=True, order=True)
class Complaint:
    """One thing to put right before anything of the folder is taken."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.field + ' ' if self.field else ''}{self.message}"


class FolderRefused(Exception):
    """Nothing of the folder was taken. `complaints` are all there are."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = sorted(complaints)
        super().__init__("\n".join(map(str, self.complaints)))


@dataclass(frozen=True)
class PictureSource:
    """The file of a case's picture, and the digest of its bytes."""

    path: Path
    digest: str


@dataclass(frozen=True)
class ReadFile:
    """A case that passed every rule, and where its fields stand."""

    name: str
    case: CaseFile
    document: Document
    picture: PictureSource | None = None

    def complain(self, path: Path_, message: str) -> Complaint:
        return Complaint(self.name, self.document.line_of(path), _spell(path), message)


@dataclass(frozen=True)
class Folder:
    campaign: CampaignFile
    files: tuple[ReadFile, ...]


def read_folder(path: Path) -> Folder:
    """Read `campaign.yaml` and every other `*.yaml` as a case. Raises `FolderRefused`."""
    if not (path / CAMPAIGN_FILE).is_file():
        raise FolderRefused([Complaint(CAMPAIGN_FILE, 1, "", f"is not in the folder {path.name}")])
    complaints: list[Complaint] = []
    campaign = _read(path / CAMPAIGN_FILE, CampaignFile, complaints)
    names = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and file.name != CAMPAIGN_FILE)
    if len(names) > FILES_MAX:
        raise FolderRefused([Complaint(CAMPAIGN_FILE, 1, "", f"has more than {FILES_MAX} cases beside it")])
    read = [(file, _read(file, CaseFile, complaints)) for file in names]
    files = tuple(_with_picture(ReadFile(file.name, *case), path, complaints) for file, case in read if case)
    for file in files:
        complaints.extend(file.complain(*broken) for broken in check_case(file.case))
    complaints.extend(_between(files))
    if complaints or campaign is None:
        raise FolderRefused(complaints)
    return Folder(campaign[0], files)


def _with_picture(file: ReadFile, folder: Path, complaints: list[Complaint]) -> ReadFile:
    """A withdrawn case is not asked for its picture: the file may be gone, and is not to be shown."""
    if file.case.picture is None or file.case.status is CaseStatus.WITHDRAWN:
        return file
    name = file.case.picture.file
    found = next((place for place in (folder / name, folder / PICTURES / name) if place.is_file()), folder / name)
    try:
        return replace(file, picture=PictureSource(found, check_picture(found)))
    except NotAPicture as fault:
        complaints.append(file.complain(PICTURE_FIELD, str(fault)))
        return file


def _read(file: Path, model: type[F], complaints: list[Complaint]) -> tuple[F, Document] | None:
    try:
        document = read_document(file)
        return model.model_validate(document.data), document
    except NotYaml as error:
        complaints.append(Complaint(file.name, error.line, "", error.message))
    except ValidationError as error:
        found: Sequence[Any] = error.errors(include_input=False, include_url=False)
        for fault in found:
            path: Path_ = tuple(fault["loc"])
            complaints.append(Complaint(file.name, document.line_of(path), _spell(path), _words(fault)))
    return None


def _words(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    words = _WORDS.get(fault["type"])
    return words.format(**fault.get("ctx", {})) if words else fault["msg"][0].lower() + fault["msg"][1:]


def _spell(path: Path_) -> str:
    """`letters[2].subject`, counting from 1 as people do."""
    spelt = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return spelt.lstrip(".")


def _between(files: Sequence[ReadFile]) -> Iterable[Complaint]:
    """What holds between files: no slug twice, and one target is described alike wherever it is named."""
    slugs: dict[str, str] = {}
    targets: dict[str, tuple[str, TargetPart]] = {}
    for file in files:
        other = slugs.setdefault(file.case.slug, file.name)
        if other != file.name:
            yield file.complain(("slug",), f"is also the slug of {other}")
        for place, target in enumerate(file.case.targets):
            where, first = targets.setdefault(target.key, (file.name, target))
            if first != target:
                yield file.complain(("targets", place), f"describes `{target.key}` otherwise than {where} does")

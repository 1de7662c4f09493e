"""A campaigner's mistakes are told all at once, in clear words, by file, line and field."""

from pathlib import Path

import pytest

from services.cases.folder import FolderRefused, read_folder
from tests.support.cases_folders import CAMPAIGN, CASE, ONE_BODY, POINTS, WON, change, line_of, write_campaign
from tests.support.made_pictures import a_picture

TOLD = "{key: a, kind: news, text: Something}"


def complaints_of(folder: Path) -> list[str]:
    with pytest.raises(FolderRefused) as refused:
        read_folder(folder)
    return [str(complaint) for complaint in refused.value.complaints]


def complaints_about(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    return complaints_of(write_campaign(tmp_path, a_test_case=change(CASE, *changes)))


def test_a_folder_without_faults_is_read(tmp_path: Path) -> None:
    folder = read_folder(write_campaign(tmp_path))
    assert [file.case.slug for file in folder.files] == ["a-test-case"]
    assert folder.campaign.name == "Write for Rights"


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    second = change(CASE, ("slug: a-test-case", "slug: another"), ("title: A Test Case\n", ""))
    first = change(CASE, ("country: PK\nsummary", "country: Pakistan\nsummary"), ("info@ministry.example", "nobody"))
    told = complaints_of(
        write_campaign(tmp_path, change(CAMPAIGN, ("name:", "nam:")), a_test_case=first, second=second)
    )
    assert told == [
        f"a-test-case.yaml, line {line_of(first, 'country: Pakistan')}: country must be a country's two-letter code "
        "(ISO 3166-1), for example PK",
        f"a-test-case.yaml, line {line_of(first, 'nobody')}: targets[1].email must be one mail address, for example "
        "info@ministry.example",
        "campaign.yaml, line 1: name is missing",
        "campaign.yaml, line 2: nam is not a field we know here",
        "second.yaml, line 1: title is missing",
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("consent:\n  scope: name_and_story\n  note: Agreed in writing.\n", "", "consent is missing"),
        ("scope: name_and_story", "scope: nothing", "consent.scope says that nothing may be published"),
        ("scope: name_and_story", "scope: everything", "consent.scope must be one of"),
        ("story: |", f"updates: [{TOLD}, {TOLD}]\nstory: |", "updates has `a` twice"),
        ("channels: [email]", "channels: []", "channels must have at least one entry while the case is open"),
        ("channels: [email]", "channels: [email, post]", "channels[2] offers `post`, but no target has `post_address`"),
        ("channels: [email]", "channels: [email, email]", "channels has `email` twice"),
        ("language: ur", "language: en", "letters has `en` twice"),
        ("language: ur", "language: urduish", "letters[2].language must be a language tag"),
        ("subject: Let them go", 'subject: "Let them go\\nBcc: x"', "letters[1].subject must be one line"),
        ("subject: Let them go", f"subject: {'x' * 201}", "letters[1].subject must have at most 200 characters"),
        ("closes_at: 2030-12-31", "closes_at: 2030-13-31", "closes_at "),
        ("closes_at: 2030-12-31", "closes_at: 2030-12-31T10:00:00", "closes_at must name its time zone"),
        ("title: A Test Case", "title: [A, B]", "title must be text"),
        ("country: PK\nsummary", "country: PK\ncountry: IN\nsummary", "says `country` twice"),
        ("slug: a-test-case", "slug: A Test Case", "slug is not written as it must be"),
        ("story: |", "status: won\nstory: |", "updates must tell the outcome"),
        ("story: |", "story: [", "is not YAML"),
        ("story: |", "issues: [torture, weather]\nstory: |", "issues[2] must be one of: 'arbitrary-detention', '"),
        ("story: |", "issues: [torture, torture]\nstory: |", "issues has `torture` twice"),
        ("story: |", "picture: {file: a.jpg}\nstory: |", "picture.alt is missing"),
        ("story: |", "picture: {file: ../a.jpg, alt: x}\nstory: |", "picture.file must name a .jpg"),
        ("story: |", "picture: {file: a.svg, alt: x}\nstory: |", "picture.file must name a .jpg"),
        ("story: |", "picture: {file: a.jpg, alt: x}\nstory: |", "picture.file cannot be read: No such file"),
        (ONE_BODY, "", "letters[1].body is missing: or write `opening`, `points` and `closing`"),
        (ONE_BODY, ONE_BODY + POINTS, "letters[1].points cannot stand beside `body`"),
        (
            ONE_BODY,
            change(POINTS, ("    closing: let them go.\n", "")),
            "letters[1].closing is missing beside the other",
        ),
        (
            ONE_BODY,
            "    opening: A\n    closing: B\n    points: [C]\n",
            "letters[1].points must have at least 2 entries",
        ),
        (ONE_BODY, "    opening: A\n    closing: B\n    points: [C, D, C]\n", "letters[1].points[3] says the same as"),
        (ONE_BODY, change(POINTS, ("They did", "x" * 19_900 + " They did")), "letters[1].points make a letter of more"),
    ],
)
def test_a_fault_names_its_field(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert any(words in told for told in complaints_about(tmp_path, (old, new)))


def test_the_line_is_that_of_the_field(tmp_path: Path) -> None:
    (told,) = complaints_about(tmp_path, ("scope: name_and_story", "scope: nothing"))
    assert told.startswith(f"a-test-case.yaml, line {line_of(CASE, 'scope:')}: ")


def test_a_complaint_about_a_point_tells_its_line(tmp_path: Path) -> None:
    text = change(CASE, (ONE_BODY, change(POINTS, ("Their children", "The children of Somebody"))))
    nameless = change(text, ("name_and_story", "story_without_name"))
    (told,) = complaints_of(write_campaign(tmp_path, a_test_case=nameless))
    where = f"a-test-case.yaml, line {line_of(text, 'The children of')}: letters[1].points[2] "
    assert told.startswith(where + "names the person")


def test_what_letters_start_from_stays_small_enough_for_one_event(tmp_path: Path) -> None:
    long = change(POINTS, ("Dear Minister,", "x" * 15_000))
    urdu = CASE[CASE.index("  - language: ur") :]
    text = change(CASE, (ONE_BODY, long), (urdu, "  - language: ar\n    subject: Y\n" + long))
    (told,) = complaints_of(write_campaign(tmp_path, a_test_case=text))
    assert "letters are too long: with all their variants, more than 300000 characters" in told


def test_a_person_who_stays_nameless_is_named_nowhere(tmp_path: Path) -> None:
    told = complaints_about(
        tmp_path, ("name_and_story", "story_without_name"), ("  What happened then.", "  Then Somebody was taken.")
    )
    assert [complaint for complaint in told if "story names the person" in complaint]


def test_advice_to_who_writes_to_them_does_not_name_them_either(tmp_path: Path) -> None:
    advice = "solidarity_advice: Somebody reads Spanish.\nstory: |"
    told = complaints_about(tmp_path, ("name_and_story", "story_without_name"), ("story: |", advice))
    assert ["solidarity_advice names the person" in complaint for complaint in told] == [True]


def test_a_case_may_take_messages_alone(tmp_path: Path) -> None:
    letters = CASE[CASE.index("targets:") :]
    text = change(CASE, ("channels: [email]", "channels: [solidarity]"), (letters, ""))
    assert read_folder(write_campaign(tmp_path, a_test_case=text)).files[0].case.letters == ()


@pytest.mark.parametrize(
    ("shows", "refused"), [("", True), (", shows_person: true", True), (", shows_person: false", False)]
)
def test_a_person_who_stays_nameless_is_in_no_picture(tmp_path: Path, shows: str, refused: bool) -> None:
    a_picture(tmp_path / "hands.jpg", (480, 480))
    picture = f"picture: {{file: hands.jpg, alt: Two hands{shows}}}\nstory: |"
    nameless = change(CASE, ("name_and_story", "story_without_name"), ("story: |", picture))
    write_campaign(tmp_path, a_test_case=nameless)
    if not refused:
        assert read_folder(tmp_path).files[0].picture
        return
    (told,) = complaints_of(tmp_path)
    assert f"line {line_of(nameless, 'picture:')}: picture may show nobody who did not agree to be known" in told


def test_what_a_picture_shows_names_nobody_who_stays_nameless(tmp_path: Path) -> None:
    a_picture(tmp_path / "hands.jpg", (480, 480))
    picture = (
        "picture: {file: hands.jpg, alt: Hands, shows_person: false, translations: {es: {alt: De Somebody}}}\nstory: |"
    )
    told = complaints_about(tmp_path, ("name_and_story", "story_without_name"), ("story: |", picture))
    assert ["picture.translations.es names the person" in complaint for complaint in told] == [True]


def test_a_story_without_a_name_may_be_published(tmp_path: Path) -> None:
    nameless = change(CASE, ("name_and_story", "story_without_name"))
    assert read_folder(write_campaign(tmp_path, a_test_case=nameless)).files


def test_one_target_is_described_alike_everywhere(tmp_path: Path) -> None:
    other = change(CASE, ("slug: a-test-case", "slug: other"), ("info@ministry", "post@ministry"))
    (told,) = complaints_of(write_campaign(tmp_path, a_test_case=CASE, other=other))
    assert "other.yaml" in told
    assert "describes `ministry` otherwise than a-test-case.yaml does" in told


def test_two_files_cannot_be_the_same_case(tmp_path: Path) -> None:
    (told,) = complaints_of(write_campaign(tmp_path, a_test_case=CASE, other=CASE))
    assert "slug is also the slug of a-test-case.yaml" in told


def test_a_folder_without_a_campaign_is_refused(tmp_path: Path) -> None:
    assert "campaign.yaml, line 1: is not in the folder" in complaints_of(tmp_path)[0]


def test_a_file_of_aliases_within_aliases_is_refused(tmp_path: Path) -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (told,) = complaints_of(write_campaign(tmp_path, bomb="\n".join(layers)))
    assert "has more than 5000 parts" in told


def test_a_tag_builds_nothing(tmp_path: Path) -> None:
    told = complaints_about(tmp_path, ("title: A Test Case", "title: !!python/object/apply:os.getcwd []"))
    assert any("title must be text" in complaint for complaint in told)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = write_campaign(tmp_path)
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert any("binary.yaml" in told and "UTF-8" in told for told in complaints_of(folder))


def test_a_day_alone_means_its_end(tmp_path: Path) -> None:
    (file,) = read_folder(write_campaign(tmp_path)).files
    assert file.case.closes_at is not None
    assert file.case.closes_at.isoformat() == "2030-12-31T23:59:59+00:00"


@pytest.mark.parametrize("day", ["2020-04-02", "2021-01", "2021"])
def test_an_outcome_is_dated_as_exactly_as_it_is_known(tmp_path: Path, day: str) -> None:
    won = change(CASE + WON, ("title:", "status: won\ntitle:"), ("date: 2021-01", f"date: {day}"))
    (file,) = read_folder(write_campaign(tmp_path, a_test_case=won)).files
    assert file.case.updates[0].date == day

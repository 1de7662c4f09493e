"""Which documents of an answer are passed on: by what they are, not by what they are called."""

from base64 import b64encode
from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.delivery.home import documents as bounds
from services.delivery.home.charsets import known, read_words
from services.delivery.home.documents import Document, Documents, read_documents
from services.delivery.home.mail import IncomingKind, read_incoming
from services.delivery.home.parsing import PART_LINES_MAX
from services.delivery.home.parts import DECORATION_BYTES_MAX
from services.delivery.home.recognising import INFLATED_BYTES_MAX, PIXELS_MAX
from services.delivery.mime import Attachment, MediaType
from tests.support.documents import (
    DOUBLE,
    PROGRAM,
    TNEF,
    ZIP,
    a_part,
    a_pdf,
    a_picture,
    attached,
    mail_of,
    mixed_mail,
    packed,
    page,
    several,
    words,
)
from tests.support.incoming_mails import an_answer

PDF, JPEG, PNG = a_pdf(), a_picture("JPEG"), a_picture("PNG")
UNKNOWN = "application/octet-stream"


def names_of(found: Documents) -> list[str]:
    return [attachment.name for attachment in found.attachments]


def only(content: bytes) -> Document:
    found = read_documents(content)
    assert found.count == 1
    return found.looked_at[0]


@pytest.mark.parametrize("content", [an_answer(), an_answer("<p>Hello</p>", html=True), mail_of(words())])
def test_an_answer_of_words_alone_has_no_documents(content: bytes) -> None:
    assert read_documents(content) == Documents([], 0)


def test_documents_are_passed_on_byte_for_byte_in_their_order_under_names_of_ours() -> None:
    parts = [(PNG, "image/png", "a.png"), (PDF, "application/pdf", "b.pdf"), (JPEG, "image/jpeg", "c.jpeg")]
    found = read_documents(mixed_mail(*(attached(*part) for part in parts)))
    assert found.attachments == (
        Attachment("document-1.png", PNG, MediaType.PNG),
        Attachment("document-2.pdf", PDF, MediaType.PDF),
        Attachment("document-3.jpg", JPEG, MediaType.JPEG),
    )
    assert found.left_out == 0
    assert [one.name for one in found.looked_at] == ["a.png", "b.pdf", "c.jpeg"]


@pytest.mark.parametrize(
    ("content", "kind", "name", "called"),
    [
        (PDF, UNKNOWN, "letter.pdf", "document-1.pdf"),
        (PDF, "image/png", "letter.png", "document-1.pdf"),
        (PDF, "text/html", "letter.html", "document-1.pdf"),
        (b"\xef\xbb\xbf\r\n" + PDF, "application/x-pdf", "", "document-1.pdf"),
        (JPEG, UNKNOWN, "scan", "document-1.jpg"),
        (PNG, "image/jpeg", "scan.jpg", "document-1.png"),
        ("Sehr geehrte …".encode(), "text/plain", "answer.TXT", "document-1.txt"),
    ],
)
def test_a_document_is_known_by_its_content(content: bytes, kind: str, name: str, called: str) -> None:
    found = only(mixed_mail(attached(content, kind, name)))
    assert found.attachment
    assert (found.attachment.name, found.attachment.content) == (called, content)


@pytest.mark.parametrize(
    ("content", "kind", "name"),
    [
        (PROGRAM, "application/pdf", "letter.pdf"),
        (PROGRAM + PDF, "application/pdf", "letter.pdf"),
        (PROGRAM, "application/x-msdownload", "setup.exe"),
        (PROGRAM, "text/plain", "readme.txt"),
        (b"<script>fetch('//x.example')</script>", "text/html", "letter.html"),
        (b"<script>fetch('//x.example')</script>", UNKNOWN, "letter.html"),
        (b"<script>fetch('//x.example')</script>", "text/plain", "letter.html"),
        (b"@echo off", "text/plain", "letter.bat"),
        (ZIP, "application/vnd.ms-word.document.macroEnabled.12", "letter.docm"),
        (ZIP, "image/jpeg", "scan.jpg"),
        (DOUBLE, "application/msword", "letter.doc"),
        (TNEF, "application/ms-tnef", "winmail.dat"),
        (b"GIF89a" + bytes(50), "image/gif", "scan.gif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "scan.svg"),
        (b"\xff\xd8\xff" + bytes(50), "image/jpeg", "scan.jpg"),
        (PNG[:40], "image/png", "scan.png"),
        (PNG[:-20] + b"\x00" * 20, "image/png", "scan.png"),
        (b"\xff\xfe\xfa", "text/plain; charset=utf-8", "letter.txt"),
        (b"", "application/pdf", "letter.pdf"),
    ],
)
def test_what_runs_or_is_not_what_it_says_is_left_out(content: bytes, kind: str, name: str) -> None:
    found = only(mixed_mail(attached(content, kind, name)))
    assert (found.attachment, found.name) == (None, name)
    assert found.fault


@pytest.mark.parametrize(
    "more",
    [
        b"3 0 obj <</S /JavaScript /JS (app.alert\\(1\\))>> endobj",
        b"3 0 obj <</S /J#61va#53cript>> endobj",
        b"3 0 obj <</S/Launch/F(cmd.exe)>> endobj",
        b"3 0 obj <</Names <</EmbeddedFiles 4 0 R>>>> endobj",
        b"3 0 obj <</S /SubmitForm>> endobj",
        packed(b"1 0 <</S /JavaScript>>"),
        b"2 0 obj <</Type /ObjStm>>\nstream\n" + b"locked" * 9,
        b"2 0 obj <</Type /ObjStm>>\nno stream",
        packed(bytes(INFLATED_BYTES_MAX + 1)),
        packed(bytes(INFLATED_BYTES_MAX // 2 + 1)) * 2,
    ],
)
def test_a_pdf_that_does_something_or_cannot_be_looked_into_is_left_out(more: bytes) -> None:
    assert only(mixed_mail(attached(a_pdf(more=more), "application/pdf", "letter.pdf"))).fault


def test_a_pdf_that_is_packed_and_only_says_something_is_passed_on() -> None:
    pdf = a_pdf("JavaScript is no crime", more=packed(b"1 0 <</Type /Page /URI (https://state.example)>>"))
    assert only(mixed_mail(attached(pdf, "application/pdf", "letter.pdf"))).attachment


@pytest.mark.parametrize("width", [PIXELS_MAX // 10_000 + 1, 20_000])
def test_a_picture_that_unpacks_to_more_than_a_scan_does_is_left_out(width: int) -> None:
    bomb = a_picture("PNG", width, 10_000)
    assert len(bomb) < 1_000_000
    assert "million pixels" in only(mixed_mail(attached(bomb, "image/png", "scan.png"))).fault


def test_a_picture_that_moves_is_left_out() -> None:
    out = BytesIO()
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    assert only(mixed_mail(attached(out.getvalue(), "image/png", "scan.png"))).fault == "it moves"


@pytest.mark.parametrize(
    "headers",
    [
        """attachment; filename="../../../etc/passwd.pdf\"""",
        """attachment; filename="C:\\\\Windows\\\\evil.pdf\"""",
        """attachment; filename*=utf-8''%D8%B1%D8%AF%20%D8%A7%D9%84%D9%88%D8%B2%D8%A7%D8%B1%D8%A9.pdf""",
        """attachment; filename="=?utf-8?b?{}?=\"""".format(b64encode("رد الوزارة.pdf".encode()).decode()),
        """attachment; filename*=utf-8''a%0D%0ABcc:%20x@evil.example%0D%0A%0D%0A.pdf""",
        """attachment; filename*=utf-8''annex%E2%80%AEfdp.exe""",
        """attachment; filename*0="long"; filename*1=".pdf\"""",
        """attachment; filename*=nonsense''%FF%FE.pdf""",
        """attachment; filename="{}.pdf\"""".format("x" * 700),
        """attachment; filename=";;;=""",
        """attachment""",
    ],
)
def test_whatever_its_name_a_document_gets_one_of_ours(headers: str) -> None:
    found = only(mixed_mail(a_part(PDF, "application/pdf", headers)))
    assert found.attachment
    assert found.attachment.name == "document-1.pdf"
    assert found.name.isprintable() or "‮" in found.name
    assert len(found.name) <= bounds.NAME_CHARACTERS_MAX


def test_a_name_in_another_script_is_shown_to_staff() -> None:
    name = "filename*=utf-8''%D8%B1%D8%AF.pdf"
    assert only(mixed_mail(a_part(PDF, "application/pdf", f"attachment; {name}"))).name == "رد.pdf"


def test_documents_are_found_however_deep_and_whatever_holds_them() -> None:
    apple = several("alternative", words(), several("mixed", page(), a_part(PDF, "application/pdf", "inline"), page()))
    assert names_of(read_documents(mail_of(apple))) == ["document-1.pdf"]
    signature = attached(b"\x30\x80", "application/pkcs7-signature", "smime.p7s")
    signed = several("signed", several("mixed", words(), attached(PDF, UNKNOWN, "a.pdf")), signature)
    assert read_documents(mail_of(signed)).count == 1
    misplaced = several("alternative", words(), page(), attached(PDF, "application/pdf", "a.pdf"))
    assert names_of(read_documents(mail_of(misplaced))) == ["document-1.pdf"]
    assert names_of(read_documents(mail_of(a_part(PDF, "application/pdf")))) == ["document-1.pdf"], "it is all there is"


def test_words_after_a_document_are_not_lost() -> None:
    found = read_documents(
        mixed_mail(attached(PDF, "application/pdf", "a.pdf"), words("Yours, the Minister"), words("\n"))
    )
    assert [one.content for one in found.attachments] == [PDF, b"Yours, the Minister"]
    assert found.left_out == 0


@pytest.mark.parametrize("charset", ["windows-1256", "WINDOWS-1256"])
def test_text_in_another_encoding_becomes_utf_8(charset: str) -> None:
    found = only(
        mixed_mail(a_part("رد".encode("cp1256"), f"text/plain; charset={charset}", 'attachment; filename="a.txt"'))
    )
    assert found.attachment == Attachment("document-1.txt", "رد".encode(), MediaType.TEXT)


def test_a_mail_within_a_mail_is_one_document_and_left_out() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\n" + mixed_mail(attached(PDF, "application/pdf", "a.pdf"))
    assert only(mixed_mail(inner)).fault == "it is a mail of its own"


def a_shown_picture(content: bytes, disposition: str = "inline", name: str = "logo@x") -> bytes:
    return a_part(content, "image/png", disposition, Content_ID=f"<{name}>")


def test_the_small_pictures_of_a_signature_are_no_documents_and_a_scan_shown_in_the_page_is_one() -> None:
    scan = a_picture("PNG") + bytes(DECORATION_BYTES_MAX)
    shown = page('<p>Hello <img src="cid:logo@x"><img src="CID:scan%40x"></p>')
    parts = [a_shown_picture(PNG), a_shown_picture(scan, name="scan@x"), a_shown_picture(PNG, name="not-shown@x")]
    parts.append(a_shown_picture(PNG, "attachment"))
    html = several("related", shown, *parts)
    found = read_documents(mail_of(several("alternative", words(), html)))
    assert [len(one.content) for one in found.attachments] == [len(scan), len(PNG), len(PNG)]
    assert found.left_out == 0


def test_there_are_bounds_on_how_many_and_on_their_bytes_and_all_are_counted() -> None:
    many = read_documents(mixed_mail(*(attached(PDF, UNKNOWN, "a.pdf") for _ in range(bounds.LOOKED_AT_MAX + 5))))
    assert (len(many.attachments), many.left_out) == (
        bounds.PASSED_ON_MAX,
        bounds.LOOKED_AT_MAX + 5 - bounds.PASSED_ON_MAX,
    )
    assert len(many.looked_at) == bounds.LOOKED_AT_MAX
    large = a_pdf(more=bytes(bounds.PASSED_ON_BYTES_MAX // 2))
    three = read_documents(mixed_mail(*(attached(each, UNKNOWN, "a.pdf") for each in (large, large, PDF))))
    assert [one.content for one in three.attachments] == [large, PDF]
    assert three.left_out == 1
    assert "more than 4 MB" in three.looked_at[1].fault


def nested(depth: int) -> bytes:
    heads = (f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth))
    return "".join(heads).encode()


def test_a_mail_of_parts_in_parts_is_taken_apart_in_a_moment_or_not_at_all() -> None:
    deep = mail_of(nested(100) + b"\r\n" + b"-\r\n" * 100_000)
    assert only(deep).fault == "the mail cannot be read"
    assert read_documents(mail_of(nested(20) + attached(PDF, UNKNOWN, "a.pdf"))).attachments


def test_a_mail_of_endless_parts_is_not_taken_apart() -> None:
    endless = mail_of(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * (PART_LINES_MAX + 1))
    assert only(endless).fault == "the mail cannot be read"
    assert read_incoming(endless, "x@y.example").kind is IncomingKind.MACHINE


def test_a_mail_that_cannot_be_read_has_something_that_is_not_passed_on() -> None:
    deep = words()
    for _ in range(3_000):
        deep = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n' + deep
    assert read_documents(mail_of(deep)).left_out >= 1


@settings(deadline=timedelta(seconds=2), max_examples=200)
@given(
    st.binary(max_size=400), st.sampled_from(["application/pdf", "text/plain; charset=punycode", "a", "", "image/png"])
)
@pytest.mark.parametrize(
    "begins", [b"", b"%PDF-1.7 /ObjStm stream\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", PNG[:-9], JPEG[:-9]]
)
def test_no_document_breaks_the_reading(begins: bytes, content: bytes, kind: str) -> None:
    assert read_documents(mixed_mail(a_part(begins + content, kind, "attachment"))).count == 1


@settings(deadline=timedelta(seconds=2))
@given(st.binary(max_size=400))
def test_no_mail_breaks_the_reading(content: bytes) -> None:
    read_documents(content)
    read_documents(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + content)


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("שלום".encode("iso-8859-8"), "iso-8859-8-i", "שלום"),
        (b"Thank you", "x-unknown", "Thank you"),
        ("رد".encode(), "us-ascii", "رد"),
        (b"Thank you", "base64", "Thank you"),
        (b"Thank you-", "punycode", "Thank you-"),
        (b"\xff", "utf-8", "�"),
    ],
)
def test_words_are_read_whatever_their_encoding_is_called(content: bytes, charset: str, text: str) -> None:
    assert read_words(content, charset) == text
    assert read_incoming(mail_of(a_part(content, f"text/plain; charset={charset}")), "x@y.example").text == text


def test_no_encoding_is_used_that_takes_half_an_hour() -> None:
    assert {known(name) for name in ("punycode", "Punycode", "IDNA", "unicode-escape", "undefined")} == {"utf-8"}

"""Signatures that others can check, with keys that can be changed."""

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import dkim
import pytest

from services.delivery.channels import RenderedLetter
from services.delivery.dkim_signing import NoKey, make_key, read_signer
from services.delivery.rendering import read_campaign, render
from tests.support.delivery_letters import a_composition
from tests.support.events import NOW


def keys(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """By selector, the files of two keys, Ed25519 and RSA, and their DNS records."""
    secret, record = make_key()
    (folder / "young").write_text(secret)
    openssl("genrsa", "-traditional", "-out", str(folder / "old"), "2048")
    public = b64encode(openssl("rsa", "-in", str(folder / "old"), "-pubout", "-outform", "DER")).decode()
    return {"young": folder / "young", "old": folder / "old"}, {"young": record, "old": f"v=DKIM1; k=rsa; p={public}"}


def openssl(*words: str) -> bytes:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


def is_signed(content: bytes, records: dict[str, str]) -> bool:
    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        selector, _, rest = name.decode().partition("._domainkey.")
        assert rest == "writeforrights.example."
        return records[selector].encode() if selector in records else None

    return bool(dkim.verify(content, dnsfunc=look_up))


@pytest.mark.parametrize("selector", ["young", "old"])
@pytest.mark.parametrize("body", ["Dear Minister,\n\nplease act.\n", "پاکستان کے نام ایک خط.\n\n.\n"])
def test_a_letter_is_signed_and_nothing_in_it_can_be_changed(tmp_path: Path, selector: str, body: str) -> None:
    files, records = keys(tmp_path)
    signer = read_signer("writeforrights.example", files, selector)
    campaign = read_campaign("Write for Rights <letters@writeforrights.example>", signer)
    letter = render(a_composition(body=body), campaign, NOW)
    assert isinstance(letter, RenderedLetter)
    assert is_signed(letter.content, records)
    assert not is_signed(letter.content.replace(b"minister@ministry", b"minister@another"), records)
    assert not is_signed(letter.content + b"one more line\r\n", records)
    assert not is_signed(letter.content.replace(b"\r\nSubject:", b"\r\nFrom: else@where.example\r\nSubject:"), records)


def test_without_a_selector_nothing_is_signed(tmp_path: Path) -> None:
    assert read_signer("writeforrights.example", keys(tmp_path)[0], None) is None


def test_a_key_that_cannot_sign_is_refused_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("a-secret-that-is-no-key")
    for selector in ("broken", "missing", "unknown"):
        files = {"broken": tmp_path / "broken", "missing": tmp_path / "missing"}
        with pytest.raises(NoKey) as refusal:
            read_signer("writeforrights.example", files, selector)
        assert "a-secret" not in str(refusal.value)


def test_a_signer_shows_no_key(tmp_path: Path) -> None:
    signer = read_signer("writeforrights.example", keys(tmp_path)[0], "young")
    assert signer is not None
    assert signer.key.decode() not in repr(signer)

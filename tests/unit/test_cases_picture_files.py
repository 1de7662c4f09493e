"""What is made of a campaigner's file: small pictures, the right way up, that tell nothing but what is seen."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from services.cases.picture_files import (
    RENDITION_BYTES_MAX,
    WIDTHS,
    NotAPicture,
    Rendition,
    check_picture,
    make_renditions,
)
from tests.support.made_pictures import SECRET, a_picture, told_by_a_camera


def shown(rendition: Rendition) -> Image.Image:
    return Image.open(BytesIO(rendition.body), formats=["WEBP"])


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_picture_comes_in_three_widths_as_webp(tmp_path: Path, name: str) -> None:
    file = a_picture(tmp_path / name)
    check_picture(file)
    made = make_renditions(file)
    assert [(one.width, one.height) for one in made] == [(480, 360), (800, 600), (1200, 900)]
    assert [shown(one).size for one in made] == [(480, 360), (800, 600), (1200, 900)]
    assert all(len(one.body) <= RENDITION_BYTES_MAX for one in made)


def test_a_small_picture_is_never_blown_up(tmp_path: Path) -> None:
    assert [one.width for one in make_renditions(a_picture(tmp_path / "a.jpg", (640, 480)))] == [480, 640]


def test_nothing_that_the_camera_wrote_is_left(tmp_path: Path) -> None:
    xmp, note = f"<x:xmpmeta>{SECRET}</x:xmpmeta>".encode(), SECRET.encode()
    file = a_picture(tmp_path / "a.jpg", exif=told_by_a_camera(), xmp=xmp, comment=note, icc_profile=b"x" * 200 + note)
    assert file.read_bytes().count(note) == 4
    for one in make_renditions(file):
        assert note not in one.body
        assert set(shown(one).info) <= {"loop", "background", "timestamp", "duration"}
        assert not shown(one).getexif()


def test_a_camera_held_upright_gives_a_picture_that_stands_upright(tmp_path: Path) -> None:
    file = a_picture(tmp_path / "a.jpg", (1600, 1200), exif=told_by_a_camera(orientation=6))
    assert [(one.width, one.height) for one in make_renditions(file)] == [(480, 640), (800, 1067), (1200, 1600)]


def test_the_same_file_makes_the_same_pictures(tmp_path: Path) -> None:
    file = a_picture(tmp_path / "a.png")
    assert [one.digest for one in make_renditions(file)] == [one.digest for one in make_renditions(file)]


def test_what_is_clear_is_white_and_many_colours_and_four_inks_are_shown(tmp_path: Path) -> None:
    Image.new("RGBA", (500, 500), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("CMYK", (500, 500), (0, 255, 255, 0)).save(tmp_path / "inks.jpg")
    clear, inks = (make_renditions(tmp_path / name)[0] for name in ("clear.png", "inks.jpg"))
    assert min(shown(clear).convert("RGB").getpixel((9, 9))) > 250  # type: ignore[arg-type]
    red, green, _ = shown(inks).convert("RGB").getpixel((9, 9))  # type: ignore[misc]
    assert (red > 200, green < 60) == (True, True)


def a_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not a JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG, PNG or WebP"),
        (b"GIF89a" + b"\x00" * 100, "is not a JPEG, PNG or WebP"),
        (a_bomb(8_000, 7_000), "has more than 50 million pixels"),
        (a_bomb(12_000, 12_000), "has more than 50 million pixels"),
        (a_bomb(60_000, 60_000), "has more than 50 million pixels"),
        (a_bomb(479, 479), "is only 479 pixels wide"),
        (a_bomb(480, 961), "is too long a strip"),
        (a_bomb(1441, 480), "is too long a strip"),
        (b"x" * 15_000_001, "is larger than 15 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_for_a_page_is_refused_with_a_reason(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(NotAPicture, match=why):
        check_picture(tmp_path / "a.png")


def test_a_picture_that_moves_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (500, 500), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(NotAPicture, match="moves"):
        check_picture(tmp_path / "a.webp")


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = a_picture(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotAPicture, match="is damaged"):
        make_renditions(tmp_path / "cut.jpg")


def test_a_picture_of_noise_alone_is_not_served_at_any_weight(tmp_path: Path) -> None:
    Image.effect_noise((WIDTHS[-1], 2 * WIDTHS[-1]), 200).save(tmp_path / "noise.png")
    with pytest.raises(NotAPicture, match="so full of grain"):
        make_renditions(tmp_path / "noise.png")

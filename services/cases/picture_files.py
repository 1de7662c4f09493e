"""Makes the pictures that readers get out of a campaigner's file: small, and with nothing in them but what is seen.

A camera writes where and when a picture was taken, and with what. That could lead to a person in danger, so each
rendition is drawn anew on an empty sheet: no EXIF, XMP, comment, colour profile or thumbnail of the file survives."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

FILE_BYTES_MAX = 15_000_000
PIXELS_MAX = 50_000_000
WIDTHS = (480, 800, 1200)
TALL_MAX, WIDE_MAX = 2.0, 3.0  # height to width, and the other way round
RENDITION_BYTES_MAX = 250_000
QUALITIES = (74, 60, 45, 30)
DIGEST_CHARACTERS = 32
READ_AS = ("JPEG", "PNG", "WEBP")
FAULTS = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, struct.error, MemoryError)


class NotAPicture(Exception):
    """The file cannot be taken. The text says why, for whoever put it there."""


@dataclass(frozen=True)
class Rendition:
    """One size of a picture, as WebP. `digest` is of its bytes, so its address never shows anything else."""

    width: int
    height: int
    body: bytes

    @property
    def digest(self) -> str:
        return sha256(self.body).hexdigest()[:DIGEST_CHARACTERS]


def check_picture(file: Path) -> str:
    """Look at the file without drawing it, and return the digest of its bytes. Raises `NotAPicture`."""
    data = _read(file)
    with _opened(data) as image:
        _check_size(*_upright_size(image))
    return sha256(data).hexdigest()


def make_renditions(file: Path) -> tuple[Rendition, ...]:
    """The picture in each of `WIDTHS` that it is wide enough for, narrowest first. Raises `NotAPicture`."""
    with _opened(_read(file)) as image:
        _check_size(*_upright_size(image))
        try:
            drawn = _draw(image)
        except FAULTS as fault:
            raise NotAPicture("is damaged, and cannot be drawn") from fault
    return tuple(_rendition(drawn, width) for width in _widths(drawn.width))


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise NotAPicture(f"is larger than {FILE_BYTES_MAX // 1_000_000} MB")
        return file.read_bytes()
    except OSError as fault:
        raise NotAPicture(f"cannot be read: {fault.strerror}") from fault


def _opened(data: bytes) -> Image.Image:
    """Its head alone is read here: what it claims to be, before anything of it is unpacked."""
    try:
        image = Image.open(BytesIO(data), formats=READ_AS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise NotAPicture(_TOO_MANY) from fault
    except FAULTS as fault:
        raise NotAPicture("is not a JPEG, PNG or WebP picture") from fault
    if image.width * image.height > PIXELS_MAX:
        raise NotAPicture(_TOO_MANY)
    # A camera's second picture inside a JPEG (MPO) is left where it is; what moves is no portrait.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise NotAPicture("moves, and only still pictures are shown")
    return image


_TOO_MANY = f"has more than {PIXELS_MAX // 1_000_000} million pixels"


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """As it will be shown: a camera that was held upright says so beside the pixels."""
    try:
        turned = image.getexif().get(0x0112) in {5, 6, 7, 8}
    except FAULTS:
        turned = False
    return (image.height, image.width) if turned else image.size


def _check_size(width: int, height: int) -> None:
    if width < WIDTHS[0]:
        raise NotAPicture(f"is only {width} pixels wide, and must have {WIDTHS[0]}")
    if height > TALL_MAX * width or width > WIDE_MAX * height:
        raise NotAPicture("is too long a strip: at most twice as tall as wide, or three times as wide as tall")


def _draw(image: Image.Image) -> Image.Image:
    """The picture upright, in sRGB, on an empty sheet, no larger than is of use."""
    image.draft("RGB", (2 * WIDTHS[-1], 2 * WIDTHS[-1]))  # a large JPEG is unpacked at a fraction of its size
    image.load()
    upright = _upright(image)
    width = min(upright.width, WIDTHS[-1])
    colours = _in_srgb(upright, image.info.get("icc_profile"))
    small = colours.resize((width, _height(colours, width)), Image.Resampling.LANCZOS, reducing_gap=3.0)
    sheet = Image.new("RGB", small.size, "white")
    sheet.paste(small, mask=small.getchannel("A") if small.mode == "RGBA" else None)
    return sheet


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except FAULTS:
        return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A profile that cannot be read is no reason to refuse a picture: its colours are a little off."""
    if image.mode.startswith("I"):  # 16 bits, of which a conversion would keep the lower eight
        image = image.convert("F").point(lambda value: value / 256).convert("L")
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    if profile and not has_alpha and image.mode in {"RGB", "CMYK", "L"}:
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or image.convert("RGB")
        except (ImageCms.PyCMSError, *FAULTS):
            pass
    return image.convert("RGBA" if has_alpha else "RGB")


def _widths(width_max: int) -> Iterator[int]:
    yield from (width for width in WIDTHS if width < width_max)
    yield width_max


def _rendition(drawn: Image.Image, width: int) -> Rendition:
    sized = drawn.resize((width, _height(drawn, width)), Image.Resampling.LANCZOS) if width < drawn.width else drawn
    for quality in QUALITIES:
        out = BytesIO()
        sized.save(out, "WEBP", quality=quality, method=5)
        if out.tell() <= RENDITION_BYTES_MAX:
            return Rendition(sized.width, sized.height, out.getvalue())
    raise NotAPicture(f"is so full of grain that it cannot be shown in {RENDITION_BYTES_MAX // 1000} kB")


def _height(image: Image.Image, width: int) -> int:
    return max(1, round(image.height * width / image.width))

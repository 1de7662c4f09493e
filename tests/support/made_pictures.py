"""Pictures made for tests: nobody is in them, and nobody owns them."""

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SECRET = "Nikon of Somebody Example"
ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825


def a_picture(file: Path, size: tuple[int, int] = (1600, 1200), colour: str = "#8a5a3c", **saved: Any) -> Path:
    """A head and shoulders as a child would draw them, in the format of the file's ending."""
    file.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    pen = ImageDraw.Draw(image)
    pen.ellipse((width * 0.36, height * 0.14, width * 0.64, height * 0.6), fill=colour)
    pen.ellipse((width * 0.18, height * 0.62, width * 0.82, height * 1.6), fill=colour)
    image.save(file, **saved)
    return file


def told_by_a_camera(orientation: int = 1) -> Image.Exif:
    """Where it was taken, with whose camera, and which side is up."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, SECRET
    exif[GPS] = {1: "N", 2: (33.0, 41.0, 2.0), 3: "E", 4: (73.0, 3.0, 1.0)}
    return exif

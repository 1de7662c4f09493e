"""Reads a clean picture of a QR code (ISO/IEC 18004), versions 1 to 6, levels Q and H: as a phone would, but without
needing to correct anything. Written from the standard and apart from the library that makes our codes."""

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

Matrix = list[list[bool]]

# Data codewords of each block, by version and level.
BLOCKS = {
    "Q": {1: [13], 2: [22], 3: [17] * 2, 4: [24] * 2, 5: [15, 15, 16, 16], 6: [19] * 4},
    "H": {1: [9], 2: [16], 3: [13] * 2, 4: [9] * 4, 5: [11, 11, 12, 12], 6: [15] * 4},
}
LEVELS = {0b11: "Q", 0b10: "H"}
MASKS = (
    lambda row, column: (row + column) % 2,
    lambda row, column: row % 2,
    lambda row, column: column % 3,
    lambda row, column: (row + column) % 3,
    lambda row, column: (row // 2 + column // 3) % 2,
    lambda row, column: row * column % 2 + row * column % 3,
    lambda row, column: (row * column % 2 + row * column % 3) % 2,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2,
)
DARK = 60


def read_qr(picture: bytes) -> str:
    """The text of the only dark thing in this picture. Raises when it is no such code."""
    matrix = _modules(Image.open(BytesIO(picture)).convert("L"))
    side = len(matrix)
    version, extra = divmod(side - 17, 4)
    assert extra == 0
    assert 1 <= version <= 6
    level, mask = _format(matrix)
    bits = [matrix[row][column] ^ (MASKS[mask](row, column) == 0) for row, column in _path(side, version)]
    codewords = [_number(bits[at : at + 8]) for at in range(0, len(bits) - 7, 8)]
    return _text(_in_order(codewords, BLOCKS[level][version]))


def quiet_zone(picture: bytes) -> float:
    """How many modules of light there are around it, at the narrowest side."""
    image = Image.open(BytesIO(picture)).convert("L")
    left, top, right, bottom = _box(image)
    return min(left, top, image.width - right, image.height - bottom) * len(_modules(image)) / (right - left)


def _box(image: Image.Image) -> tuple[int, int, int, int]:
    box = image.point(lambda value: 255 if value < DARK else 0).getbbox()
    assert box, "there is nothing dark"
    return box


def _modules(image: Image.Image) -> Matrix:
    """What is dark, module by module: the finder in the corner is seven of them wide."""
    left, top, right, _ = _box(image)
    finder = next(x for x in range(left, right) if _value(image, x, top + 1) >= 128) - left
    side = round((right - left) * 7 / finder / 4 - 0.25) * 4 + 1
    size = (right - left) / side

    def is_dark(row: int, column: int) -> bool:
        return _value(image, int(left + (column + 0.5) * size), int(top + (row + 0.5) * size)) < 128

    return [[is_dark(row, column) for column in range(side)] for row in range(side)]


def _value(image: Image.Image, x: int, y: int) -> int:
    value = image.getpixel((x, y))
    assert isinstance(value, int)
    return value


def _format(matrix: Matrix) -> tuple[str, int]:
    places = [*((8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)), *((row, 8) for row in (7, 5, 4, 3, 2, 1, 0))]
    told = _number([matrix[row][column] for row, column in places]) ^ 0b101010000010010
    return LEVELS[told >> 13], told >> 10 & 0b111


def _path(side: int, version: int) -> Iterator[tuple[int, int]]:
    """The modules that carry data, in their order: two columns at a time, up and down, from the right."""
    columns = [*range(side - 1, 6, -2), *range(5, 0, -2)]
    for turn, right in enumerate(columns):
        rows = range(side) if turn % 2 else range(side - 1, -1, -1)
        yield from (
            (row, column) for row in rows for column in (right, right - 1) if not _is_fixed(row, column, side, version)
        )


def _is_fixed(row: int, column: int, side: int, version: int) -> bool:
    in_corner = (row < 9 and (column < 9 or column >= side - 8)) or (row >= side - 8 and column < 9)
    in_alignment = version > 1 and abs(row - (side - 7)) <= 2 and abs(column - (side - 7)) <= 2
    return in_corner or in_alignment or 6 in (row, column)


def _in_order(codewords: list[int], lengths: list[int]) -> list[int]:
    """The data of each block after the other; they stand interleaved, the shorter blocks first."""
    blocks: list[list[int]] = [[] for _ in lengths]
    following = iter(codewords)
    for turn in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if turn < length:
                block.append(next(following))
    return [codeword for block in blocks for codeword in block]


def _text(data: list[int]) -> str:
    bits = [bool(codeword >> bit & 1) for codeword in data for bit in range(7, -1, -1)]
    assert _number(bits[:4]) == 0b0100, "a segment of bytes"
    length = _number(bits[4:12])
    return bytes(_number(bits[at : at + 8]) for at in range(12, 12 + length * 8, 8)).decode()


def _number(bits: list[bool]) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)

"""QR codes of addresses (ISO/IEC 18004), black on white, for paper and for whoever makes their own. Pure.

Level Q is read with a quarter of the symbol torn or dirty, as posters get; the address is short enough that this costs
few modules. The quiet zone of four modules is part of the picture, so that no layout can forget it.
"""

from functools import lru_cache
from io import BytesIO

import segno

ERROR_CORRECTION = "q"
QUIET_ZONE_MODULES = 4
PIXELS_PER_MODULE = 12
KEPT_MAX = 256


@lru_cache(KEPT_MAX)
def svg_code(address: str) -> str:
    """Without a size of its own: it fills what it is put into."""
    out = BytesIO()
    made = _code(address)
    made.save(out, kind="svg", border=QUIET_ZONE_MODULES, xmldecl=False, svgclass=None, lineclass=None, omitsize=True,
              light="#fff")  # fmt: skip
    return out.getvalue().decode()


def png_code(address: str) -> bytes:
    """Some hundred pixels wide, in two colours."""
    out = BytesIO()
    _code(address).save(out, kind="png", border=QUIET_ZONE_MODULES, scale=PIXELS_PER_MODULE)
    return out.getvalue()


def _code(address: str) -> segno.QRCode:
    return segno.make_qr(address, error=ERROR_CORRECTION)

"""Text in a link: deflated, in base64."""

import base64
import binascii
import zlib

MAX_LINK = 6000  # characters in a link; browsers and servers take about 8000 in all


class LinkError(ValueError):
    """A link's text cannot be read; a clause that says why."""


def pack(text: str) -> str | None:
    """The text for a link; None where it is too long for one."""
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode().rstrip("=")
    return packed if len(packed) <= MAX_LINK else None


def unpack(packed: str, most: int) -> str:
    """The text of a link, at most `most` bytes; LinkError for anything that `pack` never wrote."""
    packed = packed[:MAX_LINK]
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_", validate=True)
        reader = zlib.decompressobj()
        text = reader.decompress(data, most).decode()
    except (binascii.Error, ValueError, zlib.error) as error:
        raise LinkError("the link was cut or changed") from error
    if not reader.eof:
        raise LinkError("the link was cut, or is too long")
    return text

"""The text of a network in a link: deflated and in base64, as the edits of Interventions are."""

import base64
import binascii
import zlib

from dashboard.pages.architecture.your_network.parser import MAX_TEXT

MAX_LINK = 6000  # characters in a link; browsers and servers take about 8000 in all


class LinkError(ValueError):
    """The text in a link was cut or changed; one sentence."""


def pack(text: str) -> str | None:
    """The text for a link; None where it is too long for one."""
    if len(text) > MAX_TEXT:
        return None
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode().rstrip("=")
    return packed if len(packed) <= MAX_LINK else None


def unpack(packed: str) -> str:
    """The text from a link, at most MAX_TEXT characters; LinkError for anything that `pack` never wrote."""
    try:
        data = base64.b64decode(packed[:MAX_LINK] + "=" * (-len(packed[:MAX_LINK]) % 4), b"-_", validate=True)
        reader = zlib.decompressobj()
        text = reader.decompress(data, 4 * MAX_TEXT).decode()
    except (binascii.Error, ValueError, zlib.error) as error:
        raise LinkError("The link's network was cut or changed and cannot be read; the preset is shown.") from error
    if not reader.eof or len(text) > MAX_TEXT:
        raise LinkError("The link's network was cut or is too long; the preset is shown.")
    return text

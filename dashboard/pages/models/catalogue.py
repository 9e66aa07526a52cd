"""Publicly released Progressive GANs: who publishes what and where. Nothing is downloaded unless someone asks.

Files are published by their authors, not by us. `fetch` downloads one that has a public address and computes its
SHA-256, whose first digits some authors put into the file's name (torch.hub's convention).
"""

import hashlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dashboard.language import N_, _, said
from pgan_core import CheckpointError

MAX_BYTES = 600 * 2**20  # twice an official 1024x1024 triple
CHUNK = 2**20


@dataclass(frozen=True)
class Release:
    """One published network, or several of a kind where the page holds them all."""

    name: str
    pixels: int
    page: str  # where its authors publish it
    licence: str
    format: str  # as `Checkpoint.format` says
    url: str | None = None  # the file's public address, where it has one

    @property
    def promised(self) -> str | None:
        """The first digits of the SHA-256, where the file's name ends in them."""
        found = re.search(r"-([0-9a-f]{8})\.pth$", self.url or "")
        return found.group(1) if found else None


NVIDIA = "https://github.com/tkarras/progressive_growing_of_gans"
ZOO, ZOO_FILES = "https://github.com/facebookresearch/pytorch_GAN_zoo", "https://dl.fbaipublicfiles.com/gan_zoo/PGAN/"
MM = "https://github.com/open-mmlab/mmgeneration/tree/master/configs/pggan"
MM_FILES = "https://download.openmmlab.com/mmgen/pggan/"
DISSECT, DISSECT_FILES = "https://github.com/davidbau/dissect", "https://gandissect.csail.mit.edu/models/"
GENFORCE = "https://github.com/genforce/genforce/blob/master/MODEL_ZOO.md"
CC = "CC BY-NC 4.0"
CONVERTED = f"{CC} (NVIDIA's weights, converted)"
SCENES = {
    "bedroom": "bedroom-d8a89ff1",
    "church outdoor": "churchoutdoor-7e701dd5",
    "conference room": "conferenceroom-21e85882",
    "dining room": "diningroom-3aa0ab80",
    "kitchen": "kitchen-67f1e16c",
    "living room": "livingroom-5ef336dd",
    "restaurant": "restaurant-b8578299",
}

CATALOGUE: tuple[Release, ...] = (
    Release("CelebA-HQ", 1024, NVIDIA, CC, "tkarras-tf"),
    Release("LSUN categories", 256, NVIDIA, CC, "tkarras-tf"),
    *(
        Release(f"LSUN {scene}", 256, DISSECT, CONVERTED, "gandissect", f"{DISSECT_FILES}proggan_{file}.pth")
        for scene, file in SCENES.items()
    ),
    Release("CelebA-HQ", 256, ZOO, "BSD", "pytorch-gan-zoo", f"{ZOO_FILES}celebaHQ_s6_i80000-6196db68.pth"),
    Release("CelebA-HQ", 512, ZOO, "BSD", "pytorch-gan-zoo", f"{ZOO_FILES}celebaHQ16_december_s7_i96000-9c72988c.pth"),
    Release("CelebA, cropped", 128, ZOO, "BSD", "pytorch-gan-zoo", f"{ZOO_FILES}celebaCropped_s5_i83000-2b0acc76.pth"),
    Release("DTD, textures", 128, ZOO, "BSD", "pytorch-gan-zoo", f"{ZOO_FILES}testDTD_s5_i96000-04efa39f.pth"),
    Release(
        "CelebA-HQ", 1024, MM, "Apache 2.0", "mmgeneration",
        f"{MM_FILES}pggan_celeba-hq_1024_g8_20210408_181911-f1ef51c3.pth",
    ),
    Release(
        "CelebA, cropped", 128, MM, "Apache 2.0", "mmgeneration",
        f"{MM_FILES}pggan_celeba-cropped_128_g8_20210408_181931-85a2e72c.pth",
    ),
    Release(
        "LSUN bedroom", 128, MM, "Apache 2.0", "mmgeneration",
        f"{MM_FILES}pggan_lsun-bedroom_128x128_g8_20210408_182033-5e59f45d.pth",
    ),
    Release("CelebA-HQ", 1024, GENFORCE, CONVERTED, "genforce"),
    Release("LSUN categories", 256, GENFORCE, CONVERTED, "genforce"),
    Release(
        "CelebA-HQ", 1024, "https://huggingface.co/huggan/pggan-celebahq-1024", "Apache 2.0, by its page", "genforce",
        "https://huggingface.co/huggan/pggan-celebahq-1024/resolve/main/pytorch_model.bin",
    ),
    Release("CelebA-HQ", 1024, "https://github.com/ptrblck/prog_gans_pytorch_inference", CONVERTED, "gandissect"),
)  # fmt: skip


LICENCES = (N_("{licence} (NVIDIA's weights, converted)"), N_("Apache 2.0, by its page"))
COLUMNS = (N_("Published by"), N_("Networks and resolutions"), N_("Licence"), N_("Format"))


def table(releases: tuple[Release, ...] = CATALOGUE) -> str:
    """The catalogue as a markdown table of text and links, one row per publisher."""
    rows = ["| " + " | ".join(map(_, COLUMNS)) + " |", "|---|---|---|---|"]
    for (page, licence, kind), group in groupby(releases, lambda r: (r.page, r.licence, r.format)):
        owner = "/".join(urllib.parse.urlsplit(page).path.strip("/").split("/")[:2])
        names = [f"[{r.name} {r.pixels}]({r.url})" if r.url else f"{r.name} {r.pixels}" for r in group]
        rows.append(f"| [{owner}]({page}) | {', '.join(names)} | {said(licence)} | `{kind}` |")
    return "\n".join(rows)


@dataclass(frozen=True)
class Fetched:
    """A downloaded file: its content, and what identifies it."""

    name: str
    data: bytes
    sha256: str
    promised: str | None

    @property
    def words(self) -> str:
        """Size, SHA-256, and whether the file's name agrees with it."""
        kept = {
            None: "",
            True: " " + _("It matches the file's name."),
            False: " " + _("It does not match the file's name!"),
        }
        agrees = None if self.promised is None else self.sha256.startswith(self.promised)
        return _("{name}: {count:,} bytes, SHA-256 `{sha256}`.{agrees}").format(
            name=self.name, count=len(self.data), sha256=self.sha256, agrees=kept[agrees]
        )


def fetch(release: Release, progress: Callable[[int, int], None] = lambda done, total: None) -> Fetched:
    """Download a release's file; `progress(bytes so far, bytes in all or 0)` is called as it comes.

    Raises CheckpointError, one sentence, where it cannot be downloaded.
    """
    if release.url is None:
        raise CheckpointError(f"{release.name} has no public address")
    try:
        with urllib.request.urlopen(release.url, timeout=30) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            parts, done = [], 0
            while part := answer.read(CHUNK):
                parts.append(part)
                done += len(part)
                if max(done, total) > MAX_BYTES:
                    raise CheckpointError(f"the file at {release.url} is larger than {MAX_BYTES >> 20} MiB")
                progress(done, total)
    except (urllib.error.URLError, OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or reason
        raise CheckpointError(f"{release.url} cannot be downloaded: {said}") from error
    data = b"".join(parts)
    return Fetched(Path(release.url).name, data, hashlib.sha256(data).hexdigest(), release.promised)

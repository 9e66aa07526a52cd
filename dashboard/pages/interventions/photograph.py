"""A photograph in place of a seed's picture: uploaded, projected into the generator, shown beside what that draws."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.shared.controls import BARE
from dashboard.shared.images import image_wall
from dashboard.shared.page import open_page, plain
from dashboard.shared.progress import apart, is_known
from dashboard.work import projection
from dissection.interventions import Edit
from dissection.output.overlays import heat
from dissection.projection import BRIGHTEST, Projection, at_size, blend, difference
from pgan_core.picture_data import DataError
from pgan_core.pictures import to_floats, to_uint8
from pgan_core.training.picture_files import square_picture

SEED, PHOTOGRAPH = N_("a seed's picture"), N_("a photograph")
LINK = "interventions_photograph"  # which one, in the session and in the address
ORIGINAL = "interventions_original"  # (which one, uint8 S x S x 3): the upload, which goes with the session
MAX_FILE = 32 << 20  # bytes
MAX_SIDE = 1024  # pixels of the photograph that the change is blended into


@dataclass(frozen=True)
class Photograph:
    """A photograph and its projection; pictures are uint8."""

    digest: str
    pixels: np.ndarray  # R x R x 3, as the generator may draw it
    original: np.ndarray  # S x S x 3; the same as `pixels` in browsers that have only its link
    projection: Projection

    def reconstruction(self, model: session.Model, edits: Mapping[str, Sequence[Edit]]) -> np.ndarray:
        """What the generator draws after edits, 1 x R x R x 3."""
        return to_uint8(self._drawn(model, edits))

    def with_change(self, model: session.Model, edits: Mapping[str, Sequence[Edit]], full: bool = False) -> np.ndarray:
        """The photograph with what edits change, 1 x R x R x 3, or S x S where it is wanted in full."""
        shown = self.original if full else self.pixels
        before = self.projection.image.to(model.device)
        return to_uint8(blend(to_floats(shown[None]).to(before), before, self._drawn(model, edits)))

    def _drawn(self, model: session.Model, edits: Mapping[str, Sequence[Edit]]) -> torch.Tensor:
        with torch.inference_mode():
            return self.projection.run(session.prepared(model), edits) if edits else self.projection.image


def choose_photograph(model: session.Model) -> tuple[bool, Photograph | None]:
    """Choose between a seed's picture and a photograph: whether it is one, and its projection once that is there.

    The three pictures that show how well it is drawn are shown with it.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.segmented_control(
            _("Edit"), [SEED, PHOTOGRAPH], default=SEED, format_func=_, required=True, key="interventions_picture",
            **BARE,
        )  # fmt: skip
        if chosen == SEED:
            return False, None
        with st.popover(_("Upload"), icon=":material/upload:"):
            problem = upload_view()
    if problem:
        st.error(plain(problem))
    return True, projected(model)


def upload_view() -> str:
    """The upload of a photograph; one sentence about one that cannot be read."""
    brought = st.file_uploader(_("PNG or JPEG; its middle square is used"), ["png", "jpg", "jpeg"],
                               key="interventions_upload", max_upload_size=MAX_FILE >> 20)  # fmt: skip
    if brought is None or st.session_state.get("interventions_read") == brought.file_id:
        return ""
    try:
        if brought.size > MAX_FILE:
            raise DataError(f"{brought.name} is larger than {MAX_FILE >> 20} MiB.")
        original = square_picture(brought.name, brought.getvalue(), MAX_SIDE)
    except DataError as error:
        return said(error)
    digest = hashlib.sha256(original.tobytes()).hexdigest()[:32]
    st.session_state["interventions_read"] = brought.file_id
    st.session_state[ORIGINAL] = digest, original
    session.remember(LINK, digest, default="")
    return ""


def projected(model: session.Model) -> Photograph | None:
    """The uploaded photograph, or that of the link, with its projection, which is made now; None until it is there."""
    digest = session.recall(LINK, "")
    kept_digest, original = st.session_state.get(ORIGINAL, ("", None))
    original = original if kept_digest == digest else None
    key = ("photograph", model.identity, digest)
    if original is None and not is_known(key):
        st.info(
            _("This server no longer keeps the photograph of this link. Upload it again.")
            if digest
            else _(
                "Upload a photograph. The network looks for the picture that is most like it; that one is edited, and "
                "the change is put into the photograph. It suits pictures like those that the network was trained on."
            )
        )
        return None
    small = None if original is None else to_uint8(at_size(to_floats(original[None])[0], model.generator.resolution))[0]
    made = apart(key, _("Looking for the picture in the network"), projection, model.generator, small, model.label)
    if made is None:
        return None
    pixels, found = made
    shown = Photograph(digest, pixels, pixels if original is None else original, found)
    shown_beside(shown)
    return shown


def shown_beside(shown: Photograph) -> None:
    """The photograph, the reconstruction, and the difference as a map."""
    found = shown.projection
    photo, image = to_floats(shown.pixels[None]), found.image.cpu()
    missing = difference(photo, image)[0].numpy()
    drawn = to_uint8(image)[0]
    words = [
        _("the photograph"),
        _("the network's reconstruction"),
        _("what the network cannot draw: {share} on average").format(share=f"{missing.mean():.1%}"),
    ]
    maps = np.stack([shown.pixels, drawn, heat(missing, 0, BRIGHTEST)])
    image_wall(maps, "interventions-projection", 3, words, size=256)
    if st.button(_("Over many pictures: which concepts are missing?"), type="tertiary", icon=":material/bar_chart:"):
        open_page("quality", {"quality_part": "Concepts"})

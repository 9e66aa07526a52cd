"""Quality: how good are the pictures, how varied, and what do the measures see?"""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.quality import ablations, concepts, damages, distance, nearest, norms, stages, stddev
from dashboard.shared.page import header

PARTS = {
    N_("Distance"): distance,
    N_("Over training"): stages,
    N_("What measures see"): damages,
    N_("Concepts"): concepts,
    N_("Nearest training scenes"): nearest,
    N_("Minibatch stddev"): stddev,
    N_("Pixel norm"): norms,
    N_("Ablations"): ablations,
}

model = session.model()
header(_("How good are the pictures, and how varied?"), _("PGGAN, sections 3 to 5"))
part = st.segmented_control(
    _("Part"), list(PARTS), default="Distance", format_func=_, key="quality_part", bind="query-params", required=True,
    label_visibility="collapsed",
)  # fmt: skip
try:
    PARTS[part].draw(model, session.seed())
except ValueError as error:  # a measure cannot take these pictures or files; the message says why in one sentence
    st.error(str(error))

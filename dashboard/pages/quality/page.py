"""Quality: how good are the pictures, how varied, and what do the measures see?"""

import streamlit as st

from dashboard import session
from dashboard.pages.quality import ablations, damages, distance, nearest, norms, stages, stddev
from dashboard.shared.page import header

PARTS = {
    "Distance": distance,
    "Over training": stages,
    "What measures see": damages,
    "Nearest training scenes": nearest,
    "Minibatch stddev": stddev,
    "Pixel norm": norms,
    "Ablations": ablations,
}

model = session.model()
header("How good are the pictures, and how varied?", "PGGAN, sections 3 to 5")
part = st.segmented_control(
    "Part", list(PARTS), default="Distance", key="quality_part", bind="query-params", required=True,
    label_visibility="collapsed",
)  # fmt: skip
try:
    PARTS[part].draw(model, session.seed())
except ValueError as error:  # a measure cannot take these pictures or files; the message says why in one sentence
    st.error(str(error))

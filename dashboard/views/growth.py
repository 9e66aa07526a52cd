"""Growth: how does a Progressive GAN grow from 4x4 to full size?"""

import streamlit as st
import torch

from dashboard import session
from dashboard.components.images import image_wall
from dashboard.components.page import formula_box, header
from pgan_core.pictures import to_uint8


@session.cached(max_entries=8)
def pictures(model: session.Model, seed: int, count: int, resolution: int):
    """uint8 count x r x r x 3 of the network read at a lower resolution."""
    with torch.inference_mode():
        return to_uint8(model.generator(session.latents(model, seed, count), resolution=resolution))


model = session.model()
header("How does a Progressive GAN grow?", "PGGAN, section 2 and figure 2")
count = st.slider("Pictures", 4, 24, 12, key="growth_count", bind="query-params")
resolution = st.select_slider(
    "Resolution",
    model.generator.resolutions,
    model.generator.resolution,
    key="growth_resolution",
    bind="query-params",
)
image_wall(pictures(model, session.seed(), count, resolution), key="growth-wall")
formula_box(
    r"x = (1 - \alpha)\,\mathrm{up}(x_{old}) + \alpha\,x_{new}",
    "A new resolution is faded in smoothly.",
    "PGGAN, section 2",
)

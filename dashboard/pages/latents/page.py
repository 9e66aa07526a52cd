"""Latents: what lies between two pictures?"""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.latents.directions import directions_section
from dashboard.pages.latents.plane import plane_section
from dashboard.pages.latents.points import points_section
from dashboard.pages.latents.walk import walk_section
from dashboard.shared import drawn_here
from dashboard.shared.page import header

VIEWS = [N_("Walk"), N_("Directions"), N_("Plane")]

model = session.model()
header(_("What lies between two pictures?"), _("PGGAN, section 6.3 and its video"))
controls = st.container(horizontal=True, vertical_alignment="center", gap="small")
with controls:
    view = st.segmented_control(
        _("View"), VIEWS, default="Walk", format_func=_, key="latents_view", bind="query-params", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
here = drawn_here.in_browser(model)
points, look = points_section(model, here)
if view == "Directions":
    directions_section(model, points, look, controls, here)
elif view == "Plane":
    plane_section(model, points, look, here)
else:
    walk_section(model, points, look, controls, here)

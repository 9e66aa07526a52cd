'''One folder per page; `st.navigation` runs its page.py from top to bottom whenever a control changes.

A page answers one question, and is built like this (copy it):

    """Latents: what lies between two pictures?  (docstring: the page's question)"""

    import numpy as np
    import streamlit as st
    import torch

    from dashboard import session
    from dashboard.shared.charts import chart
    from dashboard.shared.images import image_wall
    from dashboard.shared.page import formula_box, header
    from dashboard.pages.latents import figures
    from pgan_core.pictures import to_uint8

    @session.cached(max_entries=8)                    # arrays in, arrays out; a Model is hashed by its identity
    def pictures(model, seed, count):
        with torch.inference_mode():
            return to_uint8(session.prepared(model)(*session.inputs(model, seed, count)))

    model = session.model()                           # stops with one sentence where there is none
    header("What lies between two pictures?", "PGGAN, appendix F")
    count = st.slider("Pictures", 4, 24, 12, key="latents_count", bind="query-params")
    shown = pictures(model, session.seed(), count)
    image_wall(shown, key="latents-wall")
    steps = {"picture": np.abs(np.diff(shown / 255, axis=0)).mean(axis=(1, 2, 3))}
    chart(figures.layer_distances(steps), key="latents_travel")    # figures.py imports plotly, not streamlit
    formula_box(r"slerp(a, b, t) = ...", "Two or three sentences.", "PGGAN, section 4")

Rules: keys of controls are `<page>_<name>`, with `bind="query-params"` so that links restore the view; controls stand
in one row above the figure; headings are `st.subheader`; `PAGES` in `dashboard/frame.py` names the folder. Work that
takes more than a second shows progress.
'''

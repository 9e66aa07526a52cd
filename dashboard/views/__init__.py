'''One file a page, run from top to bottom by `st.navigation` at every change of a control.

A page answers one question, and is built like this (copy it):

    """Latents: what lies between two pictures?  (docstring: the page's question)"""

    import streamlit as st

    from dashboard import session
    from dashboard.components.charts import chart
    from dashboard.components.images import image_wall
    from dashboard.components.page import formula_box, header
    from dashboard.figures import latents as figures

    @session.cached(max_entries=8)                    # arrays in, arrays out; a Model counts by its identity
    def pictures(model, seed, count):
        with torch.inference_mode():
            return model.generator(*session.inputs(model, seed, count)).cpu().numpy()

    model = session.model()                           # stops with one sentence where there is none
    header("What lies between two pictures?", "PGGAN, appendix F")
    count = st.slider("Pictures", 4, 24, 12, key="latents_count", bind="query-params")
    image_wall(pictures(model, session.seed(), count), key="latents-wall")
    chart(figures.angle(...), key="latents_angle")    # figures/<page>.py builds plotly figures, no streamlit there
    formula_box(r"slerp(a, b, t) = ...", "Two or three sentences.", "PGGAN, section 4")

Rules: keys of controls are `<page>_<name>`, with `bind="query-params"` so that links restore the view; controls in
one row above the figure; headings are `st.subheader`; the file's name is the one in `PAGES` of `dashboard/frame.py`,
which shows a page as soon as its file is there. Work that takes more than a second shows progress.
'''

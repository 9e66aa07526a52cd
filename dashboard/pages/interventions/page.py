"""Interventions: what do units cause? Draw on a picture to switch units there (GANPaint)."""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.interventions.charts import causal_view
from dashboard.pages.interventions.choice import choose
from dashboard.pages.interventions.files import files_view
from dashboard.pages.interventions.history import history
from dashboard.pages.interventions.painting import painting
from dashboard.pages.interventions.photograph import choose_photograph
from dashboard.shared import drawn_here, lesson_panel
from dashboard.shared.page import formula_box, header

EQUATION = (
    r"\begin{gathered} x_u \leftarrow (1 - a)\, x_u + a\, v_u \\[.6em] "
    r"\delta_{U \to c} = \mathbb{E}_z[s_c(x_U \text{ on})] - \mathbb{E}_z[s_c(x_U \text{ off})] \end{gathered}"
)
WORDS = N_(
    "Where you draw, the chosen units' maps ({point}) move towards a value $v$: 0 to remove, a high level to "
    "add, another picture's value at the same place to copy. Every cell of the layer that the brush touches is "
    "switched (the yellow squares). The mean change in the segmented pixels $s_c$ over many pictures is the "
    "units' **causal effect** on a concept $c$."
)
POINTS = N_("after the non-linearity, before pixel norm"), N_("as they leave the layer")  # of PGGAN, of others
WHERE = N_("Bau et al. 2019, section 3.2")


def main() -> None:
    model = session.model()
    header(_("What do units cause?"), _("GAN Dissection, section 3.2"))
    kept = history(model)
    of_photograph, projected = choose_photograph(model)
    choice = choose(model)
    if choice.item is None:
        st.info(_("This model has no dissection yet. Choose units by number, or dissect it on the Dissection page."))
    is_lesson = lesson_panel.is_running()  # it counts segmented pixels, which the server does
    if of_photograph == (projected is not None):
        here = drawn_here.in_browser(model) and not is_lesson and projected is None
        painting(model, choice, kept, here, projected)
        files_view(model, kept, projected)
    causal_view(model, choice)
    formula_box(EQUATION, _(WORDS).format(point=_(POINTS[not model.grows])), _(WHERE))


main()

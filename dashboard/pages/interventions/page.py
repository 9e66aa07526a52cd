"""Interventions: what do units cause? Draw on a picture, and units are switched there (GANPaint)."""

import streamlit as st

from dashboard import session
from dashboard.pages.interventions.charts import causal_view
from dashboard.pages.interventions.choice import choose
from dashboard.pages.interventions.files import files_view
from dashboard.pages.interventions.history import history
from dashboard.pages.interventions.painting import painting
from dashboard.shared.page import formula_box, header

EQUATION = (
    r"\begin{gathered} x_u \leftarrow (1 - a)\, x_u + a\, v_u \\[.6em] "
    r"\delta_{U \to c} = \mathbb{E}_z[s_c(x_U \text{ on})] - \mathbb{E}_z[s_c(x_U \text{ off})] \end{gathered}"
)
WORDS = (
    "Where you draw, the chosen units' maps (after the non-linearity, before pixel norm) go towards a value $v$: 0 to "
    "remove, a high level to add, another picture's at the same place to copy. A cell of the layer is switched if the "
    "brush touches it: its yellow squares. What the change does to the segmented pixels $s_c$, over many pictures, is "
    "the units' **causal effect** on a concept."
)
WHERE = "Bau et al. 2019, section 3.2"


def main() -> None:
    model = session.model()
    header("What do units cause?", "GAN Dissection, section 3.2")
    kept = history(model)
    choice = choose(model)
    if choice.item is None:
        st.info("This model has no dissection yet: choose units by their numbers, or make one on the Dissection page.")
    painting(model, choice, kept)
    files_view(model, kept)
    causal_view(model, choice)
    formula_box(EQUATION, WORDS, WHERE)


main()

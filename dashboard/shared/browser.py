"""Components that run in the browser; their HTML, CSS and JavaScript lie beside their Python."""

from pathlib import Path
from typing import TYPE_CHECKING

from streamlit.components import v2

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

HOME = Path(__file__).parents[1]


def component(name: str, *files: str, html: str | None = None) -> "ComponentRenderer":
    """A component made of files (paths below `dashboard/`), those of one kind joined in order; or of a short `html`."""

    def load(ending: str) -> str | None:
        texts = [(HOME / file).read_text(encoding="utf-8") for file in files if file.endswith(ending)]
        return "\n".join(texts) or None

    return v2.component(name, html=html or load(".html"), css=load(".css"), js=load(".js"), isolate_styles=False)

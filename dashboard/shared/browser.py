"""Components that run in the browser; their HTML, CSS and JavaScript lie beside their Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamlit.components import v2

from dashboard.language import N_, _, language

PLAYER_WORDS = (N_("Play"), N_("Pause"))  # of shared/player.js
HOME = Path(__file__).parents[1]
TRANSLATED = """
export default (component) => {
  const {parentElement, data} = component;
  if (parentElement.labLanguage !== data.language) translate(parentElement, data.words);
  parentElement.labLanguage = data.language;
  return shown(component);
};
"""


def component(name: str, *files: str, html: str | None = None, words: Sequence[str] = ()) -> Any:
    """A component made of files (paths below `dashboard/`), those of one kind joined in order; or of a short `html`.

    words: what its files say in English, marked by `N_`; they are replaced where they appear, {names} and all.
    """

    def load(ending: str) -> str | None:
        texts = [(HOME / file).read_text(encoding="utf-8") for file in files if file.endswith(ending)]
        return "\n".join(texts) or None

    css, js = load(".css"), load(".js")
    if not words:
        return v2.component(name, html=html or load(".html"), css=css, js=js, isolate_styles=False)
    assert js is not None and js.count("export default function") == 1, name
    js = (HOME / "shared/translate.js").read_text(encoding="utf-8") + js.replace(
        "export default function", "const shown = function"
    )
    show = v2.component(name, html=html or load(".html"), css=css, js=js + TRANSLATED, isolate_styles=False)

    def render(*, data: dict[str, Any], **options: Any) -> Any:
        said = {text: there for text in words if (there := _(text)) != text}
        return show(data=data | {"language": language(), "words": said}, **options)

    return render

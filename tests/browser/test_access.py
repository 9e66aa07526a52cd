"""Every page for those who use no mouse, or no eyes: axe-core finds nothing serious, in both themes.

`axe/` is axe-core by Deque Systems (MPL 2.0, its licence beside it), for these tests only.
"""

from pathlib import Path

import pytest

from tests.browser.running_app import ROOT, rest

AXE = Path(__file__).with_name("axe") / "axe.min.js"
PAGES = sorted(path.parent.name for path in (ROOT / "dashboard/pages").glob("*/page.py"))
NOT_OURS = {  # rule -> what Streamlit draws so, and no option of it changes
    "list": '[data-testid="stSidebarNav"]',
    "listitem": '[data-testid="stSidebarNav"]',
    "nested-interactive": '[data-testid="stExpander"]',
}
SERIOUS = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({target, html}) => [id, target.join(" "), html.slice(0, 200)]));
}"""


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(visit, page):
    tab = visit("" if page == "growth" else page)
    rest(tab)
    tab.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    assert not serious(tab)


@pytest.mark.parametrize("page", ["growth", "interventions", "dissection"])
def test_nor_in_the_dark(visit, page):
    tab = visit("" if page == "growth" else page, scheme="dark")
    rest(tab)
    tab.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    assert not serious(tab)


def serious(tab) -> list:
    """Rule, place and HTML of what axe calls serious or critical, without what is Streamlit's own."""
    found = tab.evaluate(SERIOUS)
    return [row for row in found if row[0] not in NOT_OURS or not tab.locator(f"{NOT_OURS[row[0]]} {row[1]}").count()]

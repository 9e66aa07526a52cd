"""Every page for those who use no mouse, or no eyes: axe-core finds nothing serious, in both themes.

`axe/` is axe-core by Deque Systems (MPL 2.0, its licence beside it), for these tests only.
"""

from pathlib import Path

from dashboard import frame
from tests.browser.running_app import rest

AXE = Path(__file__).with_name("axe") / "axe.min.js"
NOT_OURS = {  # rule -> what Streamlit draws so, and no option of it changes
    "list": '[data-testid="stSidebarNav"]',  # its sections are <div> between the list and its items
    "listitem": '[data-testid="stSidebarNav"]',
    "nested-interactive": '[data-testid="stExpander"] summary',  # it makes its headers focusable twice
}
SERIOUS = """async ([notOurs, only]) => {
  const transitions = document.getAnimations().filter((each) => each instanceof CSSTransition);
  await Promise.all(transitions.map(({finished}) => finished.catch(() => {})));
  const {violations} = await axe.run(document, {resultTypes: ["violations"], ...(only ? {runOnly: only} : {})});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({target, html}) => [id, target.join(" "), html.slice(0, 200)]))
    .filter(([id, target]) => !(id in notOurs) || !document.querySelector(target).closest(notOurs[id]));
}"""


def test_axe_finds_nothing_serious(visit):
    """One browser page goes through all of the app, since its start costs most. Themes differ in colours alone."""
    names = [name for section in frame.PAGES.values() for name, *_ in section]
    tab = visit(names[0])
    rest(tab)
    tab.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = {}
    for name in names:
        path = "" if name == frame.FIRST else name
        tab.locator(f'[data-testid="stSidebarNav"] a[href$="/{path}"]').evaluate("link => link.click()")
        rest(tab)
        found[name] = tab.evaluate(SERIOUS, [NOT_OURS, None])
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_function("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'")
        found[f"{name}, dark"] = tab.evaluate(SERIOUS, [NOT_OURS, ["color-contrast"]])
        tab.emulate_media(color_scheme="light")
    assert not any(found.values()), "\n".join(f"{name}: {rows}" for name, rows in found.items() if rows)

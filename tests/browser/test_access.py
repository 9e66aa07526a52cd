"""Every page for those who use no mouse, or no eyes: axe-core finds nothing serious, in both themes."""

from dashboard import frame
from tests.browser.running_app import rest, serious


def test_axe_finds_nothing_serious(visit):
    """One browser page goes through all of the app, since its start costs most. Themes differ in colours alone."""
    names = [name for section in frame.PAGES.values() for name, *_ in section]
    tab = visit(names[0])
    rest(tab)
    found = {}
    for name in names:
        path = "" if name == frame.FIRST else name
        tab.locator(f'[data-testid="stSidebarNav"] a[href$="/{path}"]').evaluate("link => link.click()")
        rest(tab)
        found[name] = serious(tab)
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_function("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'")
        found[f"{name}, dark"] = serious(tab, ["color-contrast"])
        tab.emulate_media(color_scheme="light")
    assert not any(found.values()), "\n".join(f"{name}: {rows}" for name, rows in found.items() if rows)

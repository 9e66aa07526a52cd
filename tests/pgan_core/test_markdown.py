"""Parts of a page that a command writes."""

import pytest

from pgan_core.markdown import with_block


def test_a_block_is_replaced_and_the_page_around_it_stays():
    begin, end = "<!-- speed: begin -->", "<!-- speed: end -->"
    assert (
        with_block(f"# A\n{begin}\nold\n{end}\n## B\n", "speed", "| new |") == f"# A\n{begin}\n| new |\n{end}\n## B\n"
    )


@pytest.mark.parametrize("page", ["", "<!-- a: begin -->\n", "<!-- a: end -->\n<!-- a: begin -->\n"])
def test_a_page_without_the_markers_is_refused(page):
    with pytest.raises(ValueError, match="needs the lines <!-- a: begin --> and <!-- a: end -->"):
        with_block(page, "a", "text")

"""Text in a link comes back as it was; anything else is refused in a clause."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.shared.link_text import MAX_LINK, LinkError, pack, unpack


@given(st.text(max_size=500))
@settings(deadline=None)
def test_a_link_gives_its_text_back(text):
    assert unpack(pack(text), 4000) == text.encode("utf-8", "replace").decode()


def test_what_is_too_long_gets_no_link():
    assert pack(np.random.default_rng(0).bytes(MAX_LINK).hex()) is None


@given(st.text(max_size=80))
@settings(deadline=None)
def test_other_links_are_refused(packed):
    try:
        assert len(unpack(packed, 100)) <= 100
    except LinkError as error:
        assert str(error).startswith("the link was cut")


def test_a_link_that_unpacks_to_too_much_is_refused():
    with pytest.raises(LinkError, match="too long"):
        unpack(pack("x" * 101), 100)

"""Arguments that many controls share, passed with `**`; typed, so that calls can be checked."""

from typing import Literal, TypedDict


class Bound(TypedDict):
    """A control whose value is in the address, so that a link restores it."""

    bind: Literal["query-params"]


class Bare(Bound):
    """The same with its label hidden; only screen readers say it."""

    label_visibility: Literal["collapsed"]


BOUND: Bound = {"bind": "query-params"}
BARE: Bare = {"bind": "query-params", "label_visibility": "collapsed"}

"""What the declarations of controls have in common, for `**`: typed, so that a type checker sees through it."""

from typing import Literal, TypedDict


class Bound(TypedDict):
    """A control whose value stands in the address, so that a link restores it."""

    bind: Literal["query-params"]


class Bare(Bound):
    """The same with its label hidden; only screen readers say it."""

    label_visibility: Literal["collapsed"]


BOUND: Bound = {"bind": "query-params"}
BARE: Bare = {"bind": "query-params", "label_visibility": "collapsed"}

"""The key points of a walk: a list of texts that a link carries, and what the buttons on their thumbnails do to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.latents.sprites import Sheet
from dashboard.shared import drawn_here
from dashboard.shared.browser import component
from pgan_core.latent_points import NUMBERS
from pgan_core.latents import MAX_SEED

LEAST, MOST = 2, 12
PIN = "!"

_component = component(
    "lab_latent_points", "pages/latents/latent_points.html", "pages/latents/latent_points.css",
    "shared/drawn_here.js", "pages/latents/latent_points.js",
    words=[
        N_("Another seed"), N_("Keep when all are rolled"), N_("Move left"), N_("Move right"), N_("Remove"),
        N_("Another seed: {point}"), N_("Keep when all are rolled: {point}"), N_("Move left: {point}"),
        N_("Move right: {point}"), N_("Remove: {point}"), N_("Add a point"),
        N_("{point}: click to choose, drag onto another to swap"),
    ],
)  # fmt: skip


@dataclass(frozen=True)
class KeyPoint:
    """A point as pgan_core.latent_points writes it, and whether rolling all leaves it alone."""

    text: str
    pinned: bool = False

    @property
    def name(self) -> str:
        """What stands under the thumbnail."""
        if self.text.startswith(NUMBERS):
            return _("numbers")
        return _("seed {text}").format(text=self.text) if self.text.isdigit() else self.text


@dataclass(frozen=True)
class KeyPoints:
    """The list, and the number of the chosen one."""

    points: tuple[KeyPoint, ...]
    chosen: int = 0

    @classmethod
    def read(cls, text: str, chosen: int = 0) -> "KeyPoints":
        """`0,5~2!,17`: points with commas, pinned ones with an exclamation mark. ValueError for none or too many."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not LEAST <= len(parts) <= MOST:
            raise ValueError(f"a walk takes {LEAST} to {MOST} key points, not {len(parts)}")
        points = tuple(KeyPoint(part.removesuffix(PIN), part.endswith(PIN)) for part in parts)
        return cls(points, min(max(chosen, 0), len(points) - 1))

    @classmethod
    def of_seed(cls, seed: int, count: int = 4) -> "KeyPoints":
        """The seeds seed, seed + 1, ..., as on the other pages."""
        return cls(tuple(KeyPoint(str((seed + i) % (MAX_SEED + 1))) for i in range(count)))

    @property
    def text(self) -> str:
        return ",".join(point.text + PIN * point.pinned for point in self.points)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(point.text for point in self.points)

    def put(self, text: str) -> "KeyPoints":
        """Another point in place of the chosen one."""
        return self._with(self.chosen, KeyPoint(text, self.points[self.chosen].pinned))

    def rolled(self, seed: int) -> "KeyPoints":
        """The seeds seed, seed + 1, ... in place of all points that are not pinned."""
        fresh = (p if p.pinned else KeyPoint(str((seed + i) % (MAX_SEED + 1))) for i, p in enumerate(self.points))
        return replace(self, points=tuple(fresh))

    def after(self, act: str, index: int | None, other: int | None = None, seed: int = 0) -> "KeyPoints":
        """What a button does: choose, pin, left, right, delete, swap (with `other`), or roll and add (`seed`)."""
        if act == "add":
            return self._added(seed) if len(self.points) < MOST else self
        if index is None or not 0 <= index < len(self.points):
            return self  # a click on what an earlier click removed
        point = self.points[index]
        if act == "roll":
            return self._with(index, KeyPoint(str(seed), point.pinned))
        if act == "pin":
            return self._with(index, replace(point, pinned=not point.pinned))
        if act == "delete" and len(self.points) > LEAST:
            rest = self.points[:index] + self.points[index + 1 :]
            return KeyPoints(rest, min(self.chosen - (index < self.chosen), len(rest) - 1))
        target = {"left": index - 1, "right": index + 1, "swap": other}.get(act)
        if target is not None and 0 <= target < len(self.points):
            return self._swapped(index, target)
        return replace(self, chosen=index)

    def _with(self, index: int, point: KeyPoint) -> "KeyPoints":
        return KeyPoints((*self.points[:index], point, *self.points[index + 1 :]), index)

    def _added(self, seed: int) -> "KeyPoints":
        points = (*self.points, KeyPoint(str(seed)))
        return KeyPoints(points, len(points) - 1)

    def _swapped(self, a: int, b: int) -> "KeyPoints":
        points = list(self.points)
        points[a], points[b] = points[b], points[a]
        return KeyPoints(tuple(points), b)


def key_points_row(points: KeyPoints, sheet: Sheet, key: str, changed: Callable[[KeyPoints], None]) -> None:
    """Thumbnails with their buttons; `changed` gets the list as a click leaves it, before the page runs again.

    `sheet` holds the points' pictures in order.
    """
    data = {
        "points": [{"name": point.name, "pinned": point.pinned} for point in points.points],
        "sheet": sheet.address,
        "columns": sheet.columns,
        "rows": sheet.rows,
        "chosen": points.chosen,
        "least": LEAST,
        "most": MOST,
    }

    def clicked() -> None:
        event = st.session_state[key].event
        if event:
            changed(points.after(event["act"], event["index"], event["other"], session.roll()))

    _component(data=data, key=key, on_event_change=clicked, on_failed_change=drawn_here.failed(key))

"""The edits that a viewer made: a list with a position for undo and redo, kept in the session and in the link."""

from dataclasses import dataclass, field

import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.shared.link_text import LinkError, pack, unpack
from dissection.interventions import Edit, EditError, from_json, to_json

STATE, LINK = "interventions_history", "interventions_edits"
MAX_TEXT = 4 << 20  # bytes of a link's edits when unpacked
MAX_STEPS = 200


@dataclass
class History:
    """Steps (layer, edit) in order; those before `at` are applied, the others can be redone."""

    identity: str
    steps: list[tuple[str, Edit]] = field(default_factory=list)
    at: int = 0

    @property
    def applied(self) -> list[tuple[str, Edit]]:
        return self.steps[: self.at]

    def edits(self) -> dict[str, list[Edit]]:
        """What is applied, by layer, as `Generator.run` takes it."""
        edits: dict[str, list[Edit]] = {}
        for layer, edit in self.applied:
            edits.setdefault(layer, []).append(edit)
        return edits

    def add(self, layer: str, edit: Edit) -> None:
        """Apply one more edit; what was undone before is forgotten."""
        if self.at >= MAX_STEPS:
            raise EditError(f"there are {MAX_STEPS} edits already; undo some, or reset")
        self.steps = [*self.applied, (layer, edit)]
        self.at += 1

    def move(self, kind: str) -> None:
        """ "undo", "redo" or "reset"; a reset can be redone step by step."""
        self.at = {"undo": max(0, self.at - 1), "redo": min(len(self.steps), self.at + 1), "reset": 0}[kind]

    def replace(self, edits: dict[str, list[Edit]]) -> None:
        """Apply the edits of a file or a link instead."""
        self.steps = [(layer, edit) for layer, todo in edits.items() for edit in todo]
        self.at = len(self.steps)


def history(model: session.Model) -> History:
    """This viewer's edits for a model; another model begins with none, or with those of its link."""
    kept = st.session_state.get(STATE)
    if kept is None or kept.identity != model.file_identity:
        text = st.query_params.get(LINK) if kept is None else None
        kept = st.session_state[STATE] = History(model.file_identity)
        if text:
            try:
                kept.replace(checked(model, edits_in(text)))
            except EditError as error:
                st.warning(_("The link's edits cannot be read: {error}").format(error=said(error)))
    return kept


def checked(model: session.Model, edits: dict[str, list[Edit]]) -> dict[str, list[Edit]]:
    """The same edits, if this generator has their layers and units; else EditError."""
    specs = {spec.name: spec for spec in model.generator.specs if spec.kind != "rgb"}
    for layer, todo in edits.items():
        if layer not in specs:
            raise EditError(f"this generator has no layer {layer[:40]}")
        width, side = specs[layer].out_features, specs[layer].resolution
        for edit in todo:
            count = width if edit.units is None else len(edit.units)
            if edit.value is not None and edit.value.dim() > 1 and edit.value.shape != (count, side, side):
                raise EditError(f"a copy into {layer} needs {side} x {side} cells per unit")
        if any(unit >= width for edit in todo for unit in edit.units or ()):
            raise EditError(f"{layer} has only the units 0 to {width - 1}")
    return edits


def share(kept: History) -> bool:
    """Put the applied edits into the address; False where they are too long for one."""
    text = pack(to_json(kept.edits())) if kept.at else ""
    if text:
        st.query_params[LINK] = text
    else:
        st.query_params.pop(LINK, None)
    return text is not None


def edits_in(packed: str) -> dict[str, list[Edit]]:
    """The edits that a link carries; EditError, one clause, for anything else."""
    try:
        return from_json(unpack(packed, MAX_TEXT))
    except LinkError as error:
        raise EditError(str(error)) from error


VERBS = (N_("remove"), N_("add"), N_("more"), N_("less"), N_("copy"))  # of edits, in a line about one


def words(layer: str, edit: Edit, names: dict[tuple[str, tuple[int, ...] | None], str]) -> str:
    """One edit in a line; names: concept by layer and units."""
    units = (
        _("all units")
        if edit.units is None
        else _("unit {number}").format(number=edit.units[0])
        if len(edit.units) == 1
        else _("{count} units").format(count=len(edit.units))
    )
    what = _(names.get((layer, edit.units), "")) or _("{units} of {layer}").format(units=units, layer=layer)
    strength = f", {edit.strength:.0%}" if edit.strength < 1 else ""
    line = _("{verb} {what} everywhere") if edit.region is None else _("{verb} {what}")
    return line.format(verb=_(edit.verb), what=what) + strength

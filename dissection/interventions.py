"""Edits of units: ablate, insert, scale, copy, everywhere or in a region (Bau et al. 2019, section 3.2).

    from dissection import ablate, insert
    result = generator.run(z, edits={"8x8/conv1": [ablate([3, 17]), insert([5], value=2.0, region=mask)]})

An edit is x (1 - a) + v a on a layer's activation after its non-linearity, before pixel norm (which then amplifies what
remains). a is the strength, 0 to 1, times the region. A region at the picture's size is max-pooled to the layer, as the
published tools do: a unit is switched wherever the brush touched its cell. Edits are applied in order.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

VERBS = ("remove", "add", "more", "less", "copy")
MAX_EDITS = 1000  # in a file
MAX_REGION = 1024  # pixels a side, of a region or a map in a file


class EditError(ValueError):
    """An edit can't be made, or a file describes none; the message is one sentence."""


@dataclass(frozen=True)
class Edit:
    """One edit of some units of a layer; called with an activation N x C x h x w it returns the edited one.

    units: indices, or None for all of the layer.  value: what they are set to: one number, one a unit (U), or maps
    (U x h x w or N x U x h x w).  factor: what they are multiplied by instead.  strength: a, 0 to 1.  region: H x W, or
    N x H x W for one a picture, 0 to 1, any size; None means everywhere.  pooling: how a region is brought to the
    layer's size, "max" or "mean".  verb: what the edit is called, one of VERBS.
    """

    units: tuple[int, ...] | None
    value: Tensor | None = None
    factor: float | None = None
    strength: float = 1.0
    region: Tensor | None = None
    pooling: str = "max"
    verb: str = "add"

    def __call__(self, x: Tensor) -> Tensor:
        units = self._units_in(x)
        old = x[:, units]
        new = self._new(old)
        a = self._alpha(x)
        edited = x.clone()
        edited[:, units] = old * (1 - a) + new * a
        return edited

    def _new(self, old: Tensor) -> Tensor:
        if self.value is None:
            return old if self.factor is None else old * self.factor
        value = self.value.to(old)
        if value.dim() == 1:
            return value[:, None, None]
        if value.shape[-3:] != old.shape[-3:]:
            maps, layer = (" x ".join(map(str, x.shape[-3:])) for x in (value, old))
            raise EditError(f"maps of {maps} cannot replace maps of {layer}")
        return value

    def _units_in(self, x: Tensor) -> Tensor:
        count = x.shape[1]
        units = range(count) if self.units is None else self.units
        if wrong := [unit for unit in units if not 0 <= unit < count]:
            raise EditError(f"there is no unit {wrong[0]}; the layer has units 0 to {count - 1}")
        return torch.as_tensor(list(units), dtype=torch.long, device=x.device)

    def _alpha(self, x: Tensor) -> Tensor | float:
        if self.region is None:
            return self.strength
        return self.strength * self.cells((x.shape[2], x.shape[3])).to(x)

    def cells(self, size: tuple[int, int]) -> Tensor:
        """The region at a layer's size, N x 1 x h x w in 0 to 1 (N = 1 where it is the same for all pictures)."""
        region = torch.ones(size) if self.region is None else self.region
        region = region[None, None] if region.dim() == 2 else region[:, None]
        pool = F.adaptive_max_pool2d if self.pooling == "max" else F.adaptive_avg_pool2d
        return pool(region, size)


def ablate(units: Sequence[int] | None, region: Tensor | None = None, *, strength: float = 1.0) -> Edit:
    """Switch units off: their maps are set to 0, everywhere or in a region (H x W in 0..1, any size)."""
    return replace(insert(units, 0.0, region, strength=strength), verb="remove")


def insert(
    units: Sequence[int] | None,
    value: float | Sequence[float] | Tensor,
    region: Tensor | None = None,
    *,
    strength: float = 1.0,
    pooling: str = "max",
) -> Edit:
    """Set units to a value (one number, or one a unit), usually a high level for a concept; region: H x W in 0..1."""
    units = _checked_units(units)
    value = torch.as_tensor(value, dtype=torch.float32)
    value = value.reshape(1) if value.dim() == 0 else value
    if not value.isfinite().all():
        raise EditError("a unit is set to a finite number, not to NaN or infinity")
    if value.dim() == 1 and units is not None and len(value) not in (1, len(units)):
        raise EditError(f"{len(units)} units take 1 or {len(units)} values, not {len(value)}")
    if value.dim() == 2 or value.dim() > 4:
        raise EditError(f"units are set to numbers or to maps U x h x w, not to {tuple(value.shape)}")
    if value.dim() > 1 and units is not None and value.shape[-3] != len(units):
        raise EditError(f"{len(units)} units take as many maps, not {value.shape[-3]}")
    share, region = _checked_share("strength", strength), _checked_region(region)
    return Edit(units, value, None, share, region, _checked(pooling))


def scale(units: Sequence[int] | None, factor: float, region: Tensor | None = None, *, strength: float = 1.0) -> Edit:
    """Multiply units by a factor: above 1 they do more of what they do, below 1 less."""
    if not -1e6 < factor < 1e6:
        raise EditError(f"a factor is a number between -1e6 and 1e6, not {factor}")
    share, region = _checked_share("strength", strength), _checked_region(region)
    return Edit(_checked_units(units), None, float(factor), share, region, verb="more" if factor > 1 else "less")


def copy(
    units: Sequence[int] | None, activation: Tensor, region: Tensor | None = None, *, strength: float = 1.0
) -> Edit:
    """Set units to their maps in another picture: activation C x h x w (or 1 x C x h x w), as `keep` returned it."""
    activation = activation[0] if activation.dim() == 4 and activation.shape[0] == 1 else activation
    if activation.dim() != 3:
        raise EditError(f"an activation to copy is C x h x w, of one picture, not {tuple(activation.shape)}")
    units = _checked_units(units, len(activation))
    chosen = activation if units is None else activation[list(units)]
    share, region = _checked_share("strength", strength), _checked_region(region)
    return Edit(units, chosen, None, share, region, verb="copy")


def _checked_units(units: Sequence[int] | None, count: int | None = None) -> tuple[int, ...] | None:
    if units is None:
        return None
    units = tuple(int(unit) for unit in units)
    if any(unit < 0 or (count is not None and unit >= count) for unit in units):
        raise EditError(f"units are numbered from 0{f' to {count - 1}' if count else ''}; found {units}"[:200])
    if len(set(units)) < len(units):
        raise EditError("an edit names a unit twice")
    return units


def _checked_share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise EditError(f"{name} is a number from 0 to 1, not {value}")
    return float(value)


def _checked_region(region: Tensor | None) -> Tensor | None:
    if region is None:
        return None
    region = torch.as_tensor(region, dtype=torch.float32)
    if region.dim() == 3 and region.shape[0] == 1:
        region = region[0]
    if region.dim() not in (2, 3) or not region.numel():
        raise EditError(f"a region is H x W (or N x H x W for one a picture), not {tuple(region.shape)}")
    if not ((region >= 0) & (region <= 1)).all():
        raise EditError("a region consists of numbers from 0 to 1")
    return region


def _checked(pooling: str) -> str:
    if pooling not in ("max", "mean"):
        raise EditError(f"a region is pooled by max or mean, not {pooling!r}")
    return pooling


# ---- edits as JSON: saved, shared as a link, applied from the shell ----------------------------------------------


def to_json(edits: Mapping[str, Sequence[Edit]]) -> str:
    """Edits by layer as text. Regions are stored in 256 steps, copied maps only where their region is.

    Raises EditError for regions or maps that differ from picture to picture.
    """
    return json.dumps({"edits": [_plain(layer, edit) for layer, todo in edits.items() for edit in todo]})


def from_json(text: str | bytes) -> dict[str, list[Edit]]:
    """Edits by layer from what `to_json` wrote. Raises EditError for anything else."""
    try:
        records = json.loads(text)["edits"]
        if not isinstance(records, list) or len(records) > MAX_EDITS:
            raise EditError(f"an edit file holds a list of at most {MAX_EDITS} edits")
        edits: dict[str, list[Edit]] = {}
        for record in records:
            edits.setdefault(str(record["layer"]), []).append(_edit(record))
    except EditError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise EditError(f"this is not a file of edits: {error or type(error).__name__}"[:200]) from error
    return edits


def _plain(layer: str, edit: Edit) -> dict:
    if edit.region is not None and edit.region.dim() != 2:
        raise EditError("regions that differ from picture to picture can't be written to a file")
    record: dict = {"layer": layer, "units": None if edit.units is None else list(edit.units)}
    if edit.value is None:
        record["factor"] = edit.factor
    elif edit.value.dim() == 1:
        record["value"] = edit.value.tolist()
    elif edit.value.dim() == 3:
        alpha = edit._alpha(edit.value[None])
        record["maps"] = _packed(edit.value * (alpha[0] > 0) if isinstance(alpha, Tensor) else edit.value)
    else:
        raise EditError("maps that differ from picture to picture can't be written to a file")
    record |= {"strength": edit.strength, "pooling": edit.pooling, "verb": edit.verb}
    if edit.region is not None:
        steps = (edit.region * 255).round().to(torch.uint8)
        record["region"] = {
            "size": list(steps.shape),
            "steps": base64.b64encode(steps.cpu().numpy().tobytes()).decode(),
        }
    return record


def _edit(record: Mapping) -> Edit:
    if unknown := set(record) - {"layer", "units", "value", "factor", "maps", "strength", "pooling", "region", "verb"}:
        raise EditError(f"an edit has no property {min(unknown)[:40]}")
    edit = _unnamed(record)
    verb = record.get("verb", edit.verb)
    if verb not in VERBS:
        raise EditError(f"an edit's verb is one of {', '.join(VERBS)}, not {str(verb)[:40]!r}")
    return replace(edit, verb=verb)


def _unnamed(record: Mapping) -> Edit:
    """A record's edit, with the verb that is most likely meant in older files, which name none."""
    region = _region(record["region"]) if record.get("region") is not None else None
    strength = float(record.get("strength", 1.0))
    if "factor" in record:
        edit = scale(record["units"], float(record["factor"]), region, strength=strength)
        return replace(edit, pooling=_checked(record.get("pooling", "max")))
    pooling = record.get("pooling", "max")
    if "maps" in record:
        edit = insert(record["units"], _maps(record["maps"]), region, strength=strength, pooling=pooling)
        return replace(edit, verb="copy")
    edit = insert(record["units"], record["value"], region, strength=strength, pooling=pooling)
    return edit if edit.value is None or edit.value.any() else replace(edit, verb="remove")


def _region(record: Mapping) -> Tensor:
    height, width = (int(side) for side in record["size"])
    if not (0 < height <= MAX_REGION and 0 < width <= MAX_REGION):
        raise EditError(f"a region has 1 to {MAX_REGION} pixels a side, not {height} x {width}")
    steps = _decoded(record["steps"], height * width, f"a region of {height} x {width} pixels")
    return torch.frombuffer(bytearray(steps), dtype=torch.uint8).reshape(height, width).float() / 255


def _packed(maps: Tensor) -> dict:
    values = maps.detach().cpu().numpy().astype("<f4")
    return {"size": list(values.shape), "values": base64.b64encode(values.tobytes()).decode()}


def _maps(record: Mapping) -> Tensor:
    units, height, width = (int(side) for side in record["size"])
    if not (units > 0 and 0 < height <= MAX_REGION and 0 < width <= MAX_REGION):
        raise EditError(f"maps have 1 to {MAX_REGION} cells a side, not {height} x {width}")
    content = _decoded(record["values"], 4 * units * height * width, f"maps of {units} x {height} x {width} cells")
    return torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32).reshape(units, height, width))


def _decoded(text: str, size: int, what: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise EditError(f"{what} are not stored as base64") from error
    if len(content) != size:
        raise EditError(f"{what} take {size} bytes, not {len(content)}")
    return content

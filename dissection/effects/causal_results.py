"""What the units of a model cause, concept by concept, measured once and stored (`causes.json`).

    results = measure_concepts(generator, dissection, segmenter)      # minutes; `python -m dissection causes`
    results.save("assets/interventions")
    results.proposal("foliage", REMOVE), results.concepts["foliage"].left
    results.proposal("door", ADD), results.contexts["door"].grew["wall"]

`proposals.Chooser` chooses the units on seeds of its own; their effect is measured on those of `Plan.evaluation`.
"""

from __future__ import annotations

import json
import math
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dissection.effects.proposals import REMOVE, Proposal
from dissection.result import Dissection
from pgan_core.checkpoints.native import write_atomically

FORMAT, FILE = "pggan-lab causes 2", "causes.json"


class CausalResultsError(ValueError):
    """A file of causal results can't be read; the message is one sentence."""


@dataclass(frozen=True)
class ConceptEffect:
    """What removing a concept's units does. Shares of its pixels before; NaN where it does not occur."""

    layer: str
    units: tuple[int, ...]
    by: str  # how the units were ordered
    before: float  # mean pixels a picture
    after: float
    left: float  # share of the concept's pixels that is left
    low: float  # its 95% interval over pictures
    high: float
    random: tuple[float, ...]  # the share that is left for each set of random units
    least: float  # the same for the least related units
    others: dict[str, float]  # the share that is left of each other concept
    counts: tuple[int, ...] = ()  # units taken in order, and the share left after them
    curve: tuple[float, ...] = ()
    chosen_left: float = math.nan  # the share left on the seeds on which the units were chosen
    painted: int = 0  # pictures in which only the concept's own pixels were painted over
    gone: float = math.nan  # the share of these pictures in which at most a tenth of it was left

    @property
    def random_removed(self) -> float:
        """The median share that random units remove."""
        known = [value for value in self.random if not math.isnan(value)]
        return 1 - statistics.median(known) if known else math.nan


@dataclass(frozen=True)
class ContextTable:
    """Where a concept grew when its units were inserted at single places, by what stood there before."""

    concept: str
    layer: str
    units: tuple[int, ...]
    threshold: int  # pixels by which it has to grow, to count as grown
    places: dict[str, int]
    pictures: dict[str, int]  # in how many pictures those places are
    gain: dict[str, float]  # mean pixels
    grew: dict[str, float]  # share of the insertions


@dataclass(frozen=True)
class CausalResults:
    """All results of one model."""

    info: dict
    concepts: dict[str, ConceptEffect]
    contexts: dict[str, ContextTable] = field(default_factory=dict)
    added: dict[str, Proposal] = field(default_factory=dict)

    def proposal(self, concept: str, verb: str) -> Proposal | None:
        """The units chosen for a concept and a verb (`proposals.REMOVE`, `ADD`); None if there are none."""
        if verb != REMOVE:
            return self.added.get(concept)
        found = self.concepts.get(concept)
        return found and Proposal(concept, found.layer, found.units, found.by)

    def is_of(self, dissection: Dissection) -> bool:
        """Whether the units were chosen by this dissection, so that the rule would choose the same again."""
        return self.info.get("dissection") == made_of(dissection)

    def removed(self, concept: str) -> float:
        """The share of a concept's pixels that its units remove; 0 where it is not known."""
        found = self.concepts.get(concept)
        return 0.0 if found is None or math.isnan(found.left) else 1 - found.left

    def save(self, folder: str | os.PathLike) -> Path:
        """Write `causes.json` into a folder, whole or not at all."""
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps({"format": FORMAT} | _rounded(asdict(self)), indent=1) + "\n").encode())
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> CausalResults:
        """Read what `save` wrote. Raises CausalResultsError, one sentence, for anything else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.get("format") != FORMAT:
                raise CausalResultsError(f"{path} has the format {content.get('format')!r}; {FORMAT!r} was expected")
            effects = {name: ConceptEffect(**_read(record)) for name, record in content["concepts"].items()}
            contexts = {name: ContextTable(**_read(record)) for name, record in content["contexts"].items()}
            added = {name: Proposal(**_read(record)) for name, record in content["added"].items()}
            return cls(dict(content["info"]), effects, contexts, added)
        except CausalResultsError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CausalResultsError(
                f"{path} holds no causal results: {error or type(error).__name__}"[:300]
            ) from error


def made_of(dissection: Dissection) -> dict:
    """The settings that tell a dissection from others of the same model."""
    return {name: dissection.info.get(name) for name in ("segmenter", "samples", "seed", "rule", "layers")}


def _rounded(value):
    """Plain JSON values: numbers to 5 digits, NaN as null."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 5)
    return value


def _read(record: dict) -> dict:
    """A record as its dataclass takes it: lists as tuples, null as NaN."""

    def value(item):
        if isinstance(item, dict):
            return {key: value(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return tuple(value(inner) for inner in item)
        return math.nan if item is None else item

    return {key: value(item) for key, item in record.items()}

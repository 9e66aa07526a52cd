"""Two dissections side by side: which concepts gain or lose units, and which unit became which.

    python -m dissection compare A B                    # two folders: stages of one run, two runs, two segmentations
    found = compare(Dissection.load(A), Dissection.load(B))
    found.after - found.before, found.low, found.high   # units by concept, with 95% intervals
    found.matches                                       # pairs of units, one to one within each layer

Layers and concepts that only one of them has are left out. A dissection keeps of its bootstrap over pictures the 95%
interval of each unit's best IoU, and no counts of single pictures; so the differences' intervals let every unit's IoU
vary as its interval says, independently of the other units.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dissection.outgoing import unit_vectors
from dissection.result import Dissection, LayerDissection
from dissection.unit_profiles import FILE, UnitProfiles
from pgan_core.markdown import table

RESAMPLES = 2000
TWO_SIDES = 2 * 1.96  # standard deviations between the ends of a 95% interval
SHOWN = 20  # matched units that the shell prints


@dataclass(frozen=True)
class Match:
    """A unit of A and the unit of B whose response is nearest to its own, where each has one partner."""

    layer: str
    a: int
    b: int
    correlation: float  # of their responses
    concept_a: str
    concept_b: str
    iou_a: float  # with its own concept
    iou_b: float
    low: float  # of iou_b - iou_a, 95%; nan where the concepts differ
    high: float


@dataclass(frozen=True)
class Comparison:
    """A and B over the layers and the C concepts that both have."""

    layers: tuple[str, ...]
    left_out: tuple[str, ...]  # layers that only one of them has
    concepts: tuple[str, ...]
    before: np.ndarray  # C: interpretable units of A
    after: np.ndarray  # C: of B
    low: np.ndarray  # C: of after - before, 95%
    high: np.ndarray  # C
    by: str  # what responses are compared over: "seeds" or "concepts"
    matches: tuple[Match, ...]

    def changed_most(self, layer: str | None = None) -> list[Match]:
        """The pairs of a layer, or of all, those first whose IoU changed most."""
        pairs = [match for match in self.matches if layer in (None, match.layer)]
        return sorted(pairs, key=lambda match: -abs(match.iou_b - match.iou_a))

    def same(self) -> int:
        """How many units are matched with the unit of the same number."""
        return sum(match.a == match.b for match in self.matches)


def compare(
    a: Dissection, b: Dissection, profiles: tuple[UnitProfiles, UnitProfiles] | None = None, *, seed: int = 0
) -> Comparison:
    """profiles: of A and of B, if units are matched by their peaks over the same seeds (`same_seeds`).

    Without them units are matched by what they respond to: the correlation of lit and labelled, over concepts.
    Raises ValueError, one sentence, where the two have no layer or no concept in common.
    """
    layers = tuple(name for name in a.layers if name in b.layers)
    concepts = tuple(name for name in a.concepts[1:] if name in b.concepts[1:])
    if not layers or not concepts:
        raise ValueError("These dissections have no layer or no concept in common, so that nothing can be compared.")
    chance = np.random.default_rng(seed)
    counts, drawn = [], []
    for read in (a, b):
        places = [read.concepts.index(name) for name in concepts]
        parts = [read.layers[name] for name in layers]
        counts.append(np.sum([part.concept_counts(len(read.concepts)) for part in parts], axis=0)[places])
        drawn.append(np.sum([resampled_counts(part, len(read.concepts), chance) for part in parts], axis=0)[:, places])
    low, high = np.percentile(drawn[1] - drawn[0], (2.5, 97.5), axis=0)
    matches = [match for name in layers for match in matched(a, b, name, concepts, profiles)]
    left_out = tuple(name for name in (*a.layers, *b.layers) if name not in layers)
    by = "seeds" if profiles else "concepts"
    return Comparison(layers, left_out, concepts, counts[0], counts[1], low, high, by, tuple(matches))


def spread(part: LayerDissection) -> np.ndarray:
    """Standard deviation of each unit's best IoU over pictures, U, as its interval says."""
    return (part.iou_high - part.iou_low) / TWO_SIDES


def resampled_counts(part: LayerDissection, concepts: int, chance: np.random.Generator) -> np.ndarray:
    """Interpretable units by concept when IoUs vary as their intervals say, RESAMPLES x C."""
    scores = part.scores
    drawn = scores.best_iou + spread(part) * chance.standard_normal((RESAMPLES, len(part.mean)))
    interpretable = (drawn > scores.min_iou) & (scores.best_iqr > scores.min_iqr)
    return interpretable.astype(np.int32) @ (scores.best_concept[:, None] == np.arange(concepts)).astype(np.int32)


def matched(
    a: Dissection,
    b: Dissection,
    name: str,
    concepts: tuple[str, ...],
    profiles: tuple[UnitProfiles, UnitProfiles] | None,
) -> list[Match]:
    """The units of a layer in pairs, one to one, that are nearest over all (Li et al., 2015, "Convergent Learning").

    Over seeds the sum of correlations is largest; over concepts the sum of squared differences is smallest, so that a
    faint unit is no match for a strong one of the same concept.
    """
    one, two = a.layers[name], b.layers[name]
    if profiles:
        responses = [found.layer_peaks(name) for found in profiles]
        count = min(map(len, responses))
        responses = [found[:count].T for found in responses]
    else:
        responses = [
            part.response()[:, [read.concepts.index(concept) for concept in concepts]]
            for read, part in ((a, one), (b, two))
        ]
    correlation = correlations(*responses)
    cost = -correlation if profiles else cdist(responses[0], responses[1], "sqeuclidean")
    found = []
    for u, v in zip(*linear_sum_assignment(cost), strict=True):
        first, second = a.concepts[one.scores.best_concept[u]], b.concepts[two.scores.best_concept[v]]
        change = two.scores.best_iou[v] - one.scores.best_iou[u]
        half = TWO_SIDES / 2 * float(np.hypot(spread(one)[u], spread(two)[v])) if first == second else np.nan
        found.append(
            Match(
                name,
                int(u),
                int(v),
                float(correlation[u, v]),
                first,
                second,
                float(one.scores.best_iou[u]),
                float(two.scores.best_iou[v]),
                float(change - half),
                float(change + half),
            )
        )
    return found


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the rows of a (U x N) with those of b (V x N), U x V; 0 for a row that never varies."""
    one, two = (unit_vectors(x - x.mean(axis=1, keepdims=True)) for x in (a.astype(float), b.astype(float)))
    return one @ two.T


def same_seeds(a: UnitProfiles | None, b: UnitProfiles | None) -> tuple[UnitProfiles, UnitProfiles] | None:
    """Both, if their pictures are those of the same latents; else None."""
    if a is None or b is None or (a.seed, a.label) != (b.seed, b.label):
        return None
    return (a, b) if a.directions.shape[1] == b.directions.shape[1] else None


# ---- in a shell --------------------------------------------------------------------------------------------------


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the command `compare`."""
    parser = subparsers.add_parser("compare")
    parser.add_argument("a", type=Path, help="folder of a dissection")
    parser.add_argument("b", type=Path, help="folder of another one")
    parser.add_argument(
        "--by", choices=("seeds", "concepts"),
        help="how units are matched (default: seeds, where both folders have units.npz of the same seeds)",
    )  # fmt: skip
    parser.set_defaults(run=run_compare)


def run_compare(args: argparse.Namespace) -> int:
    """Prints the comparison as Markdown. Returns 1 if a file is wrong."""
    try:
        a, b = Dissection.load(args.a), Dissection.load(args.b)
        profiles = None
        if args.by != "concepts":
            both = [UnitProfiles.load(folder) if (folder / FILE).is_file() else None for folder in (args.a, args.b)]
            profiles = same_seeds(*both)
            if args.by == "seeds" and profiles is None:
                raise ValueError(
                    "Both folders need a units.npz of the same seeds; `python -m dissection units` makes it."
                )
        print(markdown(compare(a, b, profiles)))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def markdown(found: Comparison) -> str:
    """Units by concept, and the matched units that changed most."""
    change = found.after - found.before
    rows = [
        [name, found.before[c], found.after[c], f"{change[c]:+d}", f"{found.low[c]:+.0f} to {found.high[c]:+.0f}"]
        for c, name in enumerate(found.concepts)
    ]
    rows.sort(key=lambda row: -abs(int(row[3])))
    units = [
        [
            match.layer, match.a, match.b, f"{match.correlation:.2f}", f"{match.concept_a} {match.iou_a:.3f}",
            f"{match.concept_b} {match.iou_b:.3f}",
            "" if np.isnan(match.low) else f"{match.low:+.3f} to {match.high:+.3f}",
        ]
        for match in found.changed_most()[:SHOWN]
    ]  # fmt: skip
    left = f" Left out: {', '.join(found.left_out)}." if found.left_out else ""
    units_before, units_after = sum(found.before), sum(found.after)
    middle = float(np.median([match.correlation for match in found.matches]))
    return "\n\n".join([
        f"{units_before} interpretable units before, {units_after} after, over {len(found.layers)} layers.{left}",
        table(["concept", "before", "after", "difference", "95%"], rows),
        f"{len(found.matches)} units matched by their responses over {found.by}: {found.same()} with the unit of the "
        f"same number, median correlation {middle:.2f}. Those whose IoU changed most:",
        table(["layer", "A", "B", "correlation", "in A", "in B", "IoU difference, 95%"], units),
    ])  # fmt: skip

"""What one unit causes: switched off, and on at its strong level, beside random units of its layer.

python -m dissection effects CHECKPOINT DIR             # of every unit, into DIR/effects.npz beside the dissection
effects = EffectStore.load(DIR).unit("8x8/conv1", 17)   # the same numbers as measure_unit(...)
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from dissection.interventions import Edit, ablate, insert
from dissection.result import UNREADABLE, Dissection, DissectionError, read_arrays
from dissection.scoring.job import fingerprint, label_maps, latents_and_labels, pictures_of, prepared
from dissection.scoring.segmenter import layers_of
from dissection.segmenters import Segmenter
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.checkpoints.native import write_atomically
from pgan_core.models import load_generator
from pgan_core.own_generators import add_generator_options
from pgan_core.progress import Progress

FILE = "effects.npz"

SEEDS = range(3_000_000, 3_000_024)  # none of a dissection's
RANDOM = 8
BATCH = 8


@dataclass(frozen=True)
class UnitEffects:
    """Change of the share of pixels that each concept covers (C), in percentage points; of random units K x C."""

    off: np.ndarray
    on: np.ndarray
    random_off: np.ndarray
    random_on: np.ndarray
    level: float  # that the unit is set to


def measure_unit(
    generator: UnitGenerator,
    dissection: Dissection,
    segmenter: Segmenter,
    layer: str,
    unit: int,
    *,
    seeds: Sequence[int] = SEEDS,
    random: int = RANDOM,
    label: int | None = None,
    progress: Progress | None = None,
) -> UnitEffects:
    """Over the pictures of the seeds. Raises as `measure_units`."""
    strong = strong_levels(dissection, layer)
    units = (unit, *random_units(len(strong), unit, random))
    off, on = measure_units(
        generator, dissection, segmenter, layer, units, seeds=seeds, label=label, progress=progress
    )  # fmt: skip
    return UnitEffects(off[0], on[0], off[1:], on[1:], float(strong[unit]))


def strong_levels(dissection: Dissection, layer: str) -> np.ndarray:
    """What "on" sets each unit of a layer to, U: the mean peak of its top pictures."""
    return dissection.layers[layer].scores.top_values.mean(axis=1)


def random_units(units: int, unit: int, count: int = RANDOM) -> list[int]:
    """Other units of a layer of so many, drawn at random; the same ones each time."""
    others = [other for other in range(units) if other != unit]
    return np.random.RandomState(unit).choice(others, min(count, len(others)), replace=False).tolist()


@torch.inference_mode()
def measure_units(
    generator: UnitGenerator,
    dissection: Dissection,
    segmenter: Segmenter,
    layer: str,
    units: Sequence[int],
    *,
    seeds: Sequence[int] = SEEDS,
    label: int | None = None,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Of K units, each switched off and each on: changes of the concepts' shares, K x C in percentage points each.

    Raises ValueError where an edit of the layer would not reach what the segmenter looks at.
    """
    fast, strong = prepared(generator), strong_levels(dissection, layer)
    todo: list[list[Edit]] = [[]]
    for unit in units:
        todo += [[ablate([unit])], [insert([unit], float(strong[unit]))]]
    totals = np.zeros((len(todo), len(segmenter.concepts)))
    batches = [list(seeds[i : i + BATCH]) for i in range(0, len(seeds), BATCH)]
    for done, batch in enumerate(batches):
        z = latents_and_labels(fast, batch, label)
        start = layer, fast.run(z, keep=[layer], stop=layer).activations[layer]
        for k, edits in enumerate(todo):
            run = fast.run(z, start=start, edits={layer: edits} if edits else None, keep=later(segmenter, fast, layer))
            labels = label_maps(segmenter, pictures_of(run), run.activations)[:, 0]
            totals[k] += np.bincount(labels.ravel(), minlength=totals.shape[1]) / labels[0].size
            if progress:
                progress((done + (k + 1) / len(todo)) / len(batches))
    shares = 100 * totals / len(seeds)
    change = shares[1:] - shares[0]
    return change[0::2], change[1::2]


def is_reached(segmenter: Segmenter, generator: UnitGenerator, layer: str) -> bool:
    """Whether a segmenter sees what edits of a layer change: it looks at no earlier layer."""
    names = generator.layer_names
    return all(names.index(name) >= names.index(layer) for name in layers_of(segmenter))


def later(segmenter: Segmenter, generator: UnitGenerator, layer: str) -> tuple[str, ...]:
    """The layers that a segmenter takes. Raises ValueError where one lies before the edited layer."""
    taken = layers_of(segmenter)
    if not is_reached(segmenter, generator, layer):
        raise ValueError(f"this segmenter looks at {taken[0]}, which comes before {layer}: an edit would not reach it")
    return taken


# ---- of every unit -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EffectStore:
    """What every unit of some layers causes: changes U x C by layer, in percentage points, and levels U."""

    weights: str  # fingerprint of the generator
    concepts: tuple[str, ...]
    pictures: int  # of the seeds from SEEDS.start on
    label: int | None
    off: dict[str, np.ndarray]
    on: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]

    def unit(self, layer: str, unit: int) -> UnitEffects:
        """One unit beside random units of its layer."""
        off, on = self.off[layer], self.on[layer]
        others = random_units(len(off), unit)
        return UnitEffects(off[unit], on[unit], off[others], on[others], float(self.levels[layer][unit]))

    def save(self, folder: str | Path) -> Path:
        """Write `effects.npz` into the folder, whole or not at all."""
        arrays = {
            f"{k}/{name}": getattr(self, name)[layer].astype(np.float32)
            for k, layer in enumerate(self.off)
            for name in ("off", "on", "levels")
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, weights=np.array(self.weights), concepts=np.array(self.concepts), layers=np.array(list(self.off)),
            pictures=np.array(self.pictures), label=np.array(-1 if self.label is None else self.label), **arrays,
        )  # fmt: skip
        path = Path(folder) / FILE
        write_atomically(path, buffer.getvalue())
        return path

    @classmethod
    def load(cls, folder: str | Path) -> EffectStore:
        """Read `effects.npz`. Raises DissectionError, one sentence, for a missing or a broken file."""
        path = Path(folder) / FILE
        try:
            arrays = read_arrays(path)
            concepts, label = tuple(map(str, arrays["concepts"])), int(arrays["label"])
            tables: dict[str, dict[str, np.ndarray]] = {"off": {}, "on": {}, "levels": {}}
            for k, layer in enumerate(map(str, arrays["layers"])):
                for name, table in tables.items():
                    table[layer] = arrays[f"{k}/{name}"].astype(np.float64)
                    expected = (len(arrays[f"{k}/levels"]), *(() if name == "levels" else (len(concepts),)))
                    if table[layer].shape != expected:
                        raise ValueError(f"{name} of {layer} does not fit the others")
            return cls(
                str(arrays["weights"]), concepts, int(arrays["pictures"]), None if label < 0 else label, **tables
            )
        except (*UNREADABLE, KeyError, TypeError) as error:
            raise DissectionError(f"{path} does not hold the effects of units ({error}).") from error


def measure_all(
    generator: UnitGenerator,
    dissection: Dissection,
    segmenter: Segmenter,
    folder: Path,
    *,
    pictures: int = len(SEEDS),
    progress: Progress | None = None,
) -> EffectStore:
    """What every unit of the dissection causes; each layer is written into the folder when it is done.

    A later call with the same arguments goes on from there. Layers whose edits the segmenter cannot see are left out.
    """
    weights, label = str(dissection.info["weights_sha256"]), dissection.info.get("label")
    store = EffectStore(weights, dissection.concepts, pictures, label, {}, {}, {})
    if (folder / FILE).is_file():
        found = EffectStore.load(folder)
        if replace(found, off={}, on={}, levels={}) == store:
            store = found
    for done, layer in enumerate(dissection.layers):
        if layer in store.off or not is_reached(segmenter, generator, layer):
            continue
        strong = strong_levels(dissection, layer)
        off, on = measure_units(
            generator, dissection, segmenter, layer, range(len(strong)), seeds=SEEDS[:pictures], label=label,
            progress=progress and (lambda share, done=done: progress((done + share) / len(dissection.layers))),
        )  # fmt: skip
        store.off[layer], store.on[layer], store.levels[layer] = off, on, strong
        store.save(folder)
    return store


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the command `effects`."""
    effects = subparsers.add_parser("effects")
    effects.add_argument("checkpoint", help="the dissected network")
    effects.add_argument("folder", type=Path, help="folder of its dissection, into which effects.npz goes")
    effects.add_argument("--segmenter", help=f"{SPECS} (default: the dissection's)")
    effects.add_argument("--pictures", type=int, default=len(SEEDS), help=f"at most {len(SEEDS)}, which is the default")
    add_generator_options(effects)
    effects.set_defaults(run=run_effects)


def run_effects(args: argparse.Namespace) -> int:
    """Measures and writes, layer by layer; the same command goes on. Returns 1 if an argument or a file is wrong."""
    try:
        if not 1 <= args.pictures <= len(SEEDS):
            raise ValueError(f"--pictures is 1 to {len(SEEDS)}.")
        dissection = Dissection.load(args.folder)
        generator = load_generator(args.checkpoint, args=args)
        if fingerprint(generator) != dissection.info.get("weights_sha256"):
            raise ValueError(f"{args.folder} is a dissection of another network than {args.checkpoint}.")
        spec = args.segmenter or str(dissection.info.get("segmenter", "")).partition(" ")[0]
        segmenter = load_segmenter(spec, generator, code=True)
        if tuple(segmenter.concepts) != dissection.concepts:
            raise ValueError(f"{args.folder} was made with other concepts than those of {spec}.")
        said = [0]

        def tell(share: float) -> None:
            if int(100 * share) > said[0]:
                said[0] = int(100 * share)
                print(f"{said[0]}%", file=sys.stderr, flush=True)

        measure_all(generator, dissection, segmenter, args.folder, pictures=args.pictures, progress=tell)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(args.folder / FILE)
    return 0

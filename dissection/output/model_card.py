"""The shipped models' numbers, from the files that measured them: `python -m dissection.output.model_card --write`.

No number of the models is typed by hand: the recipe comes from the metadata and the log of the run, distances from
`final.quality.json`, shares from `final.shares.json`, rules from `rules.json`, units from the dissections, effects
from `interventions/causes.md`. The page is docs/MODEL.md; the README keeps a short table.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from dissection import shares as concept_shares
from dissection.output.model_recipe import logged_gammas, recipe
from dissection.result import Dissection
from dissection.segmenters.faults import markdown
from pgan_core import Discriminator, Generator, load_checkpoint
from pgan_core.markdown import table, with_block
from pgan_core.metrics.registry import METRICS, from_json
from pgan_core.paths import ASSETS

PAGE, README = ASSETS.parent / "docs/MODEL.md", ASSETS.parent / "README.md"
BLOCK = "model"  # of both pages
MODEL, LIGHT = "toytown128", "toytown64"
SECOND_RELEASE = 0.04  # the IoU above which the second release of GAN Dissection calls a unit interpretable
PREVIOUS = {  # held-out IoU of the segmenter for 64x64: on scenes of 64x64, and of 128x128
    "mean": (0.9804, 0.9397),
    "sky": (0.9943, 0.9882),
    "sun": (0.9916, 0.9642),
    "moon": (0.9937, 0.9592),
    "cloud": (0.9894, 0.9590),
    "mountain": (0.9573, 0.9417),
    "grass": (0.9930, 0.9710),
    "road": (0.9963, 0.9615),
    "wall": (0.9866, 0.9372),
    "roof": (0.9800, 0.9482),
    "window": (0.9831, 0.8951),
    "door": (0.9980, 0.9262),
    "chimney": (0.9507, 0.8948),
    "trunk": (0.9795, 0.8882),
    "foliage": (0.9694, 0.9549),
    "fence": (0.9428, 0.9060),
}


def quality(found: dict) -> str:
    """Every registered metric of generated pictures beside that of real ones."""
    tables, texts = [], []
    for key, measured in from_json(found).items():
        metric, generated, real = METRICS[key], measured.generated, measured.real
        if isinstance(generated, dict) and isinstance(real, dict):
            levels = sorted(generated, key=lambda level: -level if isinstance(level, int) else 0)  # the average last
            names = [f"{level}x{level}" if isinstance(level, int) else level for level in levels]
            kinds = {"generated": generated, "real against real (floor)" if metric.has_floor else "real": real}
            rows = [[kind, *(metric.text(values[level]) for level in levels)] for kind, values in kinds.items()]
            tables.append(table([metric.title, *names], rows))
        else:
            value, reference = (metric.text(number) for number in measured.headline)
            texts.append(f"{metric.title}: {value} generated, {reference} real")
    about = f"{found['count']:,} pictures each, the real ones of no training set (`{Path(found['real']).name}`)."
    return "\n\n".join([*tables, f"{about} {'; '.join(texts)} (`python -m pgan_core evaluate`)."])


def shares(found: concept_shares.Shares) -> str:
    """What share of pixels and pictures every concept has, real against generated."""
    real, generated = found.pixels.real, found.pixels.generated
    common = [c for c in range(len(found.concepts)) if real[c] >= 0.01]
    off = [found.concepts[c] for c in common if abs(generated[c] / real[c] - 1) > 0.3]
    verdict = f"all but {', '.join(off)}" if off else "all"
    return (
        f"{concept_shares.markdown(found)} Of the {len(common)} concepts that cover at least 1% of real pixels, "
        f"{verdict} are within 30% of the real share (`python -m dissection shares`, scenes never trained on)."
    )


def rules(found: dict) -> str:
    """The world's rules, real against generated."""
    rows = [
        [name, *(f"{100 * v[kind]['share']:.0f}% of {v[kind]['components']:,}" for kind in ("real", "generated"))]
        for name, v in found.items()
    ]
    return table(["The world's rules (connected components)", "Real", "Generated"], rows)


def units(dissection: Dissection, stages: dict[str, Dissection]) -> str:
    """Interpretable units by layer, the commonest concepts, the best unit of each concept, and the stages."""
    rows, every, best = [], Counter(), {}
    for name, layer in dissection.layers.items():
        scores, concepts = layer.scores, Counter()
        for unit in scores.interpretable.nonzero()[0]:
            concept, iou = dissection.concepts[scores.best_concept[unit]], float(scores.best_iou[unit])
            concepts[concept] += 1
            best[concept] = max(best.get(concept, (0.0,)), (iou, f"{name} unit {unit}"))
        every.update(concepts)
        most = ", ".join(f"{concept} {count}" for concept, count in concepts.most_common(6))
        rows.append([name, f"{sum(concepts.values())} of {len(scores.interpretable)}", most])
    total = sum(len(layer.scores.interpretable) for layer in dissection.layers.values())
    info = dissection.info
    ranked = sorted(best.items(), key=lambda item: -item[1][0])
    lines = [
        f"Dissected over {info['samples']:,} pictures (IoU > 0.05, IQR > 0.01; levels of maximal IQR from one half, "
        f"scores from the other): **{sum(every.values())} of {total} units are interpretable**, and {len(every)} of "
        f"{len(dissection.concepts) - 1} concepts have one. {second_release(dissection)}",
        table(["Layer", "Interpretable", "Units by concept"], rows),
        "Best unit of each concept: " + ", ".join(f"{name} {iou:.2f} ({where})" for name, (iou, where) in ranked) + ".",
    ]
    if stages:
        lines.append(
            "Concepts with a unit at the end of each stage: " + "; ".join(stage_line(*s) for s in stages.items()) + "."
        )
    return "\n\n".join(lines)


def second_release(dissection: Dissection) -> str:
    """What the published second release's rule says of the same scores."""
    scores = [layer.scores for layer in dissection.layers.values()]
    best = np.concatenate([one.best_concept[one.best_iou > SECOND_RELEASE] for one in scores])
    return (
        f"By the second release's rule (IoU > {SECOND_RELEASE:g}, whatever the IQR) it is {len(best):,} units, and "
        f"{len(np.unique(best))} concepts have one."
    )


def stage_line(name: str, dissection: Dissection) -> str:
    """ "8x8: sky, grass"."""
    found = Counter(
        dissection.concepts[concept]
        for layer in dissection.layers.values()
        for concept in layer.scores.best_concept[layer.scores.interpretable]
    )
    return f"{name}: {', '.join(concept for concept, _ in found.most_common()) or 'none'}"


def faults(found: dict) -> str:
    """What a rule finds wrong in label maps: the scenes' own, the segmenter's on scenes, and on generated pictures."""
    return (
        f"Faults in label maps, over {found['count']:,} pictures of each kind "
        "(`python -m dissection.segmenters.faults`; what the true labels show, too, is occlusion):"
        f"\n\n{markdown(found['shares'])}"
    )


def segmenter(found: dict) -> str:
    """Held-out IoU by concept, beside the previous segmenter's."""
    size = found.get("size", 64)
    kinds = {kind: {"mean": found[kind]["mean_iou"]} | found[kind]["iou"] for kind in ("clean", "degraded", "clean_64")}
    rows = [
        [name, *(f"{kinds[kind][name]:.3f}" for kind in kinds), *(f"{value:.3f}" for value in previous)]
        for name, previous in PREVIOUS.items()
    ]
    head = ["IoU on held-out scenes", f"{size}x{size}", "degraded", "made at 64x64"]
    head += ["previous at 64x64", "previous at 128x128"]
    return (
        f"{table(head, rows)}\n\n{found['test_scenes']:,} scenes that it never trained on. The previous segmenter "
        "worked at 64x64: its maps are enlarged for scenes of 128x128, 500 of them."
    )


def stages(assets: Path) -> dict[str, Dissection]:
    """Resolution -> the dissection at the end of its stage, in the order of growth."""
    folders = sorted((assets / "dissection-stages").glob("*-end"), key=lambda path: int(path.name.split("x")[0]))
    return {folder.name.removesuffix("-end"): Dissection.load(folder) for folder in folders}


def card(assets: Path = ASSETS) -> str:
    """The page, in Markdown. Raises OSError or ValueError for a file that is missing or broken."""
    model = load_checkpoint(assets / MODEL / "final.safetensors")
    metadata = model.info["metadata"]
    counts = _parameters(model.generator), _parameters(model.discriminator)
    found, last = _json(assets / MODEL / "final.shares.json"), Dissection.load(assets / "dissection")
    sections = {
        "How it was made": recipe(metadata, counts, logged_gammas(assets / MODEL / "log.jsonl", metadata["phases"])),
        "How good its pictures are": "\n\n".join(_quality(assets, name) for name in (MODEL, LIGHT)),
        "Does it know the world?": "\n\n".join(
            [shares(concept_shares.from_json(found)), rules(_json(assets / "rules.json"))]
        ),
        "Did it learn scenes by heart?": copies(assets / MODEL / "final.nearest/nearest.json"),
        "Faults": faults(_json(assets / "segmenter_faults.json")),
        "What its units mean": units(last, stages(assets) | {"128x128": last}),
        "What its units cause": (assets / "interventions/causes.md").read_text().strip(),
        "The segmenter": segmenter(_json(assets / "segmenter_toytown.json")),
    }
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())


def _parameters(network: Generator | Discriminator | None) -> int:
    return sum(parameter.numel() for parameter in network.parameters()) if network else 0


def copies(path: Path) -> str:
    """Whether pictures are copies of scenes, in a sentence; or that it was not measured."""
    if path.is_file():
        return _json(path)["sentence"]
    return "Not measured for this model yet: `assets/remake.sh nearest` compares with all scenes that it learned from."


def short(assets: Path = ASSETS) -> str:
    """The README's table of both models."""
    rows = []
    for name in (MODEL, LIGHT):
        found, model = _json(assets / name / "final.quality.json"), load_checkpoint(assets / name / "final.safetensors")
        size, metadata, measured = found["resolution"], model.info["metadata"], from_json(found)
        cells = [" (".join(METRICS[key].text(x) for x in one.headline) + ")" for key, one in measured.items()]
        bytes_ = (assets / name / "final.safetensors").stat().st_size
        rows.append([f"`{name}`", f"{size}x{size}", f"{metadata['kimg']:,.0f}", *cells, f"{bytes_ / 1e6:.1f}"])
    titles = [f"{metric.title} ({metric.reference})" for metric in METRICS.values()]
    head = ["Model", "Size", "Thousand images", *titles, "MB"]
    return f"{table(head, rows)}\n\n{_units_line(Dissection.load(assets / 'dissection'))}"


def _units_line(dissection: Dissection) -> str:
    layers = dissection.layers.values()
    counts = np.sum([layer.concept_counts(len(dissection.concepts)) for layer in layers], axis=0)
    total = sum(len(layer.scores.interpretable) for layer in layers)
    return (
        f"{counts.sum()} of {total:,} units of `{MODEL}` are interpretable, and {(counts > 0).sum()} of "
        f"{len(counts) - 1} concepts have one. How it was made, its faults and every other number: "
        "[docs/MODEL.md](docs/MODEL.md)."
    )


def _quality(assets: Path, name: str) -> str:
    found = _json(assets / name / "final.quality.json")
    return f"`{name}`:\n\n{quality(found)}"


def _json(path: Path) -> dict:
    return json.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dissection.output.model_card", description="The shipped models' numbers as Markdown"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the page into docs/MODEL.md, its table into README.md"
    )
    chosen, page = parser.parse_args(), card()
    if not chosen.write:
        print(page)
        return
    for path, part in ((PAGE, page), (README, short())):
        path.write_text(with_block(path.read_text(), BLOCK, part))


if __name__ == "__main__":
    main()

"""The shipped model's numbers as a page, from the files that measured them: `python -m dissection.model_card --readme`.

No number here is typed by hand: the recipe comes from the checkpoint's metadata, distances from `final.quality.json`,
shares and rules from `rules.json`, units from the dissections, effects from `interventions/causes.md`.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dissection.result import Dissection
from dissection.segmenters.faults import markdown
from pgan_core import load_checkpoint
from pgan_core.paths import ASSETS

BEGIN, END = "<!-- the model's numbers, by python -m dissection.model_card --readme -->", "<!-- end of the numbers -->"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = ["|".join(["", *head, ""]), "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def recipe(metadata: dict, parameters: tuple[int, int]) -> str:
    """How the model was trained, in two sentences."""
    plain, last = metadata["recipe"], metadata["recipe"]["schedule"][-1]
    loss = {"logistic": "non-saturating logistic loss", "wgan-gp": "WGAN-GP"}[plain["loss"]]
    changes = "".join(
        f"; {name} {change[name][0]:g} until {change['kimg']:.0f} thousand images, then {change[name][1]:g}"
        for change in metadata.get("recipe_changes", [])
        for name in sorted(set(change) - {"kimg"})
    )
    time = f", in {metadata['seconds'] / 60:.0f} minutes of training" if "seconds" in metadata else ""
    return (
        f"{parameters[0] / 1e6:.2f} M parameters in the generator, {parameters[1] / 1e6:.2f} M in the discriminator; "
        f"feature maps {', '.join(map(str, plain['feature_maps']))}; {loss}, R1 (gamma {plain['r1_gamma']:g}) every "
        f"{plain['r1_every']}th step{changes}; Adam {last['learning_rate']:g} {tuple(plain['betas'])}, minibatch "
        f"{last['minibatch']} at the end. **{metadata['kimg']:.0f} thousand images**, {last['steady_kimg']:.0f} "
        f"thousand of them at {last['resolution']}x{last['resolution']} after the fade{time}. Data: "
        f"{metadata['data']['note']}."
    )


def quality(found: dict) -> str:
    """Distances with their floor, and MS-SSIM."""
    levels = sorted((level for level in found["swd_x1e3"] if level != "average"), key=int, reverse=True)
    names = [f"{level}x{level}" for level in levels] + ["average"]
    rows = [
        [name, *(f"{found[key][level]:.1f}" for level in [*levels, "average"])]
        for name, key in (("generated", "swd_x1e3"), ("real against real (floor)", "swd_x1e3_floor"))
    ]
    similarity = found["ms_ssim"]
    return (
        table(["Sliced Wasserstein distance x 1e3", *names], rows)
        + f"\n\n{found['count']:,} pictures each, the real ones of no training set (`{Path(found['real']).name}`). "
        f"MS-SSIM of random pairs: {similarity['generated']:.3f} generated, {similarity['real']:.3f} real "
        "(`python -m pgan_core evaluate`)."
    )


def shares(pixels: dict) -> str:
    """Share of pixels by concept, real against generated."""
    rows = [
        [name, f"{100 * v['real']:.2f}%", f"{100 * v['generated']:.2f}%", f"{v['generated'] / v['real']:.2f}"]
        for name, v in sorted(pixels.items(), key=lambda item: -item[1]["real"])
    ]
    common = {name: v["generated"] / v["real"] for name, v in pixels.items() if v["real"] >= 0.01}
    off = [name for name, ratio in common.items() if abs(ratio - 1) > 0.3]
    verdict = f"all but {', '.join(off)}" if off else "all"
    return (
        table(["Pixels of", "Real", "Generated", "Ratio"], rows)
        + f"\n\nOf the {len(common)} concepts that cover at least 1% of real pixels, {verdict} are within 30% of the "
        "real share (`python -m dissection.rules`, 8,192 pictures and 8,192 scenes never trained on)."
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
        f"scores from the other): **{sum(every.values())} of {total} units are interpretable**.",
        table(["Layer", "Interpretable", "Units by concept"], rows),
        "Best unit of each concept: " + ", ".join(f"{name} {iou:.2f} ({where})" for name, (iou, where) in ranked) + ".",
    ]
    if stages:
        lines.append(
            "Concepts with a unit at the end of each stage: " + "; ".join(stage_line(*s) for s in stages.items()) + "."
        )
    return "\n\n".join(lines)


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


def card(assets: Path = ASSETS) -> str:
    """The page, in Markdown. Raises OSError or ValueError for a file that is missing or broken."""
    model = load_checkpoint(assets / "toytown64/final.safetensors")
    counts = tuple(sum(p.numel() for p in net.parameters()) for net in (model.generator, model.discriminator))
    read = {name: json.loads((assets / name).read_text()) for name in ("rules.json", "toytown64/final.quality.json")}
    stages = {
        folder.name.removesuffix("-end"): Dissection.load(folder)
        for folder in sorted((assets / "dissection-stages").iterdir(), key=lambda path: int(path.name.split("x")[0]))
    }
    nearest = json.loads((assets / "toytown64/final.nearest/nearest.json").read_text())
    parts = [
        recipe(model.info["metadata"], counts),
        quality(read["toytown64/final.quality.json"]),
        shares(read["rules.json"]["pixels"]),
        rules(read["rules.json"]["rules"]),
        nearest["sentence"],
        faults(json.loads((assets / "segmenter_faults.json").read_text())),
        units(Dissection.load(assets / "dissection"), stages),
        (assets / "interventions/causes.md").read_text().strip(),
    ]
    return "\n\n".join(parts)


def into(text: str, page: str) -> str:
    """``text`` with the page between its two markers. Raises ValueError where they are missing."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError("the text has no place for the model's numbers: its two markers are missing")
    return f"{text.partition(BEGIN)[0]}{BEGIN}\n\n{page}\n\n{END}{text.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dissection.model_card", description=__doc__.splitlines()[0])
    parser.add_argument("--readme", action="store_true", help="put the page between README.md's markers")
    page = card()
    if parser.parse_args().readme:
        readme = ASSETS.parent / "README.md"
        readme.write_text(into(readme.read_text(), page))
    else:
        print(page)


if __name__ == "__main__":
    main()

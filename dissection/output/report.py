"""A dissection as files to pass on: an HTML page that needs no server and no network, JSON and CSV."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dissection.output.overlays import Material, lit_region, make_material
from dissection.result import Dissection, LayerDissection
from pgan_core.adapters import UnitGenerator
from pgan_core.checkpoints.native import write_atomically
from pgan_core.pictures import encode

HTML_FILE, JSON_FILE, CSV_FILE = "report.html", "units.json", "units.csv"
Say = Callable[[str], str]  # a text in the reader's language, with its {places}; `str` for English
SIDE = 64  # pixels of a picture in the report; the browser enlarges it to 96 without blurring
STYLE = """
body {font: 15px/1.45 system-ui, sans-serif; color: #16202c; background: #fff; margin: 2rem auto; max-width: 1180px}
table {border-collapse: collapse; width: 100%} td, th {text-align: left; padding: .25rem .6rem; vertical-align: middle}
tr {border-bottom: 1px solid #d5dce4} td.n, th.n {text-align: right; font-variant-numeric: tabular-nums}
img {height: 96px; image-rendering: pixelated; display: block} tr.no {color: #6a7683}
.bar {fill: #2f7dd1} .facts {color: #47525e} h2 {margin-top: 2.5rem} summary {cursor: pointer; padding: .5rem 0}
"""


def unit_rows(dissection: Dissection) -> Iterator[dict]:
    """A flat row for each unit, for tables."""
    seed = dissection.info.get("seed", 0)
    for name, layer in dissection.layers.items():
        scores = layer.scores
        for unit, best in enumerate(scores.best_concept):
            yield {
                "layer": name,
                "unit": unit,
                "concept": dissection.concepts[best],
                "interpretable": bool(scores.interpretable[unit]),
                "iou": round(float(scores.best_iou[unit]), 6),
                "iou_low": round(float(layer.iou_low[unit]), 6),
                "iou_high": round(float(layer.iou_high[unit]), 6),
                "iqr": round(float(scores.best_iqr[unit]), 6),
                "level": float(scores.thresholds[unit]),
                "lit_share": round(float(scores.active[unit, best] / max(scores.pixels[best], 1)), 6),
                "concept_share": round(float(scores.label_pixels[best] / max(scores.pixels[best], 1)), 6),
                "mean": float(layer.mean[unit]),
                "std": float(layer.std[unit]),
                "dead_share": round(float(layer.off[unit]), 6),
                "top_seeds": [int(seed + image) for image in scores.top_images[unit]],
                "top_maxima": [round(float(value), 6) for value in scores.top_values[unit]],
            }


def to_csv(dissection: Dissection) -> str:
    """A line for each unit; lists are joined by spaces."""
    rows = list(unit_rows(dissection))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        joined = {key: " ".join(map(str, value)) for key, value in row.items() if isinstance(value, list)}
        writer.writerow(row | joined)
    return buffer.getvalue()


def to_json(dissection: Dissection) -> str:
    """Settings, concepts, and every unit by layer."""
    layers = {
        name: {
            "interpretable": int(layer.scores.interpretable.sum()),
            "units": [row for row in unit_rows(dissection) if row["layer"] == name],
        }
        for name, layer in dissection.layers.items()
    }
    content = {"info": dissection.info, "concepts": list(dissection.concepts), "layers": layers}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_report(
    dissection: Dissection, folder: str | os.PathLike, generator: UnitGenerator | None = None, *, pictures: int = 5
) -> list[Path]:
    """Writes report.html, units.json and units.csv to `folder`; a generator is needed for the top pictures."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        HTML_FILE: to_html(dissection, generator, pictures=pictures),
        JSON_FILE: to_json(dissection),
        CSV_FILE: to_csv(dissection),
    }
    for name, text in contents.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in contents]


def to_html(
    dissection: Dissection,
    generator: UnitGenerator | None = None,
    *,
    pictures: int = 5,
    say: Say = str,
    language: str = "en",
) -> str:
    """The whole report as one self-contained page; `say` puts its words into another language."""
    sections = "".join(
        layer_section(dissection, name, generator, pictures=pictures, say=say) for name in dissection.layers
    )
    source = html.escape(str(dissection.info.get("source") or say("a generator")))
    title = say("Dissection of {source}").format(source=source)
    head = say("What the units of {source} stand for").format(source=source)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{head}</h1>{facts(dissection, say)}{sections}</html>\n"
    )


def facts(dissection: Dissection, say: Say = str) -> str:
    """What was measured and how, in a paragraph."""
    info = dissection.info
    rule = info.get("rule")
    level = (
        say("the level of maximal IQR on the first half of the sample (scores are from the second half)")
        if rule == "iqr"
        else say("the level that {fraction} of its values exceed (rule {rule})").format(
            fraction=info.get("fraction"), rule=rule
        )
    )
    words = say(
        "{count} pictures from seed {seed}, segmenter {segmenter}. A unit’s threshold is {level}. IoU is given with "
        "its 95% bootstrap interval over images. Pictures are bright where the unit is above its level. GAN Dissection "
        "(Bau et al. 2019), section 3.1."
    ).format(count=info.get("samples"), seed=info.get("seed"), segmenter=info.get("segmenter"), level=level)
    return f'<p class="facts">{html.escape(words)}</p>'


def layer_section(
    dissection: Dissection, name: str, generator: UnitGenerator | None, *, pictures: int, say: Say = str
) -> str:
    """One layer: a bar for each concept and a row for each unit, the best first."""
    layer = dissection.layers[name]
    order = np.argsort(-layer.scores.best_iou, kind="stable")
    material = None
    if generator is not None and pictures:
        material = make_material(generator, dissection, name, layer.scores.top_images[:, :pictures].ravel())
    rows = "".join(unit_row(dissection, layer, int(each), material, pictures, say) for each in order)
    count, units = int(layer.scores.interpretable.sum()), len(order)
    unit, concept, level, top = say("unit"), say("concept"), say("level"), say("top pictures")
    head = (
        f"<tr><th class=n>{unit}<th>{concept}<th class=n>IoU<th class=n>95%<th class=n>IQR<th class=n>{level}<th>{top}"
    )
    title = say("All units, the best first")
    found = say("{count} of {units} units interpretable.").format(count=count, units=units)
    return (
        f"<h2>{html.escape(name)}</h2><p>{found}</p>{bars(dissection, layer, say)}"
        f"<details{' open' if len(dissection.layers) == 1 else ''}>"
        f"<summary>{title}</summary><table>{head}{rows}</table></details>"
    )


def bars(dissection: Dissection, layer: LayerDissection, say: Say = str) -> str:
    """Interpretable units by concept, as an SVG."""
    counts = layer.concept_counts(len(dissection.concepts))
    found = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c]]
    if not found:
        return ""
    scale = 700 / counts.max()
    lines = "".join(
        f'<text x="150" y="{22 * i + 16}" text-anchor="end">{html.escape(say(dissection.concepts[c]))}</text>'
        f'<rect class="bar" x="160" y="{22 * i + 3}" width="{counts[c] * scale:.1f}" height="17"/>'
        f'<text x="{166 + counts[c] * scale:.1f}" y="{22 * i + 16}">{counts[c]}</text>'
        for i, c in enumerate(found)
    )
    label = say("units by concept")
    return f'<svg width="920" height="{22 * len(found) + 4}" role="img" aria-label="{label}">{lines}</svg>'


def unit_row(
    dissection: Dissection, layer: LayerDissection, unit: int, material: Material | None, pictures: int, say: Say = str
) -> str:
    """One unit's numbers and its strip of lit top pictures."""
    scores = layer.scores
    concept = html.escape(say(dissection.concepts[scores.best_concept[unit]]))
    strip = "" if material is None else strip_image(layer, unit, material, pictures, say)
    interval = say("{low} to {high}").format(low=f"{layer.iou_low[unit]:.3f}", high=f"{layer.iou_high[unit]:.3f}")
    return (
        f"<tr{'' if scores.interpretable[unit] else ' class=no'}><td class=n>{unit}<td>{concept}"
        f"<td class=n>{scores.best_iou[unit]:.3f}<td class=n>{interval}"
        f"<td class=n>{scores.best_iqr[unit]:.3f}<td class=n>{scores.thresholds[unit]:.3g}<td>{strip}"
    )


def strip_image(layer: LayerDissection, unit: int, material: Material, pictures: int, say: Say = str) -> str:
    """The unit's top pictures side by side, dimmed outside its mask, as an <img> with its data inside."""
    rows = material.rows(layer.scores.top_images[unit, :pictures])
    side = material.pictures.shape[1]
    masks = material.values(unit, rows, (side, side)) > layer.scores.thresholds[unit]
    shown = lit_region(material.pictures[rows], masks)[:, :: max(1, side // SIDE), :: max(1, side // SIDE)]
    data = base64.b64encode(encode(np.concatenate(list(shown), axis=1), "WEBP", quality=82)).decode()
    alt = say("top pictures of unit {unit}").format(unit=unit)
    return f'<img alt="{alt}" src="data:image/webp;base64,{data}">'

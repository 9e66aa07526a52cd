"""What `python -m pgan_core nearest` found, kept as a folder: its numbers, its pictures, and a figure of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from pgan_core.pictures import contact_sheet, enlarge

NUMBERS, PICTURES, FIGURE = "nearest.json", "pictures.png", "figure.png"
_TILE, _GAP, _TEXT = 128, 6, 22  # pixels
_BLOCKS = 2  # columns of rows in the figure
_INK, _PAPER = (22, 32, 44), (255, 255, 255)


def beside(checkpoint: Path) -> Path:
    """The folder of a checkpoint: NAME.nearest, which the app shows."""
    return checkpoint.with_suffix(".nearest")


def write(folder: Path, result: dict, rows: np.ndarray) -> None:
    """result: plain values as `find_nearest` gives them; rows: uint8 count x (1 + neighbours) x R x R x 3."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result | {"sentence": sentence(result)})
    (folder / NUMBERS).write_text(text + "\n")
    Image.fromarray(contact_sheet(rows.reshape(-1, *rows.shape[2:]), rows.shape[1])).save(folder / PICTURES)
    figure(result, rows).save(folder / FIGURE, optimize=True)


def read(checkpoint: Path) -> tuple[dict, np.ndarray] | None:
    """What `write` stored beside a checkpoint; None where the folder is missing or incomplete."""
    folder = beside(checkpoint)
    try:
        result = json.loads((folder / NUMBERS).read_text())
        size = int(result["resolution"])
        with Image.open(folder / PICTURES) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        rows = pixels.reshape(-1, size, pixels.shape[1] // size, size, 3).swapaxes(1, 2)
        shapes = {measure: np.shape(found["neighbours"]) for measure, found in result["measures"].items()}
        whole = sum(shape[1] for shape in shapes.values()) == rows.shape[1] - 1
        whole &= all(shape[0] == len(rows) for shape in shapes.values()) and bool(sentence(result))
        return (result, rows) if whole else None
    except (OSError, UnidentifiedImageError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def columns(result: dict, measure: str) -> tuple[int, int]:
    """Where a measure's neighbours begin and end in a row of pictures; the generated picture comes first."""
    begin = 1
    for name, found in result["measures"].items():
        end = begin + len(found["neighbours"][0])
        if name == measure:
            return begin, end
        begin = end
    raise KeyError(measure)


def sentence(result: dict) -> str:
    """The finding: median nearest distances, and how many generated pictures are nearer than held-out ones."""
    parts, shares = [], []
    for measure, found in result["measures"].items():
        nearest = found["nearest"]
        others = [f"{name}: {np.median(values):.1f}" for name, values in nearest.items() if name != "generated"]
        parts.append(f"{np.median(nearest['generated']):.1f} by {measure} ({', '.join(others)})")
        if "held out" in nearest:
            shares.append(f"{100 * share_below(nearest['generated'], nearest['held out']):.1f}%")
    count = len(next(iter(result["measures"].values()))["nearest"]["generated"])
    text = (
        f"The nearest of {result['real_count']:,} training pictures lies at a median distance (root mean square, of "
        f"255) of {' and '.join(parts)} from each of {count:,} generated ones"
    )
    if shares:
        text += f"; {' and '.join(shares)} of them are nearer to one than the nearest 1% of held-out pictures"
    return f"{text}. By {'; by '.join(_extremes(result))}."


def _extremes(result: dict) -> list[str]:
    """By each measure the nearest of all generated pictures and, where copies were measured, the farthest copy."""
    found = []
    for measure, near in result["measures"].items():
        text = f"{measure} the nearest of all is at {min(near['nearest']['generated']):.1f}"
        copies = [(name, max(values)) for name, values in near["nearest"].items() if "copies" in name]
        found.append(", ".join([text, *(f"the farthest of the {name} at {most:.1f}" for name, most in copies)]))
    return found


def share_below(values: list[float], control: list[float], quantile: float = 0.01) -> float:
    """The share of values below that quantile of the control: about the quantile itself where both are alike."""
    return float(np.mean(np.asarray(values) < np.quantile(control, quantile)))


def figure(result: dict, rows: np.ndarray) -> Image.Image:
    """Every generated picture with its neighbours and their distances, on white, in two blocks of rows."""
    rows = enlarge(rows, _TILE)
    tile, columns = rows.shape[2], rows.shape[1]
    per_block = -(-len(rows) // _BLOCKS)
    step = tile + _TEXT + _GAP
    block = columns * (tile + _GAP) + 4 * _GAP
    sheet = Image.new("RGB", (_BLOCKS * block, _TEXT + per_block * step), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=16)
    notes = [_row_notes(result, i) for i in range(len(rows))]
    headings = ["generated"] + [f"nearest by {m}" for m, f in result["measures"].items() for _ in f["neighbours"][0]]
    for i, (pictures, texts) in enumerate(zip(rows, notes, strict=True)):
        left, top = i // per_block * block + _GAP, _TEXT + i % per_block * step
        for j, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
            x = left + j * (tile + _GAP) + (2 * _GAP if j else 0)
            sheet.paste(Image.fromarray(picture), (x, top))
            draw.text((x, top + tile), text, fill=_INK, font=font)
            if i % per_block == 0 and (j == 0 or headings[j] != headings[j - 1]):
                draw.text((x, 0), headings[j], fill=_INK, font=font)
    return sheet


def _row_notes(result: dict, i: int) -> list[str]:
    """What stands under the pictures of a row: the seed, then distances."""
    near = [neighbour for found in result["measures"].values() for neighbour in found["neighbours"][i]]
    return [f"seed {result['seed'] + i}"] + [f"{neighbour['distance']:.1f}" for neighbour in near]

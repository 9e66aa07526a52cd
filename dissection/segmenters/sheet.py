"""Generated pictures beside their label maps: `python -m dissection.segmenters.sheet CHECKPOINT --out SHEET.png`.

A segmenter trained on drawn scenes is judged here on what it is used for; look at the sheet before believing numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dissection.segmenters.toytown import load_toytown
from dissection.world.label_sheet import label_sheet
from dissection.world.town import CONCEPTS, PALETTE
from pgan_core.latents import inputs_from_seeds
from pgan_core.models import load_generator
from pgan_core.pictures import to_uint8
from pgan_core.shell import check_file, one_sentence


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.sheet") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="a checkpoint, or a model's name")
    parser.add_argument("--count", type=int, default=100, help="pictures (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture")
    parser.add_argument("--columns", type=int, default=10, help="pictures in a row (default 10)")
    parser.add_argument("--zoom", type=int, default=1, help="screen pixels a pixel; 4 or more to count faults by eye")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    with one_sentence():
        check_file(args.out)
        generator = load_generator(args.checkpoint).prepared()
    seeds = range(args.seed, args.seed + args.count)
    images = generator(*inputs_from_seeds(generator, seeds))
    labels = load_toytown()(images).numpy().astype(np.uint8)
    pictures = np.ascontiguousarray(to_uint8(images).transpose(0, 3, 1, 2))
    sheet = label_sheet(pictures, labels, CONCEPTS, PALETTE, columns=args.columns, zoom=args.zoom)
    sheet.save(args.out, optimize=True)


if __name__ == "__main__":
    main()

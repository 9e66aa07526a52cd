"""Generated pictures beside their label maps: `python -m dissection.segmenters.sheet CHECKPOINT --out SHEET.png`.

The segmenter is trained on drawn scenes and used on generated pictures: look at the sheet before believing numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dissection.segmenters.town_command import begin
from dissection.world.label_sheet import label_sheet
from dissection.world.town import CONCEPTS, PALETTE
from pgan_core.latents import inputs_from_seeds
from pgan_core.pictures import to_uint8


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.sheet") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the first picture (default 0)")
    parser.add_argument("--columns", type=int, default=10, help="pictures in a row (default 10)")
    parser.add_argument("--zoom", type=int, default=1, help="enlarge pictures this many times; 4 or more to see faults")
    parser.add_argument("--out", type=Path, required=True)
    args, generator, segmenter = begin(parser, arguments, count=100)
    seeds = range(args.seed, args.seed + args.count)
    images = generator(*inputs_from_seeds(generator, seeds))
    labels = segmenter(images).numpy().astype(np.uint8)
    pictures = np.ascontiguousarray(to_uint8(images).transpose(0, 3, 1, 2))
    sheet = label_sheet(pictures, labels, CONCEPTS, PALETTE, columns=args.columns, zoom=args.zoom)
    sheet.save(args.out, optimize=True)


if __name__ == "__main__":
    main()

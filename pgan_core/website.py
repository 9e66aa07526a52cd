"""A static site in which a visitor's browser runs a generator: `python -m pgan_core export MODEL --out site`.

The page is built from `web/` and ships with the package; beside it this writes the network (`generator.onnx`), what the
page must know of it (`model.json`) and a picture for links (`card.jpg`). It works from any file server, without network
access to anywhere else. `pggan-lab export` adds the units of a dissection (dissection.website).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pgan_core.checkpoints.loading import load_checkpoint
from pgan_core.checkpoints.reader_options import add_reader_options, said
from pgan_core.generator import Generator
from pgan_core.latents import inputs_from_seeds
from pgan_core.models import model_file
from pgan_core.onnx_graph import fading_sizes, onnx_model
from pgan_core.paths import WEB
from pgan_core.pictures import contact_sheet, encode, enlarge, to_uint8
from pgan_core.shell import check_folder

FORMAT = "pggan-lab site 1"
NETWORK, FACTS, CARD = "generator.onnx", "model.json", "card.jpg"
RUNTIMES = {"wasm": "ort.wasm.gz", "webgpu": "ort-webgpu.wasm.gz"}
NOT_COPIED = ("built.json",)
CHECK_SIZE, CHECK_SQUARES = 128, 8  # pixels of the check picture at most; it is compared by the means of its squares
TOLERANCE = {True: 0.05, False: 0.01}  # of such a mean, by whether weights are float16; black to white is 2


def add_arguments(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Adds the command `export`; returns its parser for further options."""
    parser = subparsers.add_parser(
        "export", description="Write a static site in which the visitor's own browser runs the generator."
    )
    parser.add_argument("model", metavar="MODEL", help="a checkpoint, or a model's name such as toytown128")
    parser.add_argument("--out", required=True, type=Path, help="folder for the site")
    parser.add_argument("--name", help="what the page calls the model (default: as the argument does)")
    parser.add_argument("--precision", choices=("half", "float"), default="half", help="of the weights (default half)")
    add_reader_options(parser)
    parser.set_defaults(run=run_export)
    return parser


def run_export(args: argparse.Namespace, more=None) -> int:
    """Writes the site and says how large it is. 1 with one sentence if it cannot be made.

    more: generator -> (facts, files) that are added to the site.
    """
    try:
        check_folder(args.out)
        generator = load_checkpoint(model_file(args.model), **said(args)).generator
        if generator is None:
            raise ValueError(f"{args.model} has no generator")
        facts, files = more(generator) if more else ({}, {})
        written = write_site(
            generator, args.out, name=args.name or Path(args.model).stem, half=args.precision == "half",
            facts=facts, files=files,
        )  # fmt: skip
    except (ValueError, OSError) as error:  # CheckpointError is a ValueError
        print(error, file=sys.stderr)
        return 1
    total, network = (sum(path.stat().st_size for path in paths) / 1e6 for paths in (written, [args.out / NETWORK]))
    print(f"{args.out}: {len(written)} files, {total:.1f} MB in all; the generator is {network:.1f} MB")
    print(f"To look at it: python -m http.server --directory {args.out}")
    return 0


def write_site(
    generator: Generator,
    out: Path,
    *,
    name: str,
    half: bool = True,
    facts: Mapping | None = None,
    files: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Writes the page, the network and `model.json` into a folder; returns all files.

    half: weights in float16.  facts: more for model.json, plain JSON values.  files: more files by name.
    Raises ValueError where the built page is missing.
    """
    if not (WEB / "index.html").is_file():
        raise ValueError(f"the built page is not in {WEB}: run `npm ci && npm run build` in web/")
    out.mkdir(parents=True, exist_ok=True)
    page = [path for path in sorted(WEB.iterdir()) if path.name not in NOT_COPIED]
    for path in page:
        shutil.copyfile(path, out / path.name)
    network, own = network_and_facts(generator, half=half)
    said = {"name": name} | own | dict(facts or {})
    contents = {
        NETWORK: network,
        FACTS: json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(),
        CARD: card(generator),
    }
    contents |= dict(files or {})
    for file, content in contents.items():
        (out / file).write_bytes(content)
    return [out / path.name for path in page] + [out / file for file in contents]


def network_and_facts(generator: Generator, *, half: bool = True) -> tuple[bytes, dict]:
    """The generator as an ONNX file, and what a browser must know of it as plain values. half: weights in float16."""
    network = onnx_model(generator, half=half).SerializeToString()
    config = generator.config
    return network, {
        "format": FORMAT,
        "network": {"file": NETWORK, "bytes": len(network)},
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "resolution": generator.resolutions[-1],
        "resolutions": list(generator.resolutions),
        "fading": list(fading_sizes(generator)),
        "latent": config.latent_dim,
        "labels": config.label_dim,
        "normalizesLatents": config.sees_directions_only,
        "output": config.output,
        "outputFirst": config.output_first,
        "layers": [
            {"name": spec.name, "resolution": spec.resolution, "units": spec.out_features}
            for spec in generator.specs
            if spec.kind != "rgb"
        ],
        "runtime": {kind: {"file": file, "bytes": (WEB / file).stat().st_size} for kind, file in RUNTIMES.items()},
        "check": check_picture(generator, half),
    }


@torch.inference_mode()
def check_picture(generator: Generator, half: bool) -> dict:
    """A picture by which a browser knows that it computes what torch does: means of squares of seed 0's, C x s x s."""
    resolution = max(size for size in generator.resolutions if size <= max(CHECK_SIZE, generator.resolutions[0]))
    z, labels = inputs_from_seeds(generator, [0])
    picture = generator(z, labels, resolution=resolution, alpha=1.0).float().cpu()
    squares = min(CHECK_SQUARES, resolution)
    means = torch.nn.functional.adaptive_avg_pool2d(picture, squares)[0].flatten().double()
    # weights of a wild network are rounded as coarsely as its pictures are bright
    tolerance = TOLERANCE[half] * max(1.0, float(picture.abs().max()))
    rounded = [float(mean) for mean in np.round(means.numpy(), 5)]
    return {"seed": 0, "resolution": resolution, "squares": squares, "means": rounded, "tolerance": tolerance}


@torch.inference_mode()
def card(generator: Generator) -> bytes:
    """Eight pictures as a JPEG of about 1024 x 512, for links to the page."""
    resolution = max(size for size in generator.resolutions if size <= 256)
    z, labels = inputs_from_seeds(generator, range(8))
    pictures = [
        generator(z[i : i + 1], None if labels is None else labels[i : i + 1], resolution=resolution, alpha=1.0)
        for i in tqdm(range(8), desc="pictures", leave=False)
    ]
    return encode(contact_sheet(enlarge(to_uint8(torch.cat(pictures)), 256), 4), "JPEG", quality=88)

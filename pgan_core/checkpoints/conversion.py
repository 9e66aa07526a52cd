"""Any published checkpoint as a safetensors file of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pgan_core.adapters import AdaptedGenerator
from pgan_core.checkpoints.containers import Source
from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.loading import Checkpoint, load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint

ORIGIN = ("format", "layout", "source", "files", "bytes", "assumed")


def convert(source: Source | Sequence[Source], out: str | os.PathLike, **said) -> list[str]:
    """Write all networks of a checkpoint to `out`, raw weights beside the averaged ones; returns their names.

    `said` are the keywords of `load_checkpoint` about what the file leaves open. What was read, and what had to be
    assumed, goes into the metadata. Raises CheckpointError and ValueError as `load_checkpoint`, OSError as a write.
    """
    opened: dict[str, Checkpoint] = {}
    for weights in ("ema", "raw"):
        checkpoint = load_checkpoint(source, weights=weights, **said)
        opened.setdefault(checkpoint.info["weights"] or "ema", checkpoint)
    first = next(iter(opened.values()))
    if isinstance(first.generator, AdaptedGenerator):
        kind = first.info["generator"]["module"]
        raise CheckpointError(f"{kind} is not a Progressive GAN, so it cannot be written in the format of one.")
    networks = {"generator": None, "generator_raw": None, "discriminator": first.discriminator}
    for weights, name in (("ema", "generator"), ("raw", "generator_raw")):
        networks[name] = opened[weights].generator if weights in opened else None
    metadata = dict(first.info.get("metadata", {})) | {"converted_from": {key: first.info[key] for key in ORIGIN}}
    raw = networks["generator_raw"]
    save_checkpoint(out, networks["generator"], first.discriminator, generator_raw=raw, metadata=metadata)
    return [name for name, network in networks.items() if network is not None]

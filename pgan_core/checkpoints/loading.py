"""`load_checkpoint`: recognise a file by its content, read it, and say what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

import torch

from pgan_core.checkpoints import (
    akanimax,
    dcgan,
    gandissect,
    ganzoo,
    genforce,
    interfacegan,
    mmgen,
    nashory,
    native,
    pengge,
    rosinality,
    tf_official,
    theano,
)
from pgan_core.checkpoints.containers import BROKEN, Source, read_bytes, read_tree
from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.reader_options import Value, check_options
from pgan_core.checkpoints.reading import Reading
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator

# Each family is a module with FORMAT, LAYOUT, SOURCE, matches(tree) and read(tree, reading). The first match reads.
READERS: tuple[ModuleType, ...] = (
    native,
    tf_official,
    theano,
    gandissect,
    akanimax,
    pengge,
    nashory,
    rosinality,
    ganzoo,
    genforce,
    interfacegan,
    mmgen,
    dcgan,
)


@dataclass(frozen=True)
class Checkpoint:
    """An opened file: its networks in eval mode (None where it has none) and what is to be known about it.

    `format` is the published layout that was recognised; `info` a plain dict, see `describe`.
    """

    format: str
    generator: Generator | None
    discriminator: Discriminator | None
    info: dict


def load_checkpoint(
    source: Source | Sequence[Source],
    device: str | torch.device = "cpu",
    weights: str = "ema",
    **said: Value | None,
) -> Checkpoint:
    """Open a checkpoint of any published layout, or a list of files that belong together (generator, discriminator).

    source: a path, bytes, or a binary file object.  weights: "ema" for averaged weights where the file has them, "raw"
    for the others.  said: what the file leaves open, by the names of `READER_OPTIONS` (output="tanh", alpha=0.35).
    What is left open even so takes the published default, and `info["assumed"]` lists it. Nothing in the file is
    executed or imported.

    Raises CheckpointError, one sentence, for anything that is not a whole and known checkpoint, and ValueError for an
    option that does not exist in this form.
    """
    options = check_options({"weights": weights, **said})
    if isinstance(source, list | tuple):
        checkpoint = _join([_load(part, options) for part in source])
    else:
        checkpoint = _load(cast(Source, source), options)
    _note_without_effect(checkpoint.info, options)
    for network in (checkpoint.generator, checkpoint.discriminator):
        if network is not None:
            network.to(device)
    return checkpoint


def _note_without_effect(info: dict, options: Mapping[str, Value]) -> None:
    """Say in `assumed` where the file could not follow what the caller said."""
    for name, value in options.items():
        if name != "weights" and name not in info["assumed"]:
            info["assumed"][name] = f"{name} = {value} has no effect: nothing in this file depends on it"
    if info["weights"] in ("ema", "raw") and info["weights"] != options["weights"]:
        kinds = {"ema": "averaged", "raw": "raw"}
        info["assumed"]["weights"] = f"weights: the file holds only {kinds[info['weights']]} ones"


def _load(source: Source, options: Mapping[str, Value]) -> Checkpoint:
    data = read_bytes(source)
    container, tree = (
        ("a safetensors file", native.open_native(data)) if native.is_safetensors(data) else read_tree(data)
    )
    reader = _recognise(container, tree)
    reading = Reading(reader.LAYOUT, options, len(data))
    try:
        reader.read(tree, reading)
    except CheckpointError:
        raise
    except BROKEN as error:
        raise reading.misfit(f"it is forged or broken ({type(error).__name__}: {error})"[:300]) from error
    if reading.generator is None and reading.discriminator is None:
        raise reading.misfit("it holds neither a generator nor a discriminator")
    info = describe(reader, reading) | {"container": container, "bytes": len(data), "files": [_name(source)]}
    return Checkpoint(reader.FORMAT, reading.generator, reading.discriminator, info)


def _name(source: Source) -> str | None:
    return Path(source).name if isinstance(source, str | os.PathLike) else getattr(source, "name", None)


def _recognise(container: str, tree: object) -> ModuleType:
    for reader in READERS:
        if reader.matches(tree):
            return reader
    raise CheckpointError(
        f"Taken for {container}: it holds {_outline(tree)}, which no layout of a Progressive GAN does."
    )


def _outline(tree: object) -> str:
    """What a foreign file holds, in a few words."""
    if isinstance(tree, dict):
        keys = [str(key)[:60] for key in tree][:3]
        return f"a dictionary of {len(tree)} entries ({', '.join(keys)}{', ...' if len(tree) > 3 else ''})"
    if isinstance(tree, tuple | list):
        kinds = [getattr(part, "path", type(part).__name__) for part in tree[:3]]
        return f"{len(tree)} values ({', '.join(kinds)}{', ...' if len(tree) > 3 else ''})"
    return f"a {getattr(tree, 'path', type(tree).__name__)}"


def describe(reader: ModuleType, reading: Reading) -> dict:
    """The facts about an opened file as a plain dict.

    format, layout, source; resolution, resolutions, stored_resolution, alpha; channels, latent_dim, label_dim,
    image_channels; weights ("ema", "raw"); parameters; used, unused (keys of the file); assumed (name: sentence);
    generator, discriminator (their configurations).
    """
    pair = {"generator": reading.generator, "discriminator": reading.discriminator}
    nets = {key: net for key, net in pair.items() if net is not None}
    network = next(iter(nets.values()))
    config = network.config
    return {
        "format": reader.FORMAT,
        "layout": reading.layout,
        "source": reader.SOURCE,
        "resolution": config.resolution,
        "resolutions": list(network.resolutions),
        "stored_resolution": config.stored_resolution or config.resolution,
        "alpha": config.stored_alpha,
        "channels": list(config.channels),
        "image_channels": config.image_channels,
        "latent_dim": reading.generator.config.latent_dim if reading.generator else None,
        "label_dim": reading.generator.config.label_dim if reading.generator else None,
        "weights": reading.notes.pop("weights", None),
        "parameters": {key: sum(p.numel() for p in net.parameters()) for key, net in nets.items()},
        "used": list(reading.used),
        "unused": list(reading.unused),
        "assumed": dict(reading.assumed),
        **reading.notes,
        **{key: asdict(net.config) for key, net in nets.items()},
    }


def _join(parts: list[Checkpoint]) -> Checkpoint:
    """Several files of one training run as one checkpoint: a generator of one, a discriminator of another."""
    if not parts:
        raise CheckpointError("No file was given.")
    if len({part.format for part in parts}) > 1:
        raise CheckpointError(f"The files are of different layouts: {', '.join(part.format for part in parts)}.")
    found = {}
    for kind in ("generator", "discriminator"):
        networks = [getattr(part, kind) for part in parts if getattr(part, kind) is not None]
        if len(networks) > 1:
            raise CheckpointError(f"{len(networks)} of the files hold a {kind}; one was expected.")
        found[kind] = networks[0] if networks else None
    first = next((part for part in parts if part.generator is not None), parts[0])
    info = dict(first.info)
    for part in parts:
        if part is not first:
            for key in ("used", "unused", "files"):
                info[key] = info[key] + part.info[key]
            info["assumed"] = info["assumed"] | part.info["assumed"]
            info["parameters"] = info["parameters"] | part.info["parameters"]
            info |= {key: part.info[key] for key in ("generator", "discriminator") if key in part.info}
            info["bytes"] += part.info["bytes"]
    return Checkpoint(first.format, found["generator"], found["discriminator"], info)

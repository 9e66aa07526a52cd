"""Our own files: safetensors with a JSON description of the network in the metadata.

A file holds up to three networks: ``generator`` (averaged weights), ``generator_raw`` (the weights that the optimizer
moved) and ``discriminator``. Tensors are named ``generator.8x8/conv0.weight``; they are the stored weights, and the
constants c that make them effective stand in the metadata. Nothing in such a file can execute.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.reading import Reading, ready, stddev_groups
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.files import write_atomically
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "pggan-lab"
LAYOUT = "a safetensors file of PGGAN Lab"
SOURCE = "this project"
FILE_FORMAT = f"{FORMAT}/1"
ROLES = {"generator": GeneratorConfig, "generator_raw": GeneratorConfig, "discriminator": DiscriminatorConfig}


@dataclass(frozen=True)
class NetworkParts:
    """What makes one network: its configuration, its layers' stored weights, and an embedding where it has one."""

    role: str  # a key of ROLES
    config: GeneratorConfig | DiscriminatorConfig
    weights: Mapping[str, LayerWeights]
    embedding: Tensor | None = None

    def build(self) -> Generator | Discriminator:
        """The network in eval mode, without gradients. Raises CheckpointError where weights do not fit."""
        try:
            if isinstance(self.config, GeneratorConfig):
                built = Generator(self.config, self.weights, label_embedding=self.embedding)
            else:
                built = Discriminator(self.config, self.weights, embedding=self.embedding)
        except ValueError as error:
            raise CheckpointError(
                f"the {self.role.replace('_', ' ')} does not fit its configuration: {error}"
            ) from error
        return built.eval().requires_grad_(False)


def network_parts(role: str, network: Generator | Discriminator) -> NetworkParts:
    """A network's configuration and stored weights (shares memory)."""
    weights = {name: layer.stored() for name, layer in network.layers.items()}
    embedding = network.label_embedding if isinstance(network, Generator) else network.embedding
    return NetworkParts(role, network.config, weights, embedding)


def save_checkpoint(
    path: str | os.PathLike,
    generator: Generator | None = None,
    discriminator: Discriminator | None = None,
    *,
    generator_raw: Generator | None = None,
    metadata: Mapping | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write networks to ``path``, completely or not at all.

    metadata: anything that JSON holds (recipe, data seed, images seen, licence); it comes back in ``info["metadata"]``.
    dtype: float16 halves the file; it is read back as float32.
    """
    networks = {"generator": generator, "generator_raw": generator_raw, "discriminator": discriminator}
    tensors, description = {}, {"format": FILE_FORMAT, "metadata": json.dumps(dict(metadata or {}))}
    for role, network in networks.items():
        if network is None:
            continue
        parts = network_parts(role, network)
        constants = {}
        for name, layer in parts.weights.items():
            tensors[f"{role}.{name}.weight"], tensors[f"{role}.{name}.bias"] = layer.weight, layer.bias
            constants[name] = [layer.c, layer.bias_c]
        if parts.embedding is not None:
            tensors[f"{role}.embedding"] = parts.embedding
        description[role] = json.dumps({"config": asdict(parts.config), "constants": constants})
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(stored, description))


@dataclass(frozen=True)
class NativeFile:
    """The networks of a file by role (generator, generator_raw, discriminator), and its metadata."""

    parts: dict[str, NetworkParts]
    metadata: dict


def is_safetensors(data: memoryview) -> bool:
    """Whether the bytes look like a safetensors file: a header length, then a JSON object."""
    return len(data) > 10 and int.from_bytes(data[:8], "little") <= len(data) - 8 and bytes(data[8:9]) == b"{"


def read_metadata(path: str | os.PathLike) -> dict | None:
    """The metadata of a file of ours, read without its weights; None for any other file."""
    try:
        with safe_open(path, framework="numpy") as file:
            description = file.metadata() or {}
        if description.get("format") != FILE_FORMAT or not ROLES.keys() & description.keys():
            return None
        metadata = json.loads(description.get("metadata", "{}"))
    except (SafetensorError, ValueError, OSError):
        return None
    return metadata if isinstance(metadata, dict) else None


def open_native(data: memoryview) -> NativeFile:
    """The networks of a file of ours, by role, and its metadata. Raises CheckpointError for any other file."""
    try:
        header_bytes = int.from_bytes(data[:8], "little")
        description = json.loads(bytes(data[8 : 8 + header_bytes])).get("__metadata__", {})
        if description.get("format") != FILE_FORMAT:
            raise CheckpointError("the file is safetensors, but not a network written by PGGAN Lab")
        tensors = load(bytes(data))
        parts = {role: _read_parts(role, description[role], tensors) for role in ROLES if role in description}
        metadata = json.loads(description.get("metadata", "{}"))
    except CheckpointError:
        raise
    except (SafetensorError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"the PGGAN Lab file is broken: {error or type(error).__name__}"[:300]) from error
    if not parts:
        raise CheckpointError("the PGGAN Lab file holds no network")
    if tensors:
        raise CheckpointError(f"the PGGAN Lab file holds a tensor that no network uses: {min(tensors)[:80]}")
    return NativeFile(parts, metadata)


def _read_parts(role: str, description: str, tensors: dict[str, Tensor]) -> NetworkParts:
    """One role's networks; takes its tensors out of ``tensors``."""
    described = json.loads(description)
    weights = {}
    for name, (c, bias_c) in described["constants"].items():
        weight, bias = (tensors.pop(f"{role}.{name}.{kind}").float() for kind in ("weight", "bias"))
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise CheckpointError(f"the PGGAN Lab file has weights that are not numbers in {role} {name}")
        weights[name] = LayerWeights(weight, bias, float(c), float(bias_c))
    embedding = tensors.pop(f"{role}.embedding", None)
    return NetworkParts(role, read_config(ROLES[role], described["config"]), weights, embedding)


def read_config(kind: type, stored: dict) -> GeneratorConfig | DiscriminatorConfig:
    """A configuration from JSON: lists become tuples again, the stddev's own dataclass too."""
    if unknown := set(stored) - {f.name for f in fields(kind)}:
        raise CheckpointError(
            f"the PGGAN Lab file has an unknown option {min(unknown)[:40]}: is it from a newer version?"
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    if isinstance(values.get("stddev"), dict):
        values["stddev"] = StddevConfig(**values["stddev"])
    return kind(**values)


# ---- as a reader ---------------------------------------------------------------------------------------------------


def matches(tree: object) -> bool:
    """Whether it is a file of ours."""
    return isinstance(tree, NativeFile)


def read(tree: NativeFile, reading: Reading) -> None:
    """The averaged generator (the raw one for raw weights) and the discriminator; the caller's choices override."""
    reading.notes["metadata"] = tree.metadata
    generators = [role for role in ("generator", "generator_raw") if role in tree.parts]
    chosen = generators[-1 if reading.wants_raw else 0] if generators else None
    for role, part in tree.parts.items():
        account = reading.used if role in (chosen, "discriminator") else reading.unused
        account.update(dict.fromkeys(f"{role}.{name}" for name in part.weights))
    if chosen is not None:
        reading.notes["weights"] = "raw" if chosen == "generator_raw" else "ema"
    for role in (chosen, "discriminator"):
        if role in tree.parts:
            network = _built(tree.parts[role], reading)
            if isinstance(network, Generator):
                reading.generator = network
            else:
                reading.discriminator = network


def _built(part: NetworkParts, reading: Reading) -> Generator | Discriminator:
    try:
        if isinstance(part.config, GeneratorConfig):
            config = _generator_choices(part.config, reading)
        else:
            config = _discriminator_choices(part.config, reading)
        return ready(replace(part, config=config).build(), reading)
    except ValueError as error:
        raise reading.misfit(str(error)) from error


def _generator_choices(config: GeneratorConfig, reading: Reading) -> GeneratorConfig:
    normalizes = config.latent_norm != "off"
    kind = config.latent_norm if normalizes else "joint"
    return replace(
        config,
        output=reading.override("output", config.output),
        latent_norm=kind if reading.override("normalize_latents", normalizes) else "off",
        stored_alpha=float(reading.override("alpha", config.stored_alpha)),
    )


def _discriminator_choices(config: DiscriminatorConfig, reading: Reading) -> DiscriminatorConfig:
    return replace(
        config,
        score=reading.override("score", config.score),
        stddev=config.stddev and stddev_groups(reading, config.stddev),
        fused_down=reading.override("fused", config.fused_down),
        stored_alpha=float(reading.override("alpha", config.stored_alpha)),
    )

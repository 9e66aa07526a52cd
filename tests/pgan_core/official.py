"""The official TensorFlow networks of the reference numbers, in our form."""

from pathlib import Path

import numpy as np
import torch

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.discriminator import discriminator_layers
from pgan_core.generator import generator_layers
from pgan_core.layers import LayerWeights

FIXTURES = Path(__file__).parents[1] / "fixtures/numeric/pggan"
CONFIG = {"resolution": 32, "channels": (32, 32, 32, 16)}


def canonical_name(tf_name: str, full: int) -> str:
    """TensorFlow's variable scope to our layer name."""
    if "RGB_lod" in tf_name:
        kind, lod = tf_name.split("_lod")
        size = full >> int(lod)
        return f"{size}x{size}/" + {"ToRGB": "rgb", "FromRGB": "from_rgb"}[kind]
    return tf_name.replace("_up", "").replace("_down", "").lower()


def our_layout(tf_name: str, weight: np.ndarray) -> torch.Tensor:
    """A TensorFlow weight, or its gradient, with our order of axes."""
    w = torch.from_numpy(weight)
    if "Dense" in tf_name:
        return w.T.contiguous()
    if tf_name.endswith("_up"):
        return w.permute(2, 3, 0, 1).flip(2, 3).contiguous()
    return w.permute(3, 2, 0, 1).contiguous()


def official_networks() -> tuple[Generator, Discriminator, dict]:
    """G and D of tf_networks.npz at 32x32, and the arrays of that file."""
    with np.load(FIXTURES / "tf_networks.npz") as file:
        data = {name: file[name] for name in file.files}
    generator_config = GeneratorConfig(latent_dim=32, **CONFIG)
    discriminator_config = DiscriminatorConfig(fused_down=True, **CONFIG)
    specs = {"G": generator_layers(generator_config), "D": discriminator_layers(discriminator_config)}
    weights = {"G": {}, "D": {}}
    for name in data:
        if not name.startswith("var/") or not name.endswith("/weight"):
            continue
        network, tf_name = name[4], name[6:-7]
        ours = canonical_name(tf_name, 32)
        c = next(s.constant for s in specs[network] if s.name == ours)
        bias = torch.from_numpy(data[f"var/{network}/{tf_name}/bias"])
        weights[network][ours] = LayerWeights(our_layout(tf_name, data[name]), bias, c)
    return Generator(generator_config, weights["G"]), Discriminator(discriminator_config, weights["D"]), data

"""pytorch_GAN_zoo's checkpoints: `{config, netG, netD, avgG}`, as torch.hub serves them.

What differs from the paper: every layer, to-RGB and both last dense ones too, has the gain sqrt(2), and the bias is
scaled along with the weight; the first dense layer has a bias of its own at each of the 16 places. The stored alpha is
the weight of the OLD picture. The stddev's groups are consecutive samples, unbiased.
"""

from __future__ import annotations

from pgan_core.checkpoints.errors import brief
from pgan_core.checkpoints.pickle_machine import StandIn
from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    he,
    layer,
    state_dict,
    stddev_groups,
    whole,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "pytorch-gan-zoo"
LAYOUT = "a checkpoint of pytorch_GAN_zoo"
SOURCE = "https://github.com/facebookresearch/pytorch_GAN_zoo"

# What the published code takes where the configuration does not say (progressive_gan.py, pgan_config.py).
DEFAULTS = {
    "leakyReluLeak": 0.2,
    "perChannelNormalization": True,
    "alpha": 0.0,
    "equalizedlR": True,
    "lossCriterion": "WGANGP",
    "categoryVectorDim": 0,
}
LINEAR_LOSSES = ("WGANGP", "Logistic")  # the others end the generator in tanh
STDDEV = StddevConfig(group_size=4, grouping="consecutive", unbiased=True, whole_if_uneven=True)


def matches(tree: object) -> bool:
    """Whether there is one of the networks with its to-RGB or from-RGB layers under the published names."""
    if not isinstance(tree, dict):
        return False
    return any("RGBLayers." in key for name in ("avgG", "netG", "netD") for key in state_dict(tree.get(name)))


def read(tree: dict, reading: Reading) -> None:
    """avgG (netG for raw weights) and netD, as the configuration in the file says."""
    settings = _settings(tree.get("config"), reading)
    reading.leave(*(str(key) for key in tree if key not in ("config", "netG", "netD", "avgG")))
    networks = {name: state_dict(tree.get(name)) for name in ("avgG", "netG", "netD")}
    if chosen := reading.averaged_or_raw(networks, averaged="avgG", raw="netG"):
        reading.generator = _generator(reading.tensors(networks[chosen], f"{chosen}/"), settings, reading)
    if networks["netD"]:
        reading.discriminator = _discriminator(reading.tensors(networks["netD"], "netD/"), settings, reading)


def _settings(config: object, reading: Reading) -> dict:
    """The settings that change the function, out of a dict or a pickled BaseConfig; the rest is noted as unused."""
    if isinstance(config, StandIn):
        config = config.state
    if config is not None and not isinstance(config, dict):
        raise reading.misfit("its config is not a set of settings")
    config = config or {}
    for key in config:
        (reading.used if key in DEFAULTS else reading.unused)[f"config/{key}"] = None
    for key in DEFAULTS.keys() - config.keys():
        reading.assumed[key] = f"{key} = {DEFAULTS[key]}: its config does not say, the published default"
    settings = DEFAULTS | {key: value for key, value in config.items() if key in DEFAULTS}
    for key in ("leakyReluLeak", "alpha"):
        value = settings[key]
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise reading.misfit(f"its setting {key} is {brief(value)}, not a number from 0 to 1")
    if isinstance(config.get("attribKeysOrder"), dict):
        reading.notes["attributes"] = config["attribKeysOrder"]
    return settings


def _generator(stored: Tensors, settings: dict, reading: Reading) -> Generator:
    equalized = bool(settings["equalizedlR"])
    dense = _layer(stored, "formatLayer", 2, equalized)
    weights = {
        "4x4/dense": LayerWeights(dense.weight, dense.bias.reshape(-1, 4, 4), dense.c, dense.bias_c),
        "4x4/conv": _layer(stored, "groupScale0.0", 4, equalized),
        "4x4/rgb": _layer(stored, "toRGBLayers.0", 4, equalized),
    }
    for scale in _scales(stored):
        size = f"{8 << scale}x{8 << scale}"
        weights[f"{size}/conv0"] = _layer(stored, f"scaleLayers.{scale}.0", 4, equalized)
        weights[f"{size}/conv1"] = _layer(stored, f"scaleLayers.{scale}.1", 4, equalized)
        weights[f"{size}/rgb"] = _layer(stored, f"toRGBLayers.{scale + 1}", 4, equalized)
    normalized = bool(settings["perChannelNormalization"])
    return build_generator(
        reading,
        weights,
        label_dim=whole(settings["categoryVectorDim"], 0, reading, "categoryVectorDim"),
        slope=settings["leakyReluLeak"],
        pixel_norm="after" if normalized else "off",
        latent_norm="joint" if reading.override("normalize_latents", normalized) else "off",
        output=reading.override("output", "linear" if settings["lossCriterion"] in LINEAR_LOSSES else "tanh"),
        stored_alpha=float(reading.override("alpha", 1 - settings["alpha"])),
    )


def _discriminator(stored: Tensors, settings: dict, reading: Reading) -> Discriminator:
    equalized, scales = bool(settings["equalizedlR"]), _scales(stored)
    weights = {
        "4x4/from_rgb": _layer(stored, "fromRGBLayers.0", 4, equalized),
        "4x4/conv": _layer(stored, "groupScaleZero.0", 4, equalized),
        "4x4/dense0": _layer(stored, "groupScaleZero.1", 2, equalized),
        "4x4/dense1": _layer(stored, "decisionLayer", 2, equalized),
    }
    for scale in scales:
        size = f"{8 << scale}x{8 << scale}"
        weights[f"{size}/from_rgb"] = _layer(stored, f"fromRGBLayers.{scale + 1}", 4, equalized)
        weights[f"{size}/conv0"] = _layer(stored, f"scaleLayers.{scale}.0", 4, equalized)
        weights[f"{size}/conv1"] = _layer(stored, f"scaleLayers.{scale}.1", 4, equalized)
    return build_discriminator(
        reading,
        weights,
        slope=settings["leakyReluLeak"],
        stddev=stddev_groups(reading, STDDEV),
        fades=len(scales) > 1,  # the published code does not mix with exactly one scale
        score=reading.override("score", "linear"),
        stored_alpha=float(reading.override("alpha", 1 - settings["alpha"])),
    )


def _scales(stored: Tensors) -> range:
    """The scales above 4x4, counted by their first convolutions."""
    count = 0
    while any(f"scaleLayers.{count}.0.{wrapper}weight" in stored for wrapper in ("module.", "")):
        count += 1
    return range(count)


def _layer(stored: Tensors, name: str, dimensions: int, equalized: bool) -> LayerWeights:
    """A layer under its new name (`formatLayer.module.weight`) or its old one (`formatLayer.weight`)."""
    prefix = f"{name}.module" if f"{name}.module.weight" in stored else name
    weight = stored.take(f"{prefix}.weight", *[None] * dimensions)
    bias = stored.take(f"{prefix}.bias", weight.shape[0])
    c = he(weight) if equalized else 1.0
    return layer(weight, bias, c, bias_c=c)

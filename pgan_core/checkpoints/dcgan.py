"""DCGAN's generator in the layout of PyTorch's tutorial (Radford et al. 2016): a Sequential `main` of transposed
convolutions, batch norm, ReLU and tanh, the state dict alone or under a name of its own ("netG_state_dict").

The file says all but how it ends, which the tutorial's code fixes: tanh.
"""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import torch

from pgan_core.adapters import adapt
from pgan_core.checkpoints.reading import Reading, strip_module
from pgan_core.dcgan import dcgan
from pgan_core.generator import Generator

FORMAT = "dcgan"
LAYOUT = "a DCGAN of PyTorch's tutorial"
SOURCE = "https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html"
KEY = re.compile(r"main\.(\d+)\.(weight|bias|running_mean|running_var|num_batches_tracked)")
MAX_LAYERS = 9  # 1024 x 1024


def matches(tree: object) -> bool:
    """Whether there is a state dict of such a generator: its first kernel turns a latent into a 4 x 4 map."""
    return _stored(tree) is not None


def read(tree: dict, reading: Reading) -> None:
    """The generator, as an adapted module. The discriminator has another layout than PGGAN's and is left."""
    found = _stored(tree)
    assert found is not None  # `matches` has seen it
    name, arrays = found
    reading.leave(*(str(key) for key in tree if key != name and tree is not arrays))
    stored = reading.tensors(arrays, f"{name}/" if name else "")
    kernels = sorted(int(m[1]) for key in stored if (m := KEY.fullmatch(key)) and np.ndim(stored.arrays[key]) == 4)
    if kernels != list(range(0, 3 * len(kernels), 3)) or not 2 <= len(kernels) <= MAX_LAYERS:
        raise reading.misfit("its kernels are not every third layer of `main`, as transposed convolutions there are")
    weights = [stored.take(f"main.{i}.weight", None, None, 4, 4) for i in kernels]
    widths = [weight.shape[0] for weight in weights] + [weights[-1].shape[1]]
    for i, (weight, after) in enumerate(zip(weights, widths[1:], strict=True)):
        if weight.shape[1] != after:
            raise reading.misfit(f"`main.{3 * i}.weight` leads to {weight.shape[1]} maps, {after} were expected")
    module = dcgan(widths[0], widths[1:-1], widths[-1])
    state = {}
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            if key in stored:
                stored.count(key)
            continue
        state[key] = torch.from_numpy(np.array(stored.take(key, *value.shape), np.float32))
    module.load_state_dict(state, strict=False)  # without the counters, which are for training
    try:
        adapted = adapt(module, widths[0], output="tanh").requires_grad_(False)
    except ValueError as error:
        raise reading.misfit(str(error)) from error
    reading.generator = cast(Generator, adapted)  # it walks as one; pages ask what else it can


def _stored(tree: object) -> tuple[str, dict] | None:
    """The name ("" for the whole file) and the arrays of the first state dict that is a generator's."""
    if not isinstance(tree, dict):
        return None
    for name, part in [("", tree), *((key, value) for key, value in tree.items() if isinstance(key, str))]:
        if not isinstance(part, dict) or not part or not all(isinstance(key, str) for key in part):
            continue
        arrays = strip_module(part)
        first, norm = (np.asarray(arrays.get(f"main.{i}.weight", 0)) for i in (0, 1))
        ours = all(KEY.fullmatch(key) for key in arrays) and first.ndim == 4 and norm.ndim == 1
        if ours and first.shape[1] == norm.shape[0]:  # transposed: in x out; a convolution has out x in
            return name, part
    return None

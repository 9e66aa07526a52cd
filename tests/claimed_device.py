"""Tensors that claim to be on a CUDA device where there is none.

Torch's fake tensors hold no numbers; they have shapes and devices, and raise, as CUDA does, where devices meet. A build
of torch without CUDA still asks it for the current device in a few Python methods, which are done by others here;
autograd asks it as well, so nothing here has gradients.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten


@contextmanager
def claimed_device() -> Iterator[torch.device]:
    """Inside, tensors can be made on the device that is given, and moved there and back."""
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True), _Detours():
        yield torch.device("cuda", 0)


class _Detours(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        detour = {
            Tensor.__getitem__: _getitem, Tensor.__setitem__: _setitem, Tensor.to: _to, Tensor.cpu: _cpu,
            Tensor.contiguous: _contiguous,
        }.get(function)  # fmt: skip
        return (detour or function)(*args, **kwargs)


def _keys(x: Tensor, key) -> list:
    key = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [part for part in key if not isinstance(part, Tensor)]:
        at = next(i for i, part in enumerate(key) if part is Ellipsis)
        used = sum(part is not None for part in key) - 1
        key[at : at + 1] = [slice(None)] * (x.dim() - used)
    return key


def _getitem(x: Tensor, key) -> Tensor:
    axis, chosen = 0, {}
    for part in _keys(x, key):
        if part is None:
            x = aten.unsqueeze.default(x, axis)
        elif isinstance(part, slice):
            x = aten.slice.Tensor(x, axis, part.start, part.stop, 1 if part.step is None else part.step)
        elif isinstance(part, int):
            x = aten.select.int(x, axis, part)
            continue
        else:
            chosen[axis] = part if isinstance(part, Tensor) else torch.tensor(part).to(x.device)
        axis += 1
    if not chosen:
        return x
    return aten.index.Tensor(x, [chosen.get(i) for i in range(max(chosen) + 1)])


def _setitem(x: Tensor, key, value) -> None:
    place = _getitem(x, key)
    if isinstance(value, Tensor):
        place = place + (value.to(x.device) if value.dim() == 0 else value)  # raises where devices meet


def _to(x: Tensor, *args, **kwargs) -> Tensor:
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for argument in args:
        if isinstance(argument, Tensor):
            device, dtype = argument.device, argument.dtype
        elif isinstance(argument, torch.dtype):
            dtype = argument
        elif isinstance(argument, str | torch.device):
            device = torch.device(argument)
    same = (device is None or torch.device(device) == x.device) and dtype in (None, x.dtype)
    if same and not kwargs.get("copy"):
        return x
    return aten._to_copy.default(x, dtype=dtype or x.dtype, device=device or x.device)


def _cpu(x: Tensor) -> Tensor:
    return _to(x, "cpu")


def _contiguous(x: Tensor, memory_format=torch.contiguous_format) -> Tensor:
    return aten.clone.default(x, memory_format=memory_format)

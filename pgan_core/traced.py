"""The operations of a module, traced once, and walks through them: what `adapters` is made of.

A trace writes down every operation whose result depends on the latents, under the name of the module that ran it. A
walk is another forward pass of the module under a `TorchFunctionMode`, which counts the same operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pgan_core.generator import Edit

TRACED = 2  # pictures of the traced run
LATENT_INPUT, LABEL_INPUT = -1, -2  # among what a traced operation takes: not a step, but an input
LATENT = "latent"  # the name of the first point: the latents themselves
WEIGHTED = {  # operations that bring weights: each begins a layer
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "bilinear"),
    *("matmul", "rmatmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "multi_head_attention_forward"),
    *("scaled_dot_product_attention", "embedding", "conv_tbc", "tensordot"),
}
NONLINEAR = {
    *("relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign"),
    *("tanh", "sigmoid", "hardtanh", "relu6", "hardswish", "hardsigmoid", "threshold", "glu", "logsigmoid"),
}
SUMS = {"add", "iadd", "radd", "cat", "concat"}  # of two maps: where branches meet, a layer begins too


@dataclass(frozen=True)
class Step:
    """One operation of the traced run whose result depends on the latent."""

    operation: str  # "conv2d", "relu", ...
    path: str  # of the module that was running
    visit: int  # the number of that module's call
    is_leaf: bool  # whether that module is one of torch.nn
    takes: tuple[int, ...]  # the steps whose results it takes
    shape: tuple[int, ...]
    number: int  # among all operations of the run
    is_map: bool  # whether it gives a map N x C x h x w
    of_latent: bool  # whether it depends on the latent; else on labels alone
    name: str = ""  # of the point, where it is a map


def first_picture(result: object) -> Tensor:
    """The pictures: the result itself, or the first part of a tuple or a dictionary."""
    if isinstance(result, Mapping):
        result = next(iter(result.values()), None)
    if isinstance(result, list | tuple) and result:
        result = result[0]
    return result  # pyright: ignore[reportReturnType] (the traced run has checked it)


class Stopped(Exception):
    """A walk has reached the point where it was to stop."""


class Walk(TorchFunctionMode):
    """One walk: counts the operations, and keeps, edits or replaces the results of those that were asked for."""

    def __init__(
        self,
        maps: Mapping[int, Step],  # by number: the operations of the traced run that give maps
        count: int,  # pictures
        *,
        keep: Iterable[str] = (),
        edits: Mapping[str, Sequence[Edit]] | None = None,
        start: Start | None = None,
        stop: str | None = None,
    ):
        super().__init__()
        self.maps, self.count, self.keep, self.edits, self.stop = maps, count, set(keep), edits or {}, stop
        self.start, self.number, self.kept = start, 0, {}
        self.wanted = {*self.keep, *self.edits, stop, start.name if start else None} - {None, LATENT}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        number, step = self.number, self.maps.get(self.number)
        self.number += 1
        if step is None:
            return func(*args, **(kwargs or {}))
        if step.operation != operation_name(func):
            raise ValueError("the module took another way than in its traced run: its layers cannot be told")
        start = self.start
        if start is not None and start.is_whole and number < start.number and step.of_latent:
            # a map of the right shape: nothing after the start depends on it
            return start.activation.new_empty((self.count, *step.shape[1:]))
        if start is not None and start.is_whole and number == start.number:
            y = start.activation.clone()
        else:
            y = func(*args, **(kwargs or {}))
            if start is not None and number == start.number:
                y = start.activation.to(y.dtype).clone()
        if step.name not in self.wanted:
            return y
        if step.name in self.keep or step.name == self.stop:
            self.kept[step.name] = y.to(torch.float32, copy=True)
        if step.name == self.stop:
            raise Stopped
        for edit in self.edits.get(step.name, ()):
            y = edit(y).to(y.dtype)
        return y


@dataclass(frozen=True)
class Start:
    """Where a walk starts, and what else the pictures depend on."""

    name: str
    number: int
    activation: Tensor
    is_whole: bool  # no other branch brings the latent past this point
    needs_labels: bool  # labels enter after it


def operation_name(func: Callable) -> str:
    """ "relu" for functional.relu, relu_ and Tensor.relu; "add" for +."""
    return getattr(func, "__name__", type(func).__name__).strip("_").removesuffix("_")


class Trace(TorchFunctionMode):
    """One run of a module on a few latents, with every operation on what depends on them written down."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module, self.number, self.steps = module, 0, []
        self.makers: dict[int, int] = {}  # id of a tensor -> the place in `steps` of what made it
        self.alive: list[Tensor] = []  # so that no id is used again
        self.running: list[tuple[str, int, bool]] = [("", 0, False)]  # modules: path, number of the call, is a leaf
        self.visits, self.output = 0, -1  # the place of the step that made the pictures

    def run(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The pictures. The hooks that tell which module is running are gone when it returns."""
        for tensor in inputs:
            self._note(tensor, LATENT_INPUT if tensor is inputs[0] else LABEL_INPUT)
        handles = []
        for path, module in self.module.named_modules():
            handles.append(module.register_forward_pre_hook(partial(self._enter, path)))
            handles.append(module.register_forward_hook(self._leave))
        try:
            with self:
                images = first_picture(self.module(*inputs))
        finally:
            for handle in handles:
                handle.remove()
        self.output = self.makers.get(id(images), len(self.steps) - 1)
        return images

    def _enter(self, path: str, module: nn.Module, inputs: tuple) -> None:
        self.visits += 1
        self.running.append((path, self.visits, type(module).__module__.startswith("torch.nn.") and bool(path)))

    def _leave(self, module: nn.Module, inputs: tuple, result: object) -> None:
        self.running.pop()

    def _note(self, tensor: Tensor, place: int) -> None:
        self.makers[id(tensor)] = place
        self.alive.append(tensor)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        number, self.number = self.number, self.number + 1
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        takes = tuple(dict.fromkeys(self.makers[id(leaf)] for leaf in given if id(leaf) in self.makers))
        result = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if takes and made:
            path, visit, is_leaf = self.running[-1]
            shape = tuple(made[0].shape)
            is_map = isinstance(result, Tensor) and len(shape) == 4 and result.is_floating_point()
            is_map = is_map and shape[0] == TRACED
            of_latent = any(t == LATENT_INPUT or (t >= 0 and self.steps[t].of_latent) for t in takes)
            steps = tuple(t for t in takes if t >= 0)
            name = operation_name(func)
            self.steps.append(Step(name, path, visit, is_leaf, steps, shape, number, is_map, of_latent))
            for tensor in made:
                self._note(tensor, len(self.steps) - 1)
        return result


# ---- names and units ---------------------------------------------------------------------------------------------


def named_steps(steps: Sequence[Step]) -> list[Step]:
    """The steps, those that give maps with the names of their points: "8x8/main.4", "8x8/block.relu".

    The last map of a module of torch.nn has that module's path; any other has the path and the operation.
    """
    last = {step.visit: i for i, step in enumerate(steps) if step.is_map}
    taken: dict[str, int] = {}
    named = []
    for i, step in enumerate(steps):
        if step.is_map:
            height, width = step.shape[2:]
            owns = step.is_leaf and last[step.visit] == i
            path = step.path if owns else ".".join(filter(None, [step.path, step.operation]))
            name = f"{width}x{height}/{path}"
            taken[name] = taken.get(name, 0) + 1
            step = replace(step, name=name if taken[name] == 1 else f"{name}.{taken[name]}")
        named.append(step)
    return named


def unit_steps(steps: Sequence[Step], output: int) -> list[Step]:
    """The maps that hold units: one for each operation with weights and each sum of branches before the picture.

    Of the operations on one map that follow it (norm, non-linearity, dropout, reshaping), the last non-linearity is
    meant, else the last of them. To-RGB layers and what comes after them are not units.
    """
    users: dict[int, list[int]] = {}
    for i, step in enumerate(steps):
        for taken in step.takes:
            users.setdefault(taken, []).append(i)
    after = _after_the_last_weights(steps, output)
    found: dict[int, None] = {}
    for i, step in enumerate(steps):
        if not _begins(step, steps):
            continue
        chain = [i]
        while len(following := users.get(chain[-1], [])) == 1:
            step = steps[following[0]]
            before = steps[chain[-1]]
            same = step.shape == before.shape or not before.is_map
            if step.takes != (chain[-1],) or step.operation in WEIGHTED or not same:
                break
            chain.append(following[0])
        maps = [j for j in chain if steps[j].is_map and math.prod(steps[j].shape[2:]) > 1 and j not in after]
        bent = [j for j in maps if steps[j].operation in NONLINEAR]
        found.update(dict.fromkeys((bent or maps)[-1:]))
    return [steps[i] for i in sorted(found)]


def before_bend(unit: Step, steps: Sequence[Step]) -> str:
    """The point whose map enters a unit's non-linearity; the unit's own where it has none."""
    maps = [steps[taken] for taken in unit.takes if steps[taken].is_map]
    return maps[0].name if unit.operation in NONLINEAR and maps else unit.name


def _begins(step: Step, steps: Sequence[Step]) -> bool:
    """Whether a layer begins with it: it brings weights, or two maps meet in it."""
    if step.operation in WEIGHTED:
        return True
    if step.operation not in SUMS or len(step.takes) < 2:
        return False
    return all(steps[taken].is_map and steps[taken].shape[2:] == step.shape[2:] for taken in step.takes)


def _after_the_last_weights(steps: Sequence[Step], output: int) -> set[int]:
    """The last operation with weights on each way to the picture, and all that follows it."""
    found, waiting = set(), [output]
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            if steps[i].operation not in WEIGHTED:
                waiting += steps[i].takes
    return found

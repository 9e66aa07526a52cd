"""Any torch generator as a walk through named layers, so that dissection and the app serve it as they serve PGGAN.

    generator = adapt(MyGenerator(), latent_dim=100, output="tanh")
    generator.layer_names                                       # "4x4/main.2", "8x8/main.5", ...: size and path
    result = generator.run(z, keep=["8x8/main.5"], edits={"8x8/main.5": [ablate([3])]})
    again = generator.run(z, start=("8x8/main.5", result.activations["8x8/main.5"]))  # the same pictures, to the bit

One traced run finds the points: every operation whose result is a map N x C x h x w that depends on the latent. A walk
is the module's own forward pass under a `TorchFunctionMode`, which sees each operation and can copy its result, change
it, or put another in its place. The mode belongs to one thread and one call; nothing stays on the module. A walk
that starts at a layer on which all that follows depends skips what comes before it.

The module itself is not touched: the adapter runs a twin in eval mode that shares its weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pgan_core.generator import Edit, Run
from pgan_core.latents import latents_from_seeds
from pgan_core.network import LayerSpec, as_tensor, one_hot, split_labels
from pgan_core.traced import (
    LATENT,
    TRACED,
    Start,
    Stopped,
    Trace,
    Walk,
    before_bend,
    first_picture,
    named_steps,
    unit_steps,
)  # fmt: skip

OUTPUTS = ("linear", "tanh", "clamp")


class UnitGenerator(Protocol):
    """What dissection asks of a generator. `pgan_core.Generator` is one, `AdaptedGenerator` another."""

    @property
    def config(self) -> Any:
        """Has latent_dim, label_dim (0 without classes) and image_channels."""

    @property
    def specs(self) -> Sequence[LayerSpec]:
        """The layers with their sizes and numbers of units."""
        ...

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers whose activations are units, in order; a name begins with the map's size, as in "8x8/"."""
        ...

    @property
    def resolution(self) -> int:
        """The pictures' side in pixels."""
        ...

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The sizes at which it can give pictures; the last is `resolution`."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def form(self) -> Any:
        """Not None where it is prepared for inference."""

    def prepared(self) -> UnitGenerator:
        """A form for inference that gives the same pictures, to rounding; itself where there is none."""
        ...

    def state_dict(self) -> Mapping[str, Any]: ...

    def __call__(self, z: Tensor, labels: Tensor | None = None, **moment) -> Tensor: ...

    def run(
        self,
        z: Tensor | None,
        *,
        labels: Tensor | None = None,
        keep: Sequence[str] = (),
        edits: Mapping[str, Sequence[Edit]] | None = None,
        start: tuple[str, Tensor] | None = None,
        stop: str | None = None,
    ) -> Run:
        """A walk: see `pgan_core.generator.Generator.run`."""
        ...


@dataclass(frozen=True)
class AdaptedConfig:
    """What is known of an adapted module, by the names of `GeneratorConfig`."""

    module: str  # the class
    resolution: int
    image_channels: int  # as its pictures are shown: 3
    latent_dim: int
    label_dim: int = 0
    output: str = "linear"  # what is done to the module's result: nothing, tanh, or clamp to [-1, 1]
    output_range: str = "signed"  # "unit" where the module ends in a sigmoid: 0..1 becomes -1..1
    inputs: str = "z"  # how it takes latents and labels: a key of FORMS
    channels: tuple[int, ...] = ()  # units of each layer
    stored_resolution: int | None = None
    stored_alpha: float = 1.0
    latent_norm: str = "off"
    pixel_norm: str = "off"

    @property
    def sees_directions_only(self) -> bool:
        """Whether a latent's length makes no difference, which nobody knows."""
        return False

    @property
    def sizes(self) -> tuple[int, ...]:
        """The one size."""
        return (self.resolution,)

    @property
    def width(self) -> dict[int, int]:
        """Units of its widest layer, by its one size."""
        return {self.resolution: max(self.channels, default=1)}


# How modules take latents N x D and labels: as they are, or with two axes of 1 for transposed convolutions; labels
# one-hot or as indices in a second argument, or one-hot behind the latent.
FORMS: dict[str, Callable[[Tensor, Any], tuple[Tensor, ...]]] = {
    "z": lambda z, y: (z,),
    "z11": lambda z, y: (_spatial(z),),
    "z, one-hot": lambda z, y: (z, y),
    "z11, one-hot": lambda z, y: (_spatial(z), y),
    "z11, one-hot11": lambda z, y: (_spatial(z), _spatial(y)),
    "z, index": lambda z, y: (z, y.argmax(1)),
    "z11, index": lambda z, y: (_spatial(z), y.argmax(1)),
    "z + one-hot": lambda z, y: (torch.cat([z, y], dim=1),),
    "z11 + one-hot": lambda z, y: (_spatial(torch.cat([z, y], dim=1)),),
}
PLAIN_FORMS = ("z", "z11")


def _spatial(x: Tensor) -> Tensor:
    return x[:, :, None, None]


def adapt(module: nn.Module, latent_dim: int, label_dim: int = 0, output: str = "linear") -> AdaptedGenerator:
    """A generator of any module that turns latents N x latent_dim (or N x latent_dim x 1 x 1) into square pictures.

    label_dim: classes, which enter one-hot as a second argument where the module takes that, else as indices, else
    one-hot behind the latent.  output: "tanh" or "clamp" to be done to its result, or "linear"; a module that ends in
    tanh is left as it is, and one that ends in a sigmoid has its 0..1 brought to -1..1.

    Raises ValueError, one sentence, where the module takes or gives something else, or draws random numbers.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output is one of {', '.join(OUTPUTS)}, not {output!r}")
    for name, value, least in (("latent_dim", latent_dim, 1), ("label_dim", label_dim, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} is a whole number, {least} or more, not {value!r}")
    if not isinstance(module, nn.Module):
        raise ValueError(f"a generator is a torch.nn.Module, not a {type(module).__name__}")
    if isinstance(module, nn.DataParallel):
        module = module.module
    return AdaptedGenerator(_twin(module), latent_dim, label_dim, output)


def _twin(module: nn.Module) -> nn.Module:
    """The module's structure once more, in eval mode; parameters and buffers are the same objects."""
    shared = {id(tensor): tensor for tensor in [*module.parameters(), *module.buffers()]}
    try:
        return copy.deepcopy(module, shared).eval()
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{type(module).__name__} cannot be copied: {error}") from error


class AdaptedGenerator(nn.Module):
    """A module as a generator of named layers; made by `adapt`. Nothing is mutated: it serves many threads."""

    form, norm_kind, equalized = None, "off", True  # as of `Generator`: not prepared, without pixel norm

    def __init__(self, twin: nn.Module, latent_dim: int, label_dim: int, output: str):
        super().__init__()
        self.module = twin
        # before the first run: a configuration that says how to make one
        self.config = AdaptedConfig(type(twin).__name__, 0, 3, latent_dim, label_dim, output)
        self._found: dict[str, tuple[bool, bool]] = {}  # by point: `Start.is_whole` and `needs_labels`
        with torch.no_grad():
            trace = self._trace()
        named = named_steps(trace.steps)
        self._maps = {step.number: step for step in named if step.is_map}
        self._numbers = {step.name: number for number, step in self._maps.items()}
        units = unit_steps(named, trace.output)
        self._before = {f"{unit.name}:pre": before_bend(unit, named) for unit in units}
        if not units:
            raise ValueError(f"{self.config.module} has no layer that gives maps: there are no units to look at")
        self.specs = tuple(LayerSpec(s.name, "conv", s.shape[-1], 0, s.shape[1]) for s in units)
        output, last = self.config.output, named[trace.output].operation
        self.config = replace(
            self.config,
            channels=tuple(spec.out_features for spec in self.specs),
            output="linear" if output == "tanh" and last == "tanh" else output,
            output_range="unit" if last == "sigmoid" else "signed",
        )

    # ---- what it is ----------------------------------------------------------------------------------------------

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers whose activations are units: each weighted operation's result after its non-linearity, in order."""
        return tuple(spec.name for spec in self.specs)

    @property
    def points(self) -> tuple[str, ...]:
        """Every point that can be kept, edited, started from and stopped at, in order.

        "8x8/main.5:pre", what enters a layer's non-linearity, is another name of one of them.
        """
        return (LATENT, *self._numbers)

    @property
    def resolution(self) -> int:
        """The pictures' side in pixels."""
        return self.config.resolution

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The one size of its pictures."""
        return (self.config.resolution,)

    @property
    def device(self) -> torch.device:
        return next((tensor.device for tensor in self.module.state_dict().values()), torch.device("cpu"))

    def moment(self, resolution: int | None = None, alpha: float | None = None) -> tuple[int, float]:
        """(resolution, 1.0): such a generator does not grow. Raises ValueError for another size and for a fade."""
        if resolution not in (None, self.resolution):
            raise ValueError(f"this generator makes pictures of {self.resolution} pixels, not {resolution}")
        if alpha is not None and not 0 <= float(alpha) <= 1:
            raise ValueError(f"alpha is the weight of the newer resolution, 0 to 1, not {alpha}")
        return self.resolution, 1.0

    def prepared(self, dtype: torch.dtype = torch.float32) -> AdaptedGenerator:
        """Itself: a module of unknown kind has no other form."""
        return self

    def variant(self, pixel_norm: str = "on", equalized: bool = True) -> AdaptedGenerator:
        """Itself. Raises ValueError where another network is asked for: pixel norm and c are PGGAN's."""
        if pixel_norm != "on" or not equalized:
            raise ValueError(f"{self.config.module} has neither pixel norm nor an equalized scale to change")
        return self

    def train(self, mode: bool = True) -> AdaptedGenerator:
        """Stays in eval mode: pictures of one latent must not depend on the others of its batch."""
        return super().train(False)

    # ---- a walk --------------------------------------------------------------------------------------------------

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        *,
        resolution: int | None = None,
        alpha: float | None = None,
    ) -> Tensor:
        """Latents N x latent_dim to pictures N x 3 x r x r in [-1, 1], unclamped; labels as for PGGAN's generator."""
        images = self.run(z, labels=labels, resolution=resolution, alpha=alpha).images
        assert images is not None  # without `stop` a walk ends at the picture
        return images

    def run(
        self,
        z: Tensor | None,
        *,
        labels: Tensor | None = None,
        resolution: int | None = None,
        alpha: float | None = None,
        keep: Sequence[str] = (),
        edits: Mapping[str, Sequence[Edit]] | None = None,
        start: tuple[str, Tensor] | None = None,
        stop: str | None = None,
    ) -> Run:
        """Walk through the module as `Generator.run` does; kept activations are copies, N x C x h x w float32.

        A walk that starts at a layer needs z as well if other branches pass that layer by. Raises ValueError for a
        name that is no point, and where the module takes another way than in the traced run.
        """
        self.moment(resolution, alpha)
        edits, asked = edits or {}, (*keep, *filter(None, [stop]))
        keep, stop = [self._before.get(name, name) for name in keep], self._before.get(stop or "", stop)
        start = (self._before.get(start[0], start[0]), start[1]) if start else None
        for name in [*keep, *edits, *(start or ())[:1], *filter(None, [stop])]:
            if name not in self._numbers and name != LATENT:
                raise ValueError(f"there is no layer {name} on the way to {self.resolution}x{self.resolution}")
        if start is not None and start[0] == LATENT:
            z, start = start[1], None
        begin = None
        if start is not None:
            begin = self._start(*start)
            if z is None and not begin.is_whole:
                raise ValueError(f"a branch passes {start[0]} by: a walk that starts there needs z, which is None")
            if z is None:  # nothing depends on it
                z, classes = self._sample([0] * len(start[1]))
                labels = labels if labels is not None or begin.needs_labels else classes
        z, labels = self._inputs(z, labels)
        for edit in edits.get(LATENT, ()):
            z = edit(z)
        walk = Walk(self._maps, len(z), keep=keep, edits=edits, start=begin, stop=stop)
        images = None
        with suppress(Stopped):
            if LATENT in (*keep, stop):
                walk.kept[LATENT] = z.clone()
            if stop != LATENT:
                images = self._picture(self._images(z, labels, walk if walk.wanted else nullcontext()))
        there = {name: self._before.get(name, name) for name in asked}
        return Run(images, {name: walk.kept[point] for name, point in there.items() if point in walk.kept})

    def _images(self, z: Tensor, labels: Tensor | None, walk: AbstractContextManager) -> Tensor:
        inputs = FORMS[self.config.inputs](z, labels)  # before the walk begins to count
        with walk:
            return first_picture(self.module(*inputs))

    def _start(self, name: str, activation: Tensor) -> Start:
        """A walk's start. What else the pictures depend on is found once a point, by latents that may not matter."""
        step = self._maps[self._numbers[name]]
        if activation.shape[1:] != step.shape[1:]:
            given, layer = (" x ".join(map(str, shape[1:])) for shape in (activation.shape, step.shape))
            raise ValueError(f"{name} has maps of {layer}, not of {given}")
        activation = activation.to(self.device)
        if name not in self._found:
            one, seen = Start(name, step.number, activation[:1].detach(), False, True), []
            for seed, label in ((0, 0), (1, 0), (1, 1)):
                z, labels = self._inputs(self._sample([seed])[0], self._sample([label])[1])
                with torch.no_grad():
                    seen.append(self._images(z, labels, Walk(self._maps, 1, start=one)))
            self._found[name] = torch.equal(seen[0], seen[1]), not torch.equal(seen[1], seen[2])
        return Start(name, step.number, activation, *self._found[name])

    def _inputs(self, z: Tensor | None, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        z = z if z is None else as_tensor(z, "latents").to(self.device, torch.float32 if first is None else first.dtype)
        return split_labels(z, labels, self.config.latent_dim, self.config.label_dim)

    def _picture(self, y: Tensor) -> Tensor:
        y = y.float()
        if self.config.output_range == "unit":
            y = 2 * y - 1
        y = {"linear": lambda x: x, "tanh": torch.tanh, "clamp": lambda x: x.clamp(-1, 1)}[self.config.output](y)
        return y.expand(-1, 3, -1, -1) if y.shape[1] == 1 else y

    # ---- the traced run ------------------------------------------------------------------------------------------

    def _sample(self, seeds: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        classes = self.config.label_dim
        labels = one_hot(torch.tensor([seed % classes for seed in seeds]), classes) if classes else None
        return latents_from_seeds(seeds, self.config.latent_dim), labels

    def _trace(self) -> Trace:
        """Run the module in each of the forms in which modules take their inputs, until one gives pictures."""
        failures = []
        z, labels = self._inputs(*self._sample(range(TRACED)))
        for form in FORMS:
            if (form in PLAIN_FORMS) != (self.config.label_dim == 0):
                continue
            try:
                trace = Trace(self.module)
                images = trace.run(FORMS[form](z, labels))
                self._check_picture(images)
            except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError) as error:
                failures.append(str(error).strip().split("\n")[0] or type(error).__name__)
                continue
            if not torch.equal(images, first_picture(self.module(*FORMS[form](z, labels)))):
                raise ValueError(
                    f"{self.config.module} draws random numbers: the same latents gave two different pictures"
                )
            self.config = replace(self.config, inputs=form, resolution=images.shape[-1])
            return trace
        why = next((failure for failure in failures if failure.startswith("it gives")), failures[0])
        takes = f"latents N x {self.config.latent_dim}"
        takes += f" and labels N x {self.config.label_dim}" if self.config.label_dim else ""
        raise ValueError(f"{self.config.module} does not make pictures of {takes}: {why}"[:400])

    def _check_picture(self, images: object) -> None:
        shape = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        if (
            not isinstance(images, Tensor)
            or images.dim() != 4
            or len(images) != TRACED
            or images.shape[1] not in (1, 3)
        ):
            raise ValueError(f"it gives {shape}, pictures {TRACED} x 3 x H x W were expected")
        if images.shape[2] != images.shape[3]:
            raise ValueError(f"it gives pictures of {shape[2]} x {shape[3]} pixels; only square ones are known")

"""The generator of Progressive GAN as an ordered list of named layers, and a run as a walk through it.

    from pgan_core import Generator, GeneratorConfig
    generator = Generator(GeneratorConfig(resolution=64, channels=(128, 128, 96, 64, 32), latent_dim=64), seed=0)
    images = generator(z)                                         # N x 3 x 64 x 64, unclamped
    images = generator(z, resolution=32, alpha=0.35)              # a moment of the fade from 16 to 32
    result = generator.run(z, keep=["8x8/conv1"], edits={"8x8/conv1": [edit]})
    again = generator.run(z, start=("8x8/conv1", result.activations["8x8/conv1"]))    # the same pictures, to the bit

A walk passes three points at each layer: ``8x8/conv1:pre`` enters the non-linearity, ``8x8/conv1`` leaves it, and
``8x8/conv1:norm`` leaves pixel norm. Where a network norms first (rosinality), ``:norm`` stands before the
non-linearity and is the same tensor as ``:pre``. ``latent`` is the input after its own normalisation, ``8x8/rgb`` a
picture before blending. Nothing is mutated: one generator serves many threads.

Section 2 and table 2 of Karras et al. 2018.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from pgan_core.generator_config import GeneratorConfig, GeneratorLayer, generator_layers
from pgan_core.layers import (
    LayerDict,
    LayerWeights,
    batch_norm,
    local_response_norm,
    pixel_norm,
    upsample,
)
from pgan_core.network import Alpha, Network, as_tensor, blended, is_fade, split_labels
from pgan_core.prepared import PreparedForm, folded_layers

OnePass = Callable[[Tensor, Tensor], Tensor]  # a map N x C x H x W and a bias C: LeakyReLU and pixel norm of the sum
Edit = Callable[[Tensor], Tensor]  # an activation N x C x H x W to its edited form; see dissection.interventions


@dataclass
class Run:
    """What a walk gives: ``images`` N x C x r x r (None if it stopped before) and the kept activations by name."""

    images: Tensor | None = None
    activations: dict[str, Tensor] = field(default_factory=dict)


class Generator(Network[GeneratorConfig, GeneratorLayer]):
    """The paper's generator: latent to picture through named layers. See the module's opening lines for its use."""

    PICTURES, RGB_KIND = "this generator makes pictures of", "rgb"
    label_embedding: Tensor | None

    def __init__(
        self,
        config: GeneratorConfig,
        weights: Mapping[str, LayerWeights] | None = None,
        *,
        seed: int = 0,
        label_embedding: Tensor | None = None,
    ):
        """weights by layer name as a checkpoint stores them, or None for a fresh N(0, 1) network from ``seed``."""
        super().__init__(config, generator_layers(config), weights, seed)
        self.norm_kind, self.fused = "on", False  # changed only in a variant
        self.one_pass: OnePass | None = None
        self.form: PreparedForm | None = None  # of a prepared generator
        if config.label_embedding and label_embedding is None:
            label_embedding = torch.eye(config.label_dim)
        self.label_embedding = nn.Parameter(label_embedding) if label_embedding is not None else None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers whose activations are units in the sense of GAN Dissection: all but to-RGB, in order."""
        return tuple(s.name for s in self.specs if s.kind != "rgb")

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        *,
        resolution: int | None = None,
        alpha: Alpha | None = None,
    ) -> Tensor:
        """Latents N x latent_dim to pictures N x C x r x r in [-1, 1], unclamped.

        Without ``resolution`` the stored moment is rendered and enlarged to full size, as the official code does.
        labels: N x label_dim one-hot, or N class indices; a z that already has them appended is accepted.
        Numpy arrays, other kinds of numbers and tensors on another device are converted.
        """
        images = self.run(z, labels=labels, resolution=resolution, alpha=alpha).images
        assert images is not None  # without `stop` a walk ends at the picture
        return upsample(images, self.resolution // images.shape[-1]) if resolution is None else images

    def run(
        self,
        z: Tensor | None,
        *,
        labels: Tensor | None = None,
        resolution: int | None = None,
        alpha: Alpha | None = None,
        keep: Sequence[str] = (),
        edits: Mapping[str, Sequence[Edit]] | None = None,
        start: tuple[str, Tensor] | None = None,
        stop: str | None = None,
    ) -> Run:
        """Walk through the layers; nothing of the network changes.

        keep: points whose tensors are returned, as they are before edits.  edits: layer name to edits, applied in
        order to the activation after the non-linearity.  start: a point and its tensor as ``keep`` returned it; the
        walk goes on from there, its edits included, with the same result as a full run, to the bit (z may then be
        None, unless it starts inside a fading block: the old branch is made from z).  stop: a point to end at; it is
        kept, and ``images`` is None.  Raises ValueError for a name that the walk does not pass.
        """
        resolution, alpha = self.moment(resolution, alpha)
        walk, edits = list(self._walk(resolution)), edits or {}
        if self.one_pass and (keep or edits or start or stop):
            raise ValueError("this variant takes two steps in one: keep, edit, start and stop at points of another")
        points = [point for point, _ in walk]
        self._check(points, [*keep, *(start or ())[:1], *filter(None, [stop])], edits)
        new, old = rgb_name(resolution), rgb_name(resolution // 2)
        wanted = {new, *keep, stop} | ({old} if is_fade(alpha) else set())

        pictures, result = {}, Run()
        if start is None:
            x = self._enter(self._input(z, labels))
        else:
            begin = points.index(start[0])
            if start[0].endswith("/rgb") and start[0] != new:
                raise ValueError(f"a walk to {resolution}x{resolution} cannot start at {start[0]}, a side branch")
            if is_fade(alpha) and begin > points.index(old):
                pictures[old] = self._old_branch(z, labels, resolution // 2, edits, start[0])
            x = start[1]
            walk = [(start[0], self._enter), *walk[begin + 1 :]]
        for point, step in walk:
            is_picture = point.endswith("/rgb")
            if is_picture and point not in wanted:
                continue
            y = step(x)
            if point in keep or point == stop:
                result.activations[point] = self._kept(y)
            if point == stop:
                return result
            for edit in edits.get(point, ()):
                y = edit(y).to(y.dtype)
            if is_picture:
                pictures[point] = y.float()
            else:
                x = y
        result.images = self.blend(pictures.get(old), pictures[new], alpha)
        return result

    @property
    def input_dtype(self) -> torch.dtype:
        """float32 at least where the layers are prepared: latents are normalised before they are shortened."""
        return super().input_dtype if self.form is None else torch.promote_types(self.form.dtype, torch.float32)

    def variant(
        self,
        pixel_norm: str = "on",
        equalized: bool = True,
        fused: bool = False,
        one_pass: OnePass | None = None,
        float_below: int = 0,
    ) -> "Generator":
        """A changed network that shares this one's weights and mutates nothing.

        pixel_norm: "on" as it is, "off", or "lrn" (local response normalisation) or "batch" (batch normalisation) in
        its place; ``equalized=False`` computes with the stored weights, without their constants.

        Three ways that training makes the same pictures faster, to rounding: ``fused`` up-samples and convolves in one;
        ``one_pass`` adds a convolution's bias and applies LeakyReLU and pixel norm; ``float_below`` keeps layers
        smaller than so many pixels in float32 under autocast.
        """
        if pixel_norm not in ("on", "off", "lrn", "batch"):
            raise ValueError(f"pixel_norm is one of on, off, lrn, batch, not {pixel_norm!r}")
        if self.form is not None:  # its constants are folded
            raise ValueError("a prepared generator has no variants: prepare the generator's variant instead")
        twin = copy.copy(self)  # shallow: the layers are the same objects
        twin.norm_kind, twin.equalized, twin.fused, twin.float_below = pixel_norm, equalized, fused, float_below
        plain = (self.config.activation, self.config.slope, self.config.pixel_norm, pixel_norm)
        if plain == ("leaky_relu", 0.2, "after", "on") and not self.config.pixel_norm_eps_outside:
            twin.one_pass = one_pass
        return twin

    def prepared(self, dtype: torch.dtype = torch.float32) -> "Generator":
        """The inference form of this generator (see pgan_core.prepared): faster, the same pictures to rounding.

        Itself where it is prepared; raises ValueError if that is for another dtype.
        """
        if self.form is not None:
            if dtype != self.form.dtype:
                found = self.form.dtype
                raise ValueError(f"this generator is prepared for {found}: prepare the generator itself for {dtype}")
            return self
        fast = Generator.__new__(Generator)
        nn.Module.__init__(fast)  # not Generator's: the layers are made from this one's
        fast.config, fast.specs, fast.form = self.config, self.specs, PreparedForm(self.config, dtype)
        fast.norm_kind, fast.equalized, fast.fused, fast.one_pass = self.norm_kind, self.equalized, False, None
        fast.float_below = 0
        fast.layers = cast(LayerDict, folded_layers(self.specs, self.layers, self.equalized, dtype))
        embedding = self.label_embedding
        fast.register_buffer("label_embedding", None if embedding is None else embedding.detach())
        return fast.to(self.device).eval()

    # ---- the steps of a walk -------------------------------------------------------------------------------------

    def _walk(self, resolution: int) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
        """The points up to ``resolution`` in order, each with the step that leads to it from the point before."""
        yield "latent", lambda x: x
        for spec in self.specs:
            if spec.resolution > resolution:
                return
            linear = partial(self._linear, spec)
            if spec.kind == "rgb":
                yield spec.name, linear
            elif self.one_pass and spec.kind == "conv" and spec.name not in self.config.pixel_norm_skip:
                yield f"{spec.name}:pre", partial(self._linear, spec, biased=False)
                bias = self.layers[spec.name].effective_bias(self.equalized)
                yield f"{spec.name}:norm", lambda x, one_pass=self.one_pass, bias=bias: one_pass(x, bias)
            elif self.config.pixel_norm == "before":
                yield f"{spec.name}:norm", lambda x, linear=linear, spec=spec: self._norm(spec, linear(x))
                yield f"{spec.name}:pre", lambda x: x
                yield spec.name, self._nonlinearity
            else:
                yield f"{spec.name}:pre", linear
                yield spec.name, self._nonlinearity
                yield f"{spec.name}:norm", partial(self._norm, spec)

    def _linear(self, spec: GeneratorLayer, x: Tensor, biased: bool = True) -> Tensor:
        if self.form is not None:
            return self.layers[spec.name](x)
        resize = ("fused up" if self.fused else "up") if spec.upsamples else None
        return self._layer(spec, x, resize, biased)

    def _norm(self, spec: GeneratorLayer, x: Tensor) -> Tensor:
        if self.norm_kind == "lrn":
            return local_response_norm(x)
        if self.norm_kind == "batch":
            return batch_norm(x)
        if "off" in (self.norm_kind, self.config.pixel_norm) or spec.name in self.config.pixel_norm_skip:
            return x
        return self._pixel_norm(x)

    def _nonlinearity(self, x: Tensor) -> Tensor:
        return super()._nonlinearity(x) if self.form is None else self.form.nonlinearity(x)

    def _pixel_norm(self, x: Tensor) -> Tensor:
        if self.form is not None:
            return self.form.pixel_norm(x)
        return pixel_norm(x, self.config.pixel_norm_eps, self.config.pixel_norm_eps_outside)

    def _enter(self, x: Tensor) -> Tensor:
        """A walk's first tensor, in the form that the layers take."""
        return x if self.form is None else self.form.enter(x)

    def _kept(self, x: Tensor) -> Tensor:
        """A kept activation, in the form that callers get."""
        return x if self.form is None else self.form.kept(x)

    def _input(self, z: Tensor | None, labels: Tensor | None) -> Tensor:
        """Latent and labels to what enters the first layer: concatenated and normalised as the configuration says."""
        config = self.config
        z = z if z is None else as_tensor(z, "latents").to(self.device, self.input_dtype)
        z, labels = split_labels(z, labels, config.latent_dim, config.label_dim)
        norm = partial(pixel_norm, eps=config.latent_norm_eps, eps_outside=config.pixel_norm_eps_outside)
        if config.latent_norm in ("latent", "both"):
            z = norm(z)
        if labels is not None:
            z = torch.cat([z, labels if self.label_embedding is None else labels @ self.label_embedding], dim=1)
        return norm(z) if config.latent_norm in ("joint", "both") else z

    def _old_branch(self, z, labels, resolution: int, edits: Mapping, start: str) -> Tensor:
        """The coarser picture of a fade, for a walk that starts after the place where it leaves the main path."""
        if z is None:
            raise ValueError(f"{start} lies inside a fading block: its old branch is made from z, which is None")
        points = {point for point, _ in self._walk(resolution)}
        earlier = {name: todo for name, todo in edits.items() if name in points}
        stop = rgb_name(resolution)
        return self.run(z, labels=labels, resolution=resolution, alpha=1.0, edits=earlier, stop=stop).activations[stop]

    def blend(self, old: Tensor | None, new: Tensor, alpha: Alpha) -> Tensor:
        """Figure 2: (1 - alpha) * enlarged old + alpha * new, and the output function.

        old N x C x r/2 x r/2 (None outside a fade) and new N x C x r x r are pictures as ``keep`` gives "8x8/rgb".
        """
        output = {"linear": lambda x: x, "tanh": torch.tanh, "clamp": lambda x: x.clamp(-1, 1)}[self.config.output]
        if old is None:
            return output(new)
        if self.config.output_first:
            return blended(upsample(output(old)), output(new), alpha)
        return output(blended(upsample(old), new, alpha))

    def _check(self, points: Sequence[str], names: Sequence[str], edits: Mapping) -> None:
        for name in names:
            if name not in points:
                raise ValueError(f"there is no layer {name} on the way to {points[-1].split('/')[0]}")
        for name in edits:
            if name not in points or name not in self.layer_names:
                raise ValueError(f"there is no layer {name} to edit on the way to {points[-1].split('/')[0]}")


def rgb_name(resolution: int) -> str:
    """The name of the to-RGB layer at a size."""
    return f"{resolution}x{resolution}/rgb"

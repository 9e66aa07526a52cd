"""A photograph projected into a generator: the latent, and the activation of one layer, that draw it best.

    projection = project(generator, photograph)                     # 3 x H x W in [-1, 1]
    projection.image                                                # the reconstruction, 1 x 3 x R x R
    edited = projection.run(generator, {"16x16/conv0": [ablate(units, region)]})
    blend(photograph, projection.image, edited)                     # the photograph with that change in it

Three steps, as in GANPaint's apply step (Bau et al., SIGGRAPH 2019, section 3; ICCV 2019, section 3.2):

1. A first guess: the generated pictures nearest to the photograph, by the loss below.
2. From each of the best, Adam on the latent z, kept at the length that latents have; the best of them is kept.
3. Adam on the layer's activation x = x(z) + s d, where s is each unit's root mean square over those pictures: the
   loss plus NEAR times the mean of d^2, which keeps x near what some latent gives, so that units keep their meaning.

The loss of a picture a against the photograph b: with P_k, k halvings of both by averaging (a pyramid of LEVELS), and
D, the differences between neighbours to the right and below,

    loss(a, b) = 1/LEVELS sum_k ( mean |P_k a - P_k b| + EDGES mean |D P_k a - D P_k b| )

No other network looks at the pictures. What the loss cannot remove is what the generator cannot draw ("Seeing what a
GAN cannot generate"): absolute values leave it in its place, where squares would smear it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dissection.scoring.job import latents_and_labels, prepared
from pgan_core.adapters import UnitGenerator
from pgan_core.generator import Edit
from pgan_core.progress import Progress

LEVELS = 5  # sizes of the loss's pyramid: 128, 64, 32, 16, 8 pixels
EDGES = 1.0  # weight of the differences between neighbours
NEAR = 0.003  # weight of how far the layer is from what the latent gives
BATCH = 16  # generated pictures at a time
STEP = 3  # generated pictures that take as long as one step with its gradients
BRIGHTEST = 0.25  # the difference of colours that maps draw brightest
CHANGED = 0.02, 0.10  # differences, of 2, from which a change begins to be blended in, and is wholly


@dataclass(frozen=True)
class Plan:
    """How long to look: generated pictures for the first guess, starts, and steps of Adam."""

    guesses: int = 64
    starts: int = 2
    first_steps: int = 10  # from every start; the best of them goes on
    latent_steps: int = 40
    layer_steps: int = 80
    latent_rate: float = 0.08
    layer_rate: float = 0.06


@dataclass(frozen=True)
class Projection:
    """A photograph in a generator's terms.

    z: 1 x latent_dim (labels appended where there are classes).  layer, activation: the optimised one, 1 x U x h x w.
    latent_activation: what z alone gives there.  image: the reconstruction, 1 x 3 x R x R in [-1, 1], unclamped.
    latent_loss, loss: of z alone, and with the layer.
    """

    z: Tensor
    layer: str
    activation: Tensor
    latent_activation: Tensor
    image: Tensor
    latent_loss: float
    loss: float

    def run(self, generator: UnitGenerator, edits: Mapping[str, Sequence[Edit]]) -> Tensor:
        """The reconstruction after edits, 1 x 3 x R x R; only what follows the first edited layer is computed.

        What the photograph added to its layer is added to an edited one as well, so that earlier layers can be edited.
        """
        names, device = list(generator.layer_names), generator.device
        edited = [name for name in names if edits.get(name)]
        if edited and names.index(edited[0]) < names.index(self.layer):
            added = (self.activation - self.latent_activation).to(device)
            todo = {**edits, self.layer: [lambda x: x + added, *edits.get(self.layer, ())]}
            images = generator.run(self.z, edits=todo).images
        else:
            images = generator.run(self.z, start=(self.layer, self.activation.to(device)), edits=edits).images
        assert images is not None  # only a run that stops early has none
        return images


def project(
    generator: UnitGenerator,
    photograph: Tensor,
    *,
    layer: str | None = None,
    label: int | None = None,
    plan: Plan = Plan(),
    progress: Progress | None = None,
) -> Projection:
    """The projection of a photograph 3 x H x W in [-1, 1], which is brought to the generator's size.

    layer: whose activation is optimised; None: `layer_for`.  label: the class; None: that of the nearest picture.
    Deterministic. `progress` may raise, which stops the work. Raises ValueError for a picture of another shape, values
    that are no numbers, or an unknown layer.
    """
    layer = layer_for(generator) if layer is None else layer
    if layer not in generator.layer_names:
        raise ValueError(f"the generator has no layer {layer}; it has {', '.join(generator.layer_names)}")
    target = at_size(photograph, generator.resolution).to(generator.device)
    steps = plan.starts * plan.first_steps + plan.latent_steps + plan.layer_steps
    tell = _Teller(progress, plan.guesses + STEP * steps)
    starts, spread = first_guess(generator, target, layer, label, plan, tell)
    width = generator.config.latent_dim
    tried = [fit_latent(generator, target, z, width, plan.first_steps, plan.latent_rate, tell) for z in starts]
    z = min(tried, key=lambda found: found[1])[0]
    z, latent_loss = fit_latent(generator, target, z, width, plan.latent_steps, plan.latent_rate, tell)
    with torch.no_grad():
        origin = generator.run(z, stop=layer).activations[layer]
    activation = fit_layer(generator, target, z, layer, origin, spread, plan, tell)
    with torch.no_grad():
        image = generator.run(z, start=(layer, activation)).images
    assert image is not None  # a walk without `stop` ends at the picture
    return Projection(z, layer, activation, origin, image, latent_loss, float(loss(image, target)))


def layer_for(generator: UnitGenerator) -> str:
    """The layer whose activation is optimised: the last of a sixteenth of the picture's size, at least of 4 pixels.

    Later ones copy the photograph instead of drawing it, and earlier ones cannot hold it.
    """
    most = max(4, generator.resolution // 16)
    sizes = {spec.name: spec.resolution for spec in generator.specs if spec.name in generator.layer_names}
    return next((name for name in reversed(sizes) if sizes[name] <= most), generator.layer_names[0])


def at_size(photograph: Tensor, resolution: int) -> Tensor:
    """A photograph 3 x H x W in [-1, 1], its middle square, at the generator's size: 1 x 3 x R x R."""
    if photograph.dim() != 3 or photograph.shape[0] != 3 or not photograph.numel():
        raise ValueError(f"a photograph is 3 x H x W numbers, not {' x '.join(map(str, photograph.shape))}")
    if not photograph.isfinite().all():
        raise ValueError("a photograph consists of finite numbers, not of NaN or infinity")
    height, width = photograph.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photograph[None, :, top : top + side, left : left + side].float().clamp(-1, 1)
    return F.interpolate(square, (resolution, resolution), mode="bilinear", antialias=True, align_corners=False)


# ---- the loss ----------------------------------------------------------------------------------------------------


def losses(images: Tensor, target: Tensor) -> Tensor:
    """The reconstruction loss of each picture N x C x R x R against the target 1 x C x R x R; see the module: N."""
    total = torch.zeros(len(images), device=images.device)
    levels = min(LEVELS, int(math.log2(images.shape[-1])))
    for level in range(levels):
        difference = images - target
        total = total + difference.abs().mean(dim=(1, 2, 3))
        for axis in (2, 3):
            total = total + EDGES / 2 * difference.diff(dim=axis).abs().mean(dim=(1, 2, 3))
        if level < levels - 1:
            images, target = F.avg_pool2d(images, 2), F.avg_pool2d(target, 2)
    return total / levels


def loss(image: Tensor, target: Tensor) -> Tensor:
    """The same of one picture 1 x C x R x R, as one number."""
    return losses(image, target)[0]


# ---- the search --------------------------------------------------------------------------------------------------


class _Teller:
    """Turns work that is done, in generated pictures, into shares."""

    def __init__(self, progress: Progress | None, total: int):
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, work: int) -> None:
        self.done += work
        if self.progress:
            self.progress(self.done / self.total)


@torch.no_grad()
def first_guess(
    generator: UnitGenerator, target: Tensor, layer: str, label: int | None, plan: Plan, tell: _Teller
) -> tuple[list[Tensor], Tensor]:
    """The latents (1 x D each) of the generated pictures nearest to the target, the nearest first; and the root
    mean square of the layer's units over all of them, 1 x U x 1 x 1.
    """
    fast, found, values = prepared(generator), [], []
    z = latents_and_labels(generator, range(plan.guesses), label)
    for some in z.split(BATCH):
        run = fast.run(some, keep=[layer])
        assert run.images is not None  # a walk without `stop` ends at the pictures
        found.append(losses(run.images, target))
        values.append(run.activations[layer].square().mean(dim=(2, 3)))
        tell(len(some))
    order = torch.cat(found).argsort(stable=True)[: plan.starts].tolist()
    spread = torch.cat(values).mean(dim=0).sqrt().clamp_min(1e-6)[None, :, None, None]
    return [z[i : i + 1] for i in order], spread


def fit_latent(
    generator: UnitGenerator, target: Tensor, start: Tensor, width: int, steps: int, rate: float, tell: _Teller
) -> tuple[Tensor, float]:
    """Adam on the first `width` numbers of a latent (labels stand behind them), kept at their usual length: the best
    latent that was seen, and its loss.
    """
    free, fixed = start[:, :width].clone(), start[:, width:]
    best, best_loss = start, math.inf

    def drawn(free: Tensor) -> Tensor:
        return torch.cat([free * (math.sqrt(width) / free.norm().clamp_min(1e-8)), fixed], dim=1)

    for parameter in descent(free, steps, rate):
        z = drawn(parameter)
        value = loss(_image(generator, z), target)
        if float(value.detach()) < best_loss:
            best, best_loss = z.detach(), float(value.detach())
        (parameter.grad,) = torch.autograd.grad(value, [parameter])
        tell(STEP)
    return best, best_loss


def fit_layer(
    generator: UnitGenerator, target: Tensor, z: Tensor, layer: str, origin: Tensor, spread: Tensor, plan: Plan,
    tell: _Teller,
) -> Tensor:  # fmt: skip
    """Adam on a layer's activation from `origin`: origin + spread d, with NEAR mean d^2 added to the loss."""
    moved = torch.zeros_like(origin)
    for parameter in descent(moved, plan.layer_steps, plan.layer_rate):
        value = loss(_image(generator, z, (layer, origin + spread * parameter)), target)
        (parameter.grad,) = torch.autograd.grad(value + NEAR * parameter.square().mean(), [parameter])
        tell(STEP)
    return origin + spread * moved


def _image(generator: UnitGenerator, z: Tensor, start: tuple[str, Tensor] | None = None) -> Tensor:
    images = generator.run(z, start=start).images
    assert images is not None  # a walk without `stop` ends at the picture
    return images


def descent(parameter: Tensor, steps: int, rate: float) -> Iterator[Tensor]:
    """Steps of Adam on a tensor, in place, with a rate that rises over a tenth of them and falls to 0 as a cosine.

    The caller puts the gradient into the `grad` of what it gets before it asks for the next.
    """
    free = parameter.requires_grad_()
    adam = torch.optim.Adam([free], lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        share = step / steps
        adam.param_groups[0]["lr"] = rate * min(1.0, 10 * (share + 1 / steps)) * (1 + math.cos(math.pi * share)) / 2
        yield free
        adam.step()
    parameter.requires_grad_(False)


# ---- back into the photograph ------------------------------------------------------------------------------------


def blend(photograph: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """The photograph with a change in it: photograph + mask (after - before), in [-1, 1].

    before, after: the reconstruction without and with edits, N x C x R x R; they are enlarged to the photograph's
    N x C x H x W.  The mask is `changed`.
    """
    size = (photograph.shape[2], photograph.shape[3])
    before, after = before.clamp(-1, 1), after.clamp(-1, 1)
    change = changed(before, after) * (after - before)
    if change.shape[2:] != size:
        change = F.interpolate(change, size, mode="bicubic", align_corners=False)
    return (photograph + change).clamp(-1, 1)


def changed(before: Tensor, after: Tensor) -> Tensor:
    """Where two pictures N x C x R x R differ, N x 1 x R x R: 0 up to CHANGED[0], 1 from CHANGED[1], smooth between.

    The difference is the largest of the colours, averaged over 3 x 3 pixels.
    """
    difference = (after - before).abs().amax(dim=1, keepdim=True)
    difference = F.avg_pool2d(difference, 3, stride=1, padding=1, count_include_pad=False)
    share = ((difference - CHANGED[0]) / (CHANGED[1] - CHANGED[0])).clamp(0, 1)
    return share * share * (3 - 2 * share)


def difference(photograph: Tensor, image: Tensor) -> Tensor:
    """What the network cannot draw: the mean difference of the colours, N x R x R in 0 to 1."""
    return (photograph - image.clamp(-1, 1)).abs().mean(dim=1) / 2

"""docs/PHOTOGRAPHS.md: a drawn house that no network has seen, projected, edited, and the change put back into it.

    python -m dissection.photograph_report --out docs

The house is a scene of a town that neither the generator nor the segmenter was trained on, drawn at twice the
generator's size. The door's units and levels are those that `python -m dissection causes` chose on generated pictures.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from dissection import projection
from dissection.effects.causal_results import FILE, CausalResults
from dissection.effects.proposals import ADD, Proposal
from dissection.output.overlays import heat
from dissection.projection import Plan, Projection, at_size, blend, changed, difference, project
from dissection.segmenters.toytown import load_toytown
from dissection.world.canvas import CONCEPTS
from dissection.world.rules import UNSEEN_SCENES
from dissection.world.scenes import scene
from pgan_core.adapters import UnitGenerator
from pgan_core.machine import processor
from pgan_core.models import load_generator
from pgan_core.paths import ASSETS
from pgan_core.pictures import contact_sheet, encode, enlarge, to_floats, to_uint8
from pgan_core.shell import check_folder, one_sentence

SCENE, SIZE = 142, 256
BRUSH = 62, 84, 72, 100  # left, top, right, bottom of the stroke, in pixels of the generator's picture
CONCEPT = "door"
SHOWN = 256  # pixels of a picture on the page


@dataclass(frozen=True)
class Try:
    """A photograph 1 x 3 x S x S, its projection, and what a stroke makes of both."""

    photograph: torch.Tensor
    found: Projection
    edited: torch.Tensor  # the reconstruction after the stroke, 1 x 3 x R x R
    blended: torch.Tensor  # 1 x 3 x S x S
    seconds: float

    @property
    def small(self) -> torch.Tensor:
        """The photograph at the generator's size."""
        return at_size(self.photograph[0], self.found.image.shape[-1])


def attempt(
    generator: UnitGenerator, number: int, brush: tuple[int, int, int, int], proposal: Proposal, size: int = SIZE
) -> Try:
    """Project a scene, set the proposal's units to its levels under the brush, and blend the change back."""
    photograph = to_floats(scene(UNSEEN_SCENES, size, number)[0][None])
    start = time.perf_counter()
    found = project(generator, photograph[0])
    seconds = time.perf_counter() - start
    region = torch.zeros(generator.resolution, generator.resolution)
    left, top, right, bottom = brush
    region[top:bottom, left:right] = 1
    with torch.inference_mode():
        edited = found.run(generator, {proposal.layer: [proposal.edit(region)]})
    return Try(photograph, found, edited, blend(photograph, found.image, edited), seconds)


def sheets(done: Try) -> dict[str, np.ndarray]:
    """The two rows of pictures of the page: what is projected, and what is edited."""
    missing = difference(done.small, done.found.image)[0].numpy()
    mask = changed(done.found.image.clamp(-1, 1), done.edited.clamp(-1, 1)) * 2 - 1
    rows = {
        "projection": [done.small, done.found.image, heat(missing, 0, projection.BRIGHTEST)[None]],
        "door": [done.edited, mask, done.photograph, done.blended],
    }
    return {name: _row(row) for name, row in rows.items()}


def _row(pictures: list[torch.Tensor | np.ndarray]) -> np.ndarray:
    shown = [one if isinstance(one, np.ndarray) else to_uint8(one) for one in pictures]
    return contact_sheet(np.concatenate([enlarge(one, SHOWN) for one in shown]), len(shown), gap=6, background=255)


def page(done: Try, proposal: Proposal, doors: tuple[int, ...], machine: str) -> str:
    """The page as Markdown. doors: segmented pixels of the concept in the photograph, before and after."""
    plan, found = Plan(), done.found
    missing = float(difference(done.small, found.image).mean())
    size = found.image.shape[-1]
    return f"""# Photographs

A picture that the network did not make can be put into its terms, edited there like any of its own, and the change put
back into the picture (Interventions, "a photograph"). This page is made by one command:

```
python -m dissection.photograph_report --out docs
```

## A house that no network has seen

Scene {SCENE} of the town of seed {UNSEEN_SCENES}, on which neither the generator nor the segmenter was trained. From
left to right: the photograph at the network's {size} pixels, what the network makes of it, and where the two differ
(dark to yellow: 0 to {projection.BRIGHTEST:.0%}; {missing:.1%} on average).

![the photograph, its reconstruction, and their difference](photographs/projection.webp)

| | loss |
| --- | ---: |
| the best latent | {found.latent_loss:.4f} |
| with the activation of `{found.layer}` | {found.loss:.4f} |

## The loss

A picture $a$ is compared with the photograph $b$ at {projection.LEVELS} sizes, each half of the one before:
$P_k$ averages $2^k \\times 2^k$ pixels, and $D$ takes the differences between neighbours to the right and below.

$$
L(a, b) = \\frac{{1}}{{{projection.LEVELS}}} \\sum_{{k=0}}^{{{projection.LEVELS - 1}}}
\\Big( \\overline{{|P_k a - P_k b|}} + {projection.EDGES:g} \\cdot \\overline{{|D P_k a - D P_k b|}} \\Big)
$$

The search has three steps, as in GANPaint's apply step (Bau et al., SIGGRAPH 2019, section 3):

1. The {plan.guesses} pictures of the first seeds are compared, and the {plan.starts} nearest are starts.
2. Adam on the latent $z$, which keeps its length: {plan.first_steps} steps from each start, then {plan.latent_steps}
   from the better one.
3. Adam on the activation of `{found.layer}`, {plan.layer_steps} steps: $x = x(z) + s\\,d$, with $s$ the root mean
   square of each unit over those pictures. It minimises $L + {projection.NEAR:g} \\cdot \\overline{{d^2}}$: near what a
   latent gives, units keep their meaning.

No other network looks at the pictures. Absolute values leave what the network cannot draw in its place; squares would
smear it.

## What the network cannot draw

Of one photograph, it is the map above ("Seeing what a GAN cannot generate", Bau et al., ICCV 2019). Over many pictures,
it is the share of every concept, real against generated, with intervals: Quality, "Concepts", and
[MODEL.md](MODEL.md#does-it-know-the-world).

## A {CONCEPT} is added

{len(proposal.units)} units of `{proposal.layer}` are set to the levels that `python -m dissection causes` chose to add
a {CONCEPT}, under one stroke on the wall. What this changes in the reconstruction is added to the photograph, here of
{SIZE} pixels a side. A mask fades out changes below {projection.CHANGED[1] / 2:.0%} of the range of colours and drops
those below {projection.CHANGED[0] / 2:.0%}; all other pixels of the photograph stay as they are. From left to right:
the edited reconstruction, the mask, the photograph, and the photograph with the change. The segmenter finds {doors[0]}
pixels of {CONCEPT} before and {doors[1]} after, both at {size}x{size}.

![the edited reconstruction, the mask, the photograph before and after](photographs/door.webp)

## Time

{done.seconds:.1f} s for the projection at {size}x{size}: {machine}.
"""


def door_pixels(pictures: list[torch.Tensor], size: int) -> tuple[int, ...]:
    """Segmented pixels of the concept in each picture, brought to one size."""
    labels = load_toytown()(torch.cat([at_size(picture[0], size) for picture in pictures]))
    return tuple(int((one == CONCEPTS.index(CONCEPT)).sum()) for one in labels)


def this_machine() -> str:
    """Processor, threads and date."""
    return f"{processor()}, {torch.get_num_threads()} threads, {datetime.now(UTC):%d %B %Y}"


def main(arguments: list[str] | None = None) -> None:
    """Projects, measures, and writes the page and its pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m dissection.photograph_report", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs"))
    args = parser.parse_args(arguments)
    with one_sentence():
        check_folder(args.out)
        generator = load_generator("toytown128")
        proposal = CausalResults.load(ASSETS / "interventions" / FILE).proposal(CONCEPT, ADD)
        if proposal is None:
            raise ValueError(f"No units that add a {CONCEPT} were chosen: python -m dissection causes.")
        done = attempt(generator, SCENE, BRUSH, proposal)
        doors = door_pixels([done.photograph, done.blended], generator.resolution)
        folder = args.out / "photographs"
        folder.mkdir(parents=True, exist_ok=True)
        for name, sheet in sheets(done).items():
            (folder / f"{name}.webp").write_bytes(encode(sheet, "WEBP", quality=85))
        text = page(done, proposal, doors, this_machine())
        (args.out / "PHOTOGRAPHS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

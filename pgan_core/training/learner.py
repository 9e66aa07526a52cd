"""A run in memory: networks, optimizers and the numbers that a step reads, on the CPU or on CUDA.

    learner = Learner(settings, fresh(settings), reals, device="cuda")
    learner.step(number, settings.schedule.at(kimg), images)        # one step of both networks
    learner.means()                                                 # losses and scores since the last call

The step itself is `step.training_step`. On CUDA nothing in it waits for the host: reals lie there as uint8, random
numbers are drawn there, what changes from step to step is a tensor there, and each phase of the growth is captured as
graphs that are replayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pgan_core.growth import Moment

from .data import RealImages
from .graphs import Capture
from .networks import Networks
from .processes import ALONE, Processes
from .settings import Settings, TrainingError
from .step import Acts, Batch, Where, make_optimizers, training_step
from .streams import Draws

FLOAT_BELOW = 16  # pixels: smaller layers stay in float32; they cost little, and the statistics at 4x4 are delicate
BALANCE_STEPS, BALANCE_FACTOR, BALANCE_RANGE = 256, 1.2, (0.25, 4.0)


class Learner:
    """Everything that training changes. Reals must lie on the same device."""

    def __init__(
        self,
        settings: Settings,
        networks: Networks,
        reals: RealImages,
        *,
        device: str | torch.device = "cpu",
        processes: Processes = ALONE,
        one_pass: Callable[[Tensor, Tensor], Tensor] | None = None,
    ):
        """one_pass: see `Generator.variant`; None: the Triton kernel on CUDA where Triton is."""
        self.settings, self.reals, self.processes = settings, reals, processes
        self.device = torch.device(device)
        on_cuda = self.device.type == "cuda"
        if on_cuda:
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
            one_pass = one_pass or triton_kernel()
        self.networks = networks.to(self.device, channels_last=settings.channels_last or on_cuda)
        self.optimizers = make_optimizers(networks, settings, self.device)
        self.fast = (
            networks.generator.variant(fused=True, one_pass=one_pass, float_below=FLOAT_BELOW),
            networks.discriminator.variant(float_below=FLOAT_BELOW),
        )
        self.draws = Draws(settings.seed, self.device)
        number = partial(torch.zeros, (), device=self.device)
        self.alpha, self.gamma, self.average_weight = number(), number(), number()
        self.sums = torch.zeros(len(Acts.NOTES), dtype=torch.float64, device=self.device)
        self.counts = {"steps": 0, "penalties": 0}  # that the sums are over
        self.rate_factor = 1.0  # halved where the run diverged
        self.gamma_factor = 1.0  # moved by the balance
        self.balance_sum, self.balance_steps = number(dtype=torch.float64), 0
        self.phase: tuple | None = None
        self._captures: dict[bool, Capture] = {}
        self._graphs = on_cuda and processes.count == 1

    # ---- a step ----------------------------------------------------------------------------------------------------

    def step(self, number: int, moment: Moment, images: int) -> Acts:
        """One step of both networks. images: seen before it. What it gives is overwritten by the next on CUDA."""
        self.enter(moment, images)
        self.reals.provide(images, moment.minibatch)
        self._set(moment, images)
        self.draws.begin(number)
        regularize = self.settings.regularizes(number)
        self.counts["steps"] += 1
        self.counts["penalties"] += regularize or self.settings.loss_kind.penalty == "between"
        acts = self._captures[regularize].replay() if self._graphs else self._step(moment, regularize)
        self._keep_balance()
        return acts

    def enter(self, moment: Moment, images: int) -> None:
        """Makes ready for a moment's phase: at each end of a fade the optimizers forget their moments.

        The official code does the same. The phase of a run that goes on is set from outside, with its moments.
        """
        if self.phase is not None and self.phase != moment.phase:
            for optimizer in self.optimizers:
                optimizer.state.clear()
            self._captures = {}
        self.phase = moment.phase
        self.reals.level(moment.resolution)
        if self._graphs and not self._captures:
            self.reals.provide(images, moment.minibatch)
            self._set(moment, images)
            kinds = {self.settings.regularizes(number) for number in range(self.settings.r1_every)}
            self._captures = {kind: Capture(partial(self._step, moment, kind), self._tensors) for kind in kinds}

    def _step(self, moment: Moment, regularize: bool) -> Acts:
        """What is captured: it reads and writes tensors alone."""
        acts = training_step(
            self.networks,
            self.optimizers,
            self._draw(moment),
            self.where(moment),
            self.settings,
            gamma=self.gamma,
            average_weight=self.average_weight,
            regularize=regularize,
            processes=self.processes,
        )
        notes = acts.notes()
        self.sums.add_(notes)
        self.balance_sum.add_(notes[0])
        return acts

    def _draw(self, moment: Moment) -> Batch:
        """This process's part of the step's reals, latents and mixing factors."""
        share, size = self.processes.share, moment.minibatch
        alpha = self.alpha if moment.fading else 1.0
        reals = self.reals.batch(size, resolution=moment.resolution, alpha=alpha, draws=self.draws, share=share)
        latents = share(self.draws.normal("latents", size, self.networks.generator.config.latent_dim))
        between = self.settings.loss_kind.penalty == "between"
        return Batch(reals, latents, share(self.draws.uniform("mixing", size, 1, 1, 1)) if between else None)

    def where(self, moment: Moment) -> Where:
        alpha = self.alpha if moment.fading else 1.0
        return Where(moment.resolution, alpha, *self.fast, self._precision)

    def _precision(self):
        enabled = self.settings.precision == "bfloat16"
        # autocast must not remember shortened weights: a graph would keep the first ones
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)

    def _set(self, moment: Moment, images: int) -> None:
        """The numbers that a step reads."""
        self.alpha.fill_(moment.alpha)
        self.gamma.fill_(self.settings.gamma(moment) * self.gamma_factor)
        self.average_weight.fill_(self.settings.average_weight(moment, images))
        rate = self.learning_rate(moment)
        for optimizer in self.optimizers:
            (group,) = optimizer.param_groups
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def learning_rate(self, moment: Moment) -> float:
        return self.settings.learning_rate(moment) * self.rate_factor

    def _keep_balance(self) -> None:
        """Every 256 steps: a stronger penalty where the discriminator's loss is below its bounds, a weaker one above.

        A discriminator that is too sure has a small loss; the penalty holds it back.
        """
        self.balance_steps += 1
        if self.balance_steps < BALANCE_STEPS:
            return
        if self.settings.balance:
            mean = self.processes.mean_of(self.balance_sum / self.balance_steps)
            low, high = self.settings.balance
            change = BALANCE_FACTOR if mean < low else 1 / BALANCE_FACTOR if mean > high else 1.0
            self.gamma_factor = min(max(self.gamma_factor * change, BALANCE_RANGE[0]), BALANCE_RANGE[1])
        self.balance_sum.zero_()
        self.balance_steps = 0

    # ---- what it says ----------------------------------------------------------------------------------------------

    def means(self) -> dict[str, float]:
        """Losses, scores and the minibatches' mean and spread since the last call; waits for the device."""
        found: dict[str, float] = dict(zip(Acts.NOTES, self.processes.mean_of(self.sums).tolist(), strict=True))
        for name in found:
            found[name] /= max(1, self.counts["penalties" if name == "penalty" else "steps"])
        if not self.counts["penalties"]:
            del found["penalty"]
        self.sums.zero_()
        self.counts = {"steps": 0, "penalties": 0}
        return found

    def change(self, settings: Settings) -> None:
        """Goes on with other settings of the same networks."""
        self.settings, self._captures = settings, {}

    # ---- moments to come back to -----------------------------------------------------------------------------------

    def _tensors(self) -> list[Tensor]:
        """Every tensor that a step changes."""
        found = [p for network in self.networks.by_role().values() for p in network.parameters()]
        for optimizer in self.optimizers:
            found += [x for state in optimizer.state.values() for x in state.values()]
        return [*found, self.sums, self.balance_sum]

    def is_finite(self) -> bool:
        """Whether every weight is a number; waits for the device."""
        parameters = [p.detach() for network in self.networks.by_role().values() for p in network.parameters()]
        return math.isfinite(sum(torch.stack([x.norm() for x in parameters]).tolist()))

    def remember(self) -> None:
        """The moment that `go_back` returns to."""
        self._good = self.state(copied=True)

    def go_back(self) -> None:
        """To the moment last remembered, more slowly from there: half the rate."""
        rate_factor = self.rate_factor
        self.load(self._good)
        self.rate_factor = rate_factor / 2
        self.means()

    def state(self, copied: bool = False) -> dict:
        """Weights, moments and counters, for `load`."""
        parts = {
            **{role: network.state_dict() for role, network in self.networks.by_role().items()},
            "generator_optimizer": self.optimizers[0].state_dict(),
            "discriminator_optimizer": self.optimizers[1].state_dict(),
            "sums": self.sums,
            "counts": dict(self.counts),
            "rate_factor": self.rate_factor,
            "balance": [self.gamma_factor, self.balance_sum, self.balance_steps],
            "phase": None if self.phase is None else list(self.phase),
        }
        return _copied(parts) if copied else parts

    def load(self, state: dict) -> None:
        """What `state` gave, from this or another device; a snapshot of an earlier version has no sums."""
        for role, network in self.networks.by_role().items():
            network.load_state_dict(state[role])
        for optimizer, name in zip(self.optimizers, ("generator_optimizer", "discriminator_optimizer"), strict=True):
            groups = optimizer.state_dict()["param_groups"]  # rates and options are this run's own
            optimizer.load_state_dict({"state": _copied(state[name]["state"]), "param_groups": groups})
        self._captures = {}
        if state["phase"] is not None:
            self.phase = tuple(state["phase"])
        if "sums" not in state:
            return
        if len(state["sums"]) != len(self.sums):
            raise TrainingError("The snapshot is of another version of this program.")
        self.sums.copy_(state["sums"])
        self.counts, self.rate_factor = dict(state["counts"]), state["rate_factor"]
        self.gamma_factor, self.balance_steps = state["balance"][0], state["balance"][2]
        self.balance_sum.copy_(state["balance"][1])


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def triton_kernel() -> Callable[[Tensor, Tensor], Tensor] | None:
    """The kernel of `fused`, or None where Triton is not installed."""
    try:
        from .fused import bias_leaky_norm
    except ImportError:
        return None
    return bias_leaky_norm

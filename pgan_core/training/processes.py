"""One run by several processes (`torchrun --nproc-per-node N`): each takes a share of every minibatch.

All of them draw the whole minibatch's random numbers and take their own part, and gradients are averaged before a step,
so the weights are those of one process, to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

GROUP = 4  # of the minibatch-stddev layer


@dataclass(frozen=True)
class Processes:
    """This process among `count`; number 0 is the one that writes. One process needs no group and asks for nothing."""

    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def share(self, x: Tensor) -> Tensor:
        """This process's part of a whole minibatch N x ...: whole groups of the stddev layer, strided as there.

        Sample i of N is in group i mod (N / 4); a part keeps that order, so its groups are some of the whole's.
        """
        if self.count == 1:
            return x
        columns = x.unflatten(0, (GROUP, -1)).chunk(self.count, dim=1)
        return columns[self.rank].flatten(0, 1)

    def mean(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Each tensor averaged over the processes, in one exchange."""
        there = [x for x in tensors if x is not None]
        if self.count == 1 or not there:
            return list(tensors)
        flat = torch.cat([x.reshape(-1) for x in there])
        dist.all_reduce(flat)
        parts = iter((flat / self.count).split([x.numel() for x in there]))
        return [None if x is None else next(parts).view(x.shape) for x in tensors]

    def mean_of(self, x: Tensor) -> Tensor:
        """A tensor averaged over the processes."""
        (found,) = self.mean([x])
        return x if found is None else found

    def any(self, flag: bool) -> bool:
        """Whether it is so in any of the processes."""
        if self.count == 1:
            return flag
        told = torch.tensor([float(flag)])
        dist.all_reduce(told)
        return bool(told)

    def told(self, value):
        """What the first process has, in all of them."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()


ALONE = Processes()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """The processes that torchrun started together; one where it started none."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()

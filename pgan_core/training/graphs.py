"""CUDA graphs: a step's kernels recorded once and replayed without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
WARM_UP = 3  # runs before the recording: cuDNN chooses its algorithms, Adam makes its moments


class Capture(Generic[T]):
    """`step`, which reads and writes CUDA tensors alone, as a graph. `replay` gives the tensors it returned."""

    def __init__(self, step: Callable[[], T], tensors: Callable[[], list[Tensor]]):
        """tensors: all that the step changes; warming up leaves them as they were, and zeroes those that it makes."""
        before = [(tensor, tensor.detach().clone()) for tensor in tensors()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = step()
        known = {id(tensor) for tensor, _ in before}
        with torch.no_grad():
            for tensor, kept in before:
                tensor.copy_(kept)
            for tensor in tensors():
                if id(tensor) not in known:
                    tensor.zero_()

    def replay(self) -> T:
        self.graph.replay()
        return self.result

"""Convolutions with fewer multiplications than taps, for wide layers on a CPU, where products are what takes the time.

Two identities, both exact up to rounding:

- Winograd's (Lavin and Gray 2016): a 3x3 convolution of a tile of 6x6 places to 4x4 is, between small linear maps of
  each tile, one product for each of 36 places: 2.25 multiply-adds a place, a feature and a feature where the plain form
  spends 9.
- Doubled pixels differ only at their borders. With s = w0 + w1 + w2 and d[i] = x[i+1] - x[i], nearest-neighbour 2x
  followed by the taps w0, w1, w2 is y[2i] = s x[i] - w0 d[i-1] and y[2i+1] = s x[i] + w2 d[i]: three products where two
  pairs of taps spend four; in two dimensions nine for the four places of a doubled pixel, 2.25 each, where the
  transposed convolution spends 4 and the plain form 9.

Maps here are N x H x W x C, contiguous. Both work through pieces of the map that stay in a processor's cache.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILES = 128  # a piece of Winograd's: many enough to reuse the weights, few enough for the cache (9 MB at 512 features)
PIXELS = 1024  # a piece of the differences: low-resolution pixels, 12 to 24 MB at 512 features

# F(4, 3) with the points 0, 1, -1, 1/2, -2 and infinity, which keep float32 as exact as a plain convolution:
# evaluations of a polynomial of degree 3 (outputs), of degree 2 (taps), and the inverse of those of degree 5 (inputs).
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)


def _evaluations(degree: int) -> Tensor:
    """Powers 0 to ``degree`` of each point, and of infinity, where only the highest counts: 6 x (degree + 1)."""
    rows = [[point**k for k in range(degree + 1)] for point in POINTS] + [[0.0] * degree + [1.0]]
    return torch.tensor(rows, dtype=torch.float64)


def winograd_matrices() -> tuple[Tensor, Tensor, Tensor]:
    """A^T 4 x 6, G 6 x 3, B^T 6 x 6 of y = A^T [(G g) * (B^T d)], float64: four outputs, three taps g, six inputs d."""
    return _evaluations(3).T, _evaluations(2), torch.linalg.inv(_evaluations(5)).T


class WinogradConvolution(nn.Module):
    """A 3x3 convolution that keeps the map's size (sides divisible by 4), by Winograd's F(4x4, 3x3)."""

    products: Tensor  # 36 x in x out
    inputs: Tensor  # 36 x 36
    outputs: Tensor  # 16 x 36
    bias: Tensor  # out

    def __init__(self, weight: Tensor, bias: Tensor):
        """weight: out x in x 3 x 3; bias: out."""
        super().__init__()
        outputs, taps, inputs = (matrix.to(weight.device) for matrix in winograd_matrices())
        products = torch.kron(taps, taps) @ weight.double().flatten(2).permute(2, 1, 0).flatten(1)  # 36 x (in * out)
        self.register_buffer("products", products.to(weight.dtype).view(36, weight.shape[1], -1), persistent=False)
        self.register_buffer("inputs", torch.kron(inputs, inputs).to(weight.dtype), persistent=False)
        self.register_buffer("outputs", torch.kron(outputs, outputs).to(weight.dtype), persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x H x W x in to N x H x W x out."""
        n, h, w, _ = x.shape
        x = F.pad(x, (0, 0, 1, 1, 1, 1))
        y = x.new_empty(n, h // 4, 4, w // 4, 4, len(self.bias))
        for images, rows in pieces(n, h // 4, w // 4, TILES):
            self._piece(x[images, 4 * rows.start : 4 * rows.stop + 2], y[images, rows])
        return y.reshape(n, h, w, -1)

    def _piece(self, x: Tensor, y: Tensor) -> None:
        """Padded rows of some images to whole tiles: y is n x tiles x 4 x tiles x 4 x out."""
        n, down, _, across, _, outputs = y.shape
        tiles = x.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)  # 6 x 6 x n x down x across x in
        tiles = self.inputs @ tiles.reshape(36, -1)
        tiles = torch.bmm(tiles.view(36, n * down * across, -1), self.products)
        tiles[7] += self.bias  # the place of the points (1, 1), whose value every one of the 16 outputs has once
        tiles = (self.outputs @ tiles.view(36, -1)).view(4, 4, n, down, across, outputs)
        y.copy_(tiles.permute(2, 3, 0, 4, 1, 5))


class DifferenceUpsampling(nn.Module):
    """Nearest-neighbour 2x and the 3x3 convolution that follows, from the map and its differences."""

    by_value: Tensor  # in x out
    by_down: Tensor  # in x (below or above, out)
    by_across: Tensor  # in x (right or left, out)
    by_downacross: Tensor  # in x (below or above, right or left, out)
    bias: Tensor  # out

    def __init__(self, weight: Tensor, bias: Tensor):
        """weight: out x in x 3 x 3, of the convolution at the doubled size; bias: out."""
        super().__init__()
        wide = weight.double()
        by_rows = wide.sum(2, keepdim=True), torch.stack([-wide[:, :, 0], wide[:, :, 2]], dim=2)  # s; -w0 and w2
        for rows, name in zip(by_rows, ("", "down"), strict=True):
            kept, across = rows.sum(3, keepdim=True), torch.stack([-rows[..., 0], rows[..., 2]], dim=3)
            for kernel, suffix in ((kept, ""), (across, "across")):
                matrix = kernel.permute(1, 2, 3, 0).flatten(1).to(weight.dtype)
                self.register_buffer(f"by_{name}{suffix}" if name + suffix else "by_value", matrix, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x H x W x in to N x 2H x 2W x out."""
        n, h, w, _ = x.shape
        x = F.pad(x, (0, 0, 1, 1, 1, 1))
        y = x.new_empty(n, h, 2, w, 2, len(self.bias))
        for images, rows in pieces(n, h, w, PIXELS):
            self._piece(x[images, rows.start : rows.stop + 2], y[images, rows])
        return y.reshape(n, 2 * h, 2 * w, -1)

    def _piece(self, x: Tensor, y: Tensor) -> None:
        """Padded rows of some images to y, n x h x 2 x w x 2 x out."""
        n, h, _, w, _, outputs = y.shape
        down = x[:, 1:] - x[:, :-1]
        value = torch.addmm(self.bias, x[:, 1:-1, 1:-1].reshape(n * h * w, -1), self.by_value).view(n, h, w, outputs)
        across = _product(x[:, 1:-1, 1:] - x[:, 1:-1, :-1], self.by_across).unflatten(-1, (2, outputs))
        both = _product(down[:, :, 1:] - down[:, :, :-1], self.by_downacross).unflatten(-1, (2, 2, outputs))
        down = _product(down[:, :, 1:-1], self.by_down).unflatten(-1, (2, outputs))
        for below in (0, 1):  # the upper or the lower row of a doubled pixel, and the difference it takes part in
            vertical = down[:, below : below + h, :, below].add_(value)
            for right in (0, 1):
                place = both[:, below : below + h, right : right + w, below, right].add_(vertical)
                y[:, :, below, :, right] = place.add_(across[:, :, right : right + w, right])


def _product(x: Tensor, matrix: Tensor) -> Tensor:
    """n x h x w x in times in x out."""
    return (x.reshape(-1, x.shape[-1]) @ matrix).view(*x.shape[:-1], -1)


def pieces(images: int, rows: int, width: int, most: int) -> list[tuple[slice, slice]]:
    """Slices of images and of rows that together cover a batch of maps, about ``most`` places each."""
    if rows * width <= most:
        step = max(1, most // (rows * width))
        return [(slice(i, min(i + step, images)), slice(0, rows)) for i in range(0, images, step)]
    step = max(1, most // width)
    return [(slice(i, i + 1), slice(j, min(j + step, rows))) for i in range(images) for j in range(0, rows, step)]

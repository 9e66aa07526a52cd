"""Generators in other styles than PGGAN's, as people bring them; factories for `module:factory`."""

import torch
import torch.nn.functional as F
from torch import nn

LATENT, CLASSES = 16, 3
TOML = f"""
[shapes]
file = "g.pt"
generator = "tests.own_generators:conditional"
latent-dim = {LATENT}
label-dim = {CLASSES}
output = "tanh"
"""


class Conditional(nn.Module):
    """Transposed convolutions on latent and embedded label, with batch norm, dropout and in-place activations."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(CLASSES, 8)
        self.net = nn.Sequential(
            *(nn.ConvTranspose2d(LATENT + 8, 12, 4), nn.BatchNorm2d(12), nn.LeakyReLU(0.2, True), nn.Dropout(0.3)),
            *(nn.ConvTranspose2d(12, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True)),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
        )

    def forward(self, z, labels):
        return self.net(torch.cat([z, self.embed(labels)], dim=1)[:, :, None, None])


class Block(nn.Module):
    """A residual block with functional non-linearities, whose norm is moved by the class."""

    def __init__(self, before, after):
        super().__init__()
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.short, self.norm = nn.Conv2d(before, after, 1), nn.BatchNorm2d(after)
        self.shift = nn.Embedding(CLASSES, after)

    def forward(self, x, labels):
        x = F.interpolate(x, scale_factor=2)
        y = F.dropout(F.relu(self.first(x)), 0.3, training=self.training)
        y = self.second(self.norm(y) + self.shift(labels)[:, :, None, None])
        y += self.short(x)
        return F.relu_(y)


class Residual(nn.Module):
    """Class indices in every block, a dense layer first, one channel, a sigmoid at the end."""

    def __init__(self):
        super().__init__()
        self.dense, self.last = nn.Linear(LATENT, 12 * 16), nn.Conv2d(6, 1, 3, padding=1)
        self.blocks = nn.ModuleList([Block(12, 8), Block(8, 6)])

    def forward(self, z, labels):
        assert z.dim() == 2 and z.shape[1] == LATENT
        x = self.dense(z).view(z.size(0), -1, 4, 4)
        for block in self.blocks:
            x = block(x, labels)
        return torch.sigmoid(self.last(x))


class Functional(nn.Module):
    """No layers at all: parameters and functions, and a list beside the pictures."""

    def __init__(self):
        super().__init__()
        self.kernels = nn.ParameterList(
            [torch.randn(LATENT, 10, 4, 4), torch.randn(10, 6, 4, 4), torch.randn(3, 6, 1, 1)]
        )

    def forward(self, z):
        x = torch.relu(F.conv_transpose2d(z[:, :, None, None], self.kernels[0] / 4))
        x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
        x = F.conv_transpose2d(x, self.kernels[1] / 10, stride=2, padding=1).clamp(min=0)
        return F.conv2d(x, self.kernels[2] / 4), [x]


def seeded(kind):
    """A module with weights, and statistics of batch norm, that are the same on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = kind()
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
    return module


def conditional():
    return seeded(Conditional)


def residual():
    return seeded(Residual)


def functional():
    return seeded(Functional)

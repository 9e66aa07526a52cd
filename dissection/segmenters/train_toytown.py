"""Train the Toy Town segmenter on the world's own labels, and measure it on scenes that it has never seen.

    python -m dissection.segmenters.train_toytown --out assets/segmenter_toytown.safetensors

writes the weights (float16) and, beside them, a JSON with the intersection over union (IoU) of each concept on clean
scenes, on degraded ones, and on scenes made at 64x64. Every few minutes the state is saved to `<out>.resume`; a killed
run that is started again continues from there with the same random numbers. About 25 minutes on one core.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save
from torch import Generator, Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm import tqdm, trange

from dissection.segmenters import SegmenterError
from dissection.segmenters.degrade import degrade
from dissection.segmenters.toytown import SIZE, ToyTownSegmenter, UNet, load_toytown
from dissection.world.town import CONCEPTS, town
from pgan_core.checkpoints.native import write_atomically
from pgan_core.shell import check_file, one_sentence

TRAIN_SEED, TEST_SEED = 60_001, 60_002  # towns that the shipped generators did not learn from
TEST_SCENES = 2_000
LEARNING_RATE, WEIGHT_DECAY, BATCH = 3e-3, 1e-3, 32
CLEAN_SHARE = 0.3  # of the training pictures
SAVE_EVERY = 200  # steps, some two minutes


def scenes(count: int, seed: int, title: str, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """The first `count` scenes of a town: uint8 N x 3 x size x size and N x size x size."""
    batches = list(tqdm(town(count, size, seed), total=-(-count // 256), desc=title, unit="batch"))
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return torch.from_numpy(images), torch.from_numpy(labels)


def to_float(images: Tensor) -> Tensor:
    """uint8 0..255 to float32 -1..1."""
    return images.float() / 127.5 - 1


def batch_of(images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The pictures and labels of a training step, mirrored and degraded; they depend on the step alone."""
    random = Generator().manual_seed(step)
    chosen = torch.randint(len(images), (BATCH,), generator=random)
    x, y = to_float(images[chosen]), labels[chosen]
    mirrored = torch.rand(BATCH, generator=random) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
    y = torch.where(mirrored[:, None, None], y.flip(-1), y)
    return degrade(x, y, random, 1 - CLEAN_SHARE)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus the mean over concepts of 1 - soft IoU over the batch, so that small concepts count too."""
    target = F.one_hot(labels.long() - 1, logits.shape[1]).movedim(-1, 1).float()
    p = logits.softmax(1)
    shared, p_sum, target_sum = (a.sum((0, 2, 3)) for a in (p * target, p, target))
    present = target_sum > 0
    iou = shared[present] / (p_sum + target_sum - shared)[present]
    return F.cross_entropy(logits, labels.long() - 1) + 0.5 * (1 - iou).mean()


def folded(trained: UNet) -> UNet:
    """The network with its batch norms folded into the convolutions: the same function, without the norms."""
    plain = UNet(norm=False)
    for name, block in trained.eval().named_modules():
        if isinstance(block, nn.Sequential):
            conv, norm, twin = block[0], block[1], plain.get_submodule(name)
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and isinstance(twin, nn.Sequential)
            twin[0] = fuse_conv_bn_eval(conv, norm)
        elif isinstance(block, nn.Conv2d) and block.kernel_size == (1, 1):
            plain.get_submodule(name).load_state_dict(block.state_dict())
    return plain


def save_state(path: Path, network: UNet, optimizer: torch.optim.Optimizer, settings: dict) -> None:
    """Save weights, Adam's moments and the settings, with the step among them."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{i}/{name}": value for name, value in moments.items()}
    write_whole(path, tensors, {"settings": json.dumps(settings)})


def load_state(path: Path, network: UNet, optimizer: torch.optim.Optimizer, settings: dict) -> int:
    """Load the network and the optimizer from `path`; returns the next step. SegmenterError for other settings."""
    with safe_open(path, "pt") as file:
        stored = json.loads(file.metadata()["settings"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    step = stored.pop("step")
    if stored != settings:
        raise SegmenterError(f"{path.name} belongs to a run with {stored}, not {settings}; delete it to start again.")
    network.load_state_dict({n.removeprefix("network/"): t for n, t in tensors.items() if n.startswith("network/")})
    state = optimizer.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("adam/"):
            _, i, moment = name.split("/")
            state["state"].setdefault(int(i), {})[moment] = tensor
    optimizer.load_state_dict(state)
    return step


def write_whole(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file that is never half-written."""
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def train(out: Path, steps: int, count: int) -> UNet:
    """The folded network after `steps` batches of `count` scenes; continues from `<out>.resume` if it is there."""
    torch.manual_seed(0)
    network = UNet(norm=True)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (an overload that torch's types lack)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    settings, resume = {"steps": steps, "scenes": count, "seed": TRAIN_SEED, "batch": BATCH}, Path(f"{out}.resume")
    start = load_state(resume, network, optimizer, settings) if resume.exists() else 0
    images, labels = scenes(count, TRAIN_SEED, "scenes to learn from")
    network.train()
    with trange(start, steps, initial=start, total=steps, desc="training", unit="batch") as bar:
        for step in bar:
            warm, rest = min(1, (step + 1) / 100), step / steps
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * warm * 0.5 * (1 + np.cos(np.pi * rest))
            x, y = batch_of(images, labels, step)
            loss = loss_of(network(x.contiguous(memory_format=torch.channels_last)), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if (step + 1) % SAVE_EVERY == 0:
                bar.set_postfix(loss=f"{loss.item():.3f}")
                save_state(resume, network, optimizer, settings | {"step": step + 1})
    return folded(network)


def intersection_over_union(segmenter: ToyTownSegmenter, images: Tensor, labels: Tensor, seed: int | None) -> dict:
    """IoU of each concept over all pixels of the sample; on degraded pictures if a seed is given."""
    random = Generator().manual_seed(seed or 0)
    table = torch.zeros(len(CONCEPTS), len(CONCEPTS), dtype=torch.long)
    for x, y in zip(images.split(250), labels.split(250), strict=True):
        x = to_float(x)
        if seed is not None:
            x, y = degrade(x, y, random)
        pairs = y.long() * len(CONCEPTS) + segmenter(x)
        table += torch.bincount(pairs.flatten(), minlength=table.numel()).view_as(table)
    hits = table.diag()
    iou = (hits / (table.sum(0) + table.sum(1) - hits).clamp_min(1)).tolist()
    return dict(zip(CONCEPTS[1:], (round(value, 4) for value in iou[1:]), strict=True))


def measure(path: Path, count: int = TEST_SCENES) -> dict:
    """The content of the JSON beside the weights: their IoUs on `count` scenes that they were not trained on."""
    segmenter = load_toytown(path)
    result: dict = {
        "size": SIZE,
        "parameters": sum(p.numel() for p in segmenter.network.parameters()),
        "test_scenes": count,
    }
    for name, size, seed in (("clean", SIZE, None), ("degraded", SIZE, 0), ("clean_64", 64, None)):
        images, labels = scenes(count, TEST_SEED, f"{name} scenes to measure on", size)
        iou = intersection_over_union(segmenter, images, labels, seed)
        result[name] = {"mean_iou": round(float(np.mean(list(iou.values()))), 4), "iou": iou}
    return result


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.train_toytown") -> None:
    """The command; a bad argument ends it with one sentence."""
    parser = argparse.ArgumentParser(prog=prog, description="Train the Toy Town segmenter.")
    parser.add_argument("--out", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--steps", type=int, default=1300, help=f"batches of {BATCH} pictures (default 1300)")
    parser.add_argument("--scenes", type=int, default=12_000, help="scenes to learn from (default 12000)")
    chosen = parser.parse_args(arguments)
    if min(chosen.steps, chosen.scenes) < 1:
        sys.exit("There must be at least one step and one scene.")
    begun = time.monotonic()
    with one_sentence():
        check_file(chosen.out)
    try:
        network = train(chosen.out, chosen.steps, chosen.scenes)
    except SegmenterError as error:
        sys.exit(str(error))
    recipe = {"steps": chosen.steps, "batch": BATCH, "scenes": chosen.scenes, "town_seed": TRAIN_SEED}
    metadata = {"concepts": ",".join(CONCEPTS), "recipe": json.dumps(recipe)}
    write_whole(chosen.out, {name: value.half() for name, value in network.state_dict().items()}, metadata)
    result = measure(chosen.out) | {"recipe": recipe, "minutes_of_this_run": round((time.monotonic() - begun) / 60)}
    chosen.out.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    Path(f"{chosen.out}.resume").unlink(missing_ok=True)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

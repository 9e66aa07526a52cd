"""`python -m pgan_core train`: grow a Progressive GAN on an .npz of images; the same command resumes it."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import torch

from pgan_core.growth import make_schedule
from pgan_core.network import feature_maps
from pgan_core.shell import check_folder

from .settings import CHANGEABLE, LOSSES, Settings


def by_resolution(text: str) -> dict[int, float]:
    """`64` for every resolution, or `4:64,32:32`: 64 from 4x4 up, 32 from 32x32 up."""
    if ":" not in text:
        return {4: float(text)}
    pairs = (part.split(":") for part in text.split(","))
    return {int(resolution): float(value) for resolution, value in pairs}


def whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds `train` to the commands of `python -m pgan_core`."""
    parser = subparsers.add_parser(
        "train",
        description="Grow a Progressive GAN on images. The same command resumes a run that was stopped. "
        "Values that change with the resolution are written 4:64,32:32 (64 from 4x4 up, 32 from 32x32 up).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, help=".npz with `images`, uint8 N x 3 x R x R")
    parser.add_argument("--out", required=True, type=Path, help="folder of the run")
    parser.add_argument("--resolution", type=int, help="full size; the data's own if not given")
    parser.add_argument("--feature-maps", type=whole_numbers, help="one for each size; the paper's if not given")
    parser.add_argument("--latent-dim", type=int, default=512)
    parser.add_argument("--fade-kimg", type=by_resolution, default="600", help="length of each fade")
    parser.add_argument("--steady-kimg", type=by_resolution, default="600", help="training after each fade")
    parser.add_argument("--minibatch", type=by_resolution, default="4:128,32:64,64:32,128:16,256:8,512:4")
    parser.add_argument("--learning-rate", type=by_resolution, default="4:0.001,1024:0.0015")
    parser.add_argument("--loss", choices=LOSSES, default="wgan-gp", help="logistic: with lazy R1")
    parser.add_argument("--r1-gamma", type=float, default=1.0)
    parser.add_argument("--r1-every", type=int, default=4, help="steps from one R1 penalty to the next")
    parser.add_argument("--ema-kimg", type=float, default=11.0, help="half-life of the generator's average")
    parser.add_argument("--no-mirror", action="store_true", help="do not mirror half of the images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    parser.add_argument("--threads", type=int, help="CPU threads of each worker; torch's choice if not given")
    parser.add_argument("--workers", type=int, default=1, help="threads that share each minibatch")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--layout", choices=("auto", "channels-first", "channels-last"), default="auto")
    parser.add_argument("--snapshot-minutes", type=float, default=10.0, help="a resume snapshot at least this often")
    parser.add_argument("--sample-kimg", type=float, default=10.0, help="a sample grid at least this often")
    parser.add_argument("--data-note", default="", help="where the images come from; kept in the snapshots")
    parser.add_argument("--change", action="store_true", help=f"resume with another {', '.join(CHANGEABLE)}; recorded")
    parser.set_defaults(run=run)


def choose_device(name: str) -> str:
    """`auto` is CUDA where there is one. Raises ValueError for a device that this machine does not have."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"There is no device {name} here ({str(error).splitlines()[0][:80]}).") from error
    return name


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulation is slower than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    return device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def make_settings(args: argparse.Namespace, data_resolution: int, device: str) -> Settings:
    """The recipe that the arguments describe."""
    resolution = args.resolution or data_resolution
    schedule = make_schedule(
        resolution,
        fade_kimg=args.fade_kimg,
        steady_kimg=args.steady_kimg,
        minibatch=args.minibatch,
        learning_rate=args.learning_rate,
    )
    fast = has_bfloat16(device)
    return Settings(
        schedule=schedule,
        feature_maps=args.feature_maps or feature_maps(resolution),
        latent_dim=args.latent_dim,
        loss=args.loss,
        r1_gamma=args.r1_gamma,
        r1_every=args.r1_every,
        ema_kimg=args.ema_kimg,
        mirror=not args.no_mirror,
        seed=args.seed,
        precision=("bfloat16" if fast else "float32") if args.precision == "auto" else args.precision,
        channels_last=fast if args.layout == "auto" else args.layout == "channels-last",
    )


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that Ctrl-C or a SIGTERM sets, so that the step at hand is finished and a snapshot written."""
    stop = Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def run(args: argparse.Namespace) -> int:
    """Trains to the schedule's end; a wrong file or setting ends it with one sentence."""
    from .data import RealImages
    from .loop import Trainer

    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        check_folder(args.out)
        device = choose_device(args.device)
        reals = RealImages.open(args.data, mirror=not args.no_mirror)
        trainer = Trainer(
            make_settings(args, reals.resolution, device),
            reals,
            args.out,
            device=device,
            workers=args.workers,
            snapshot_minutes=args.snapshot_minutes,
            sample_kimg=args.sample_kimg,
            data_note=args.data_note,
            change=args.change,
        )
        with stop_signals() as stop:
            finished = trainer.train(stop=stop)
    except ValueError as error:
        raise SystemExit(f"pgan_core train: {error}") from error
    if not finished:
        print(f"Stopped at a snapshot; the same command goes on from it ({args.out}).")
    return 0 if finished else 130

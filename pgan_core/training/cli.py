"""`python -m pgan_core train`: grow a Progressive GAN on images; the same command resumes it."""

from __future__ import annotations

import argparse
import errno
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import torch

from pgan_core.growth import Schedule, make_schedule
from pgan_core.models import model_file
from pgan_core.network import feature_maps
from pgan_core.shell import check_folder

from .losses import LOSSES
from .recipes import EXPLAINED, LARGEST, RECIPES
from .settings import CHANGEABLE, IN_STAGES, Course, Settings, TrainingError

if TYPE_CHECKING:
    from .data import RealImages
    from .networks import Start
    from .time_plan import TimePlan

_BETWEEN = re.compile(r"(?<=[\d.])-")  # the dash of `1.5-0.7`, not that of `1e-3`
NICENESS = 5  # of a run on a leash
MEASURE_SHARE, MEASURE_SECONDS = 0.01, 4.0  # of the time for measuring the speed at one resolution; at most so long


def by_resolution(text: str) -> dict[int, float]:
    """`64` for every resolution, or `4:64,32:32`: 64 from 4x4 up, 32 from 32x32 up."""
    if ":" not in text:
        return {4: float(text)}
    pairs = (part.split(":") for part in text.split(","))
    return {int(resolution): float(value) for resolution, value in pairs}


def course(text: str) -> Course:
    """`32:1.5-0.7,64:3-1`: from 1.5 to 0.7 at 32x32, from 3 to 1 at 64x64 and above. `1` or `3-1`: everywhere."""
    found = []
    for part in text.split(","):
        resolution, _, values = part.rpartition(":")
        first, last = ([float(value) for value in _BETWEEN.split(values)] * 2)[:2]
        if _BETWEEN.sub("", values).count("-") > values.count("e-"):
            raise ValueError(text)
        found.append((int(resolution or 4), first, last))
    return tuple(sorted(found))


def penalty_weight(text: str) -> float | Course:
    """A number, or a course of numbers."""
    return course(text) if ":" in text or _BETWEEN.search(text) else float(text)


def cooldown(text: str) -> Course:
    """`0.3`: the last 0.3 of each stage, down to a tenth of the rate; `4:0.3-0.3,128:0.45-0.05` says how far."""
    parts = [part if _BETWEEN.search(part) else f"{part}-0.1" for part in text.split(",")]
    return course(",".join(parts))


def bounds(text: str) -> tuple[float, ...]:
    """`0.25-0.5`."""
    return tuple(float(value) for value in _BETWEEN.split(text))


def whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds `train` to the commands of `python -m pgan_core`."""
    parser = subparsers.add_parser(
        "train",
        description="Grow a Progressive GAN on images. The same command resumes a run that was stopped, and so does "
        "--out alone. Values that change with the resolution are written 4:64,32:32 (64 from 4x4 up, 32 from 32x32 "
        "up). What is not given is the recipe's. Started by torchrun, several processes share each minibatch.",
    )
    add = parser.add_argument
    add("--data", help="an .npz with `images` (uint8 N x 3 x R x R), a folder or zip of pictures, or town: (fresh "
        "scenes of Toy Town; town:first=200000,repeats=25)")  # fmt: skip
    add("--out", required=True, type=Path, help="folder of the run")
    add("--from", dest="start", nargs="+", metavar="MODEL",
        help="checkpoints to go on from, of any format: files, or a model's name such as toytown128")  # fmt: skip
    add("--grow-to", type=int, help="with --from: the size to grow to; the checkpoint's own if not given")
    add("--minutes", type=float, help="time for all of it: the schedule is made to fit")
    add("--recipe", choices=RECIPES, help="; ".join(f"{name}: {what}" for name, what in EXPLAINED.items())
        + "; paper if not given, with --minutes or --from the device's")  # fmt: skip
    add("--resolution", type=int, help="full size; the data's own if not given")
    add("--feature-maps", type=whole_numbers, help="one for each size")
    add("--discriminator-maps", type=whole_numbers, help="the generator's if not given")
    add("--latent-dim", type=int)
    add("--fade-kimg", type=by_resolution, help="length of each fade, in thousand images")
    add("--steady-kimg", type=by_resolution, help="training after each fade")
    add("--minibatch", type=by_resolution)
    add("--learning-rate", type=by_resolution)
    add("--loss", choices=LOSSES, help="logistic: with lazy R1; relativistic: R3GAN's, with lazy R1 and R2")
    add("--r1-gamma", type=penalty_weight, help="weight of R1 and R2; 32:1.5-0.7,64:3-1 moves over a stage")
    add("--r1-every", type=int, help="steps from one penalty to the next")
    add("--balance", type=bounds, help="0.25-0.5: a factor on gamma keeps the discriminator's loss between these")
    add("--cooldown", type=cooldown, help="share of each stage at whose end the rate has fallen to a tenth; "
        "0.45-0.05 says to which share")  # fmt: skip
    add("--ema-kimg", type=float, help="half-life of the generator's average")
    add("--no-mirror", action="store_true", help="do not mirror half of the images")
    add("--seed", type=int, default=0)
    add("--device", default="auto", help="auto, cpu, cuda, ...")
    add("--threads", type=int, help="CPU threads of each process; torch's choice if not given")
    add("--precision", choices=("float32", "bfloat16"), help="bfloat16 where the device multiplies it, if not given")
    add("--layout", choices=("channels-first", "channels-last"))
    add("--snapshot-minutes", type=float, default=10.0, help="a resume snapshot at least this often")
    add("--sample-kimg", type=float, default=10.0, help="a sample grid at least this often")
    add("--stage-numbers", choices=("float32", "float16"), default="float32", help="of the stage files")
    add("--data-note", default="", help="where the images come from; kept in the snapshots")
    add("--watch", action="store_true", help="write what the app's page Training shows, and obey it")
    add("--leash", type=int, metavar="PID", help="stop, at a snapshot, when this parent process ends; be nice to it")
    add("--change", action="store_true", help=f"resume with another {', '.join(CHANGEABLE + IN_STAGES)}; recorded")
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


def recipe_name(args: argparse.Namespace, device: str) -> str:
    """The recipe that is asked for: by name, else the paper's, or for some minutes and for going on the device's."""
    if args.recipe or not (args.minutes or args.start):
        return args.recipe or "paper"
    return "gpu" if device.startswith("cuda") else "cpu"


def make_settings(
    args: argparse.Namespace,
    data_resolution: int,
    device: str,
    start: Start | None = None,
    stored: Mapping | None = None,
) -> Settings:
    """The recipe that the arguments describe. stored: the settings of a run that is resumed."""
    asked = vars(args)
    values = {
        name: asked[name] if asked[name] is not None else default
        for name, default in RECIPES[recipe_name(args, device)].items()
    }
    resolution = start.networks.generator.resolution if start else args.resolution or data_resolution
    lengths = {name: values.pop(name) for name in ("fade_kimg", "steady_kimg", "minibatch", "learning_rate")}
    schedule = make_schedule(resolution, **lengths)
    sizes = len(schedule.stages)
    for name in ("feature_maps", "discriminator_maps"):
        if asked[name] is None and values[name]:
            values[name] = values[name][:sizes]
    values["feature_maps"] = values["feature_maps"] or feature_maps(resolution)
    if start:
        schedule = from_size(schedule, start)
        networks = start.networks
        values |= {
            "feature_maps": networks.generator.config.channels,
            "discriminator_maps": networks.discriminator.config.channels,
            "latent_dim": networks.generator.config.latent_dim,
            "before_kimg": 20 * values["ema_kimg"] if start.kimg is None else start.kimg,
        }
    stored, fast = stored or {}, has_bfloat16(device)
    return Settings(
        schedule=schedule,
        mirror=not args.no_mirror,
        seed=args.seed,
        precision=args.precision or stored.get("precision") or ("bfloat16" if fast else "float32"),
        channels_last=args.layout == "channels-last" if args.layout else stored.get("channels_last", fast),
        **values,
    )


def from_size(schedule: Schedule, start: Start) -> Schedule:
    """A schedule that begins at the size, and in the fade, that a checkpoint has grown to."""
    made = []
    for stage in schedule.stages:
        if stage.resolution < start.resolution:
            stage = replace(stage, fade_kimg=0.0, steady_kimg=0.0)
        elif stage.resolution == start.resolution and start.alpha == 1.0:
            stage = replace(stage, fade_kimg=0.0)
        made.append(stage)
    return Schedule(tuple(made))


def asks_for_a_recipe(args: argparse.Namespace) -> bool:
    """Whether any option is given that says how to train."""
    names = [*RECIPES["paper"], "recipe", "resolution", "precision", "layout", "start", "no_mirror", "seed"]
    return any(getattr(args, name) not in (None, False, 0) for name in names)


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


def stop_with_parent(parent: int, stop: Event) -> None:
    """Sets `stop` when the parent process is gone, however it ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    stop.set()


def run(args: argparse.Namespace) -> int:
    """Trains to the schedule's end; a wrong file or setting ends it with one sentence."""
    from .processes import joined
    from .watch import watched

    if args.leash and hasattr(os, "nice"):
        os.nice(NICENESS)  # clicks in the app go first
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        check_folder(args.out)
        device = choose_device(args.device)
        with joined(device) as processes, stop_signals() as stop:
            if args.leash:
                Thread(target=stop_with_parent, args=(args.leash, stop), daemon=True).start()
            if args.watch and processes.count > 1:
                raise TrainingError("A run that is watched is one process.")
            trainer = open_run(args, device, processes)
            try:
                with watched(trainer, stop) if args.watch else nullcontext() as watch:
                    finished = trainer.train(stop=stop, watch=watch)
            finally:
                trainer.reals.close()
    except ValueError as error:
        raise SystemExit(f"pgan_core train: {error}") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sentence = (
            f"The run could not write to its folder ({error.strerror}). Nothing before its last snapshot is lost."
        )
        raise SystemExit(f"pgan_core train: {sentence}") from error
    if not finished and processes.writes:
        print(f"Stopped at a snapshot; the same command goes on from it ({args.out}).")
    return 0 if finished else 130


def open_run(args: argparse.Namespace, device: str, processes):
    """The run in the folder, or a new one. Raises ValueError, one sentence, for what cannot be."""
    from .loop import Trainer
    from .networks import open_start
    from .scenes import open_data
    from .state import load_state
    from .time_plan import TimePlan

    state = load_state(args.out / "state.pt") if (args.out / "state.pt").exists() else None
    stored = Settings.from_dict(state["settings"]) if state else None
    source: str = args.data or (state["data"].get("source", "") if state else "")
    if not source:
        raise TrainingError("Say with --data what to train on.")
    start = None
    if args.start and not state:
        start = open_start(
            [model_file(name) for name in args.start], grow_to=args.grow_to, feature_maps=args.feature_maps,
            discriminator_maps=args.discriminator_maps, seed=args.seed,
        )  # fmt: skip
    size = stored.schedule.resolution if stored else start.networks.generator.resolution if start else args.resolution
    reals = open_data(
        source, resolution=size, mirror=stored.mirror if stored else not args.no_mirror, device=device,
        seen=state["images"] if state else 0,
    )  # fmt: skip
    plan = None
    if state and state.get("time_plan"):
        plan = TimePlan(**state["time_plan"])
        plan.began = time.monotonic() if args.watch else plan.began
    elif args.minutes:
        plan = TimePlan(60 * args.minutes)
    if stored and (plan or args.start or not asks_for_a_recipe(args)):
        settings = stored
    else:
        settings = make_settings(args, _size(args, reals, plan, device), device, start, stored and stored.as_dict())
    if plan and not state:
        settings = _planned(settings, start, reals, plan, args, device, processes)
    total = settings.schedule.total_kimg
    often = {"log_kimg": total / 500, "probe_kimg": total / 60, "sample_kimg": total / 60}
    if not plan:
        often = {"sample_kimg": args.sample_kimg}
    return Trainer(
        settings,
        reals,
        args.out,
        device=device,
        processes=processes,
        start=start,
        time_plan=plan,
        snapshot_minutes=args.snapshot_minutes,
        stage_dtype=getattr(torch, args.stage_numbers),
        data_note=args.data_note,
        data_source=source,
        change=args.change,
        **often,
    )


def _size(args: argparse.Namespace, reals: RealImages, plan: TimePlan | None, device: str) -> int:
    """The resolution to grow to without asking: the data's, or what can be learned in some minutes."""
    return min(reals.resolution, LARGEST[recipe_name(args, device)]) if plan else reals.resolution


def _planned(settings, start, reals, plan, args, device, processes) -> Settings:
    """Measures the speed at every resolution, and fits the schedule to the time."""
    from .networks import fresh
    from .time_plan import measured_speeds, planned

    share = MEASURE_SHARE / 4 if args.watch else MEASURE_SHARE  # somebody waits for the first picture
    seconds = min(MEASURE_SECONDS, share * plan.seconds)
    networks = start.networks if start else fresh(settings)
    plan.speeds = processes.told(measured_speeds(settings, networks, reals, device, seconds))
    if args.watch:
        plan.began = time.monotonic()  # whoever watches counts from the first picture
    return processes.told(planned(settings, plan, choose_minibatch=args.minibatch is None))

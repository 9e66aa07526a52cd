"""A run's networks as files to ship: `python -m pgan_core.training.export --run RUN --out FOLDER`, at any time.

Every landmark that the run has passed becomes one safetensors file of the averaged generator and the discriminator in
float16; the newest networks become `final.safetensors`, in float32, and the generator as trained, from which training
goes on, `raw.safetensors` in float16. Each holds its configuration and the recipe, with the last stage as long as it
really was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from pgan_core.checkpoints import load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.shell import check_folder

from .loop import LICENCE
from .networks import restore
from .settings import Settings, TrainingError
from .state import load_state

MAX_BYTES = 40_000_000  # of all files together


def trained_recipe(settings: Settings, kimg: float) -> dict:
    """The recipe with its last stage as long as the run, which may have been stopped earlier or gone on."""
    recipe = settings.as_dict()
    recipe["schedule"][-1]["steady_kimg"] += kimg - settings.schedule.total_kimg
    return recipe


def training_seconds(run: Path) -> float:
    """Time that the run's steps took, without its pauses: each record's images at its rate."""
    seconds, before = 0.0, 0.0
    for line in (run / "log.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kimg"] > before:  # a resumed run may write a record again
            seconds, before = seconds + 1000 * (record["kimg"] - before) / record["images_per_second"], record["kimg"]
    return seconds


def export(run: Path, out: Path) -> list[Path]:
    """Writes the files and returns them in the order of growth. Raises TrainingError for a run without snapshots."""
    if not (run / "state.pt").is_file():
        raise TrainingError(f"{run} is no training run: it has no state.pt.")
    state = load_state(run / "state.pt")
    settings, kimg = Settings.from_dict(state["settings"]), state["images"] / 1000
    moment = settings.schedule.at(kimg)
    in_last_stage = moment.resolution == settings.schedule.resolution and not moment.fading
    common = {
        "recipe": trained_recipe(settings, kimg) if in_last_stage else settings.as_dict(),
        "recipe_changes": state.get("changes", []),
        "data": state["data"],
        "licence": LICENCE,
    }
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for mark in settings.schedule.landmarks()[:-1]:  # the last one is the newest snapshot, below
        source = run / "stages" / f"{mark.name}.safetensors"
        if source.is_file():
            stage = load_checkpoint(source)
            metadata = {**stage.info["metadata"], **common}
            written.append(out / source.name)
            save_checkpoint(written[-1], stage.generator, stage.discriminator, metadata=metadata, dtype=torch.float16)
    name = settings.schedule.landmarks()[-1].name if in_last_stage else f"{moment.resolution}x{moment.resolution}"
    networks = restore(state, settings).grown_to(moment.resolution, moment.alpha)
    seen = {"kimg": settings.before_kimg + kimg}
    metadata = {"stage": name, **seen, "seconds": round(training_seconds(run)), **common}
    written += [out / "final.safetensors", out / "raw.safetensors"]
    save_checkpoint(written[-2], networks.average, networks.discriminator, metadata=metadata)
    of_final = {"of": "final.safetensors", "licence": LICENCE, **seen}
    save_checkpoint(written[-1], generator_raw=networks.generator, metadata=of_final, dtype=torch.float16)
    return written


def main(arguments: list[str] | None = None, prog: str = "python -m pgan_core.training.export") -> None:
    """The command; ends with one sentence where there is nothing to export or it is too large to ship."""
    parser = argparse.ArgumentParser(prog=prog, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", required=True, type=Path, help="folder of a training run")
    parser.add_argument("--out", required=True, type=Path, help="folder for the files")
    args = parser.parse_args(arguments)
    try:
        check_folder(args.out)
        written = export(args.run, args.out)
    except ValueError as error:
        raise SystemExit(f"export: {error}") from error
    for path in written:
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    total = sum(path.stat().st_size for path in written)
    print(f"{total / 1e6:.1f} MB in all")
    if total > MAX_BYTES:
        raise SystemExit(
            f"export: {total / 1e6:.1f} MB are more than the {MAX_BYTES / 1e6:.0f} MB that may be shipped."
        )


if __name__ == "__main__":
    main()

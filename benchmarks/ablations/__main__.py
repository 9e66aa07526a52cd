"""`python -m benchmarks.ablations`: what pixel norm, minibatch stddev and growing are good for.

Trains the full recipe and the recipe without each of the three, several seeds each, and writes curves, pictures and
figures. A run that was killed goes on: the same command does what is missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.ablations.plan import FULL, RECIPES, Plan
from pgan_core.shell import check_folder
from pgan_core.training.cli import whole_numbers
from pgan_core.training.losses import LOSSES


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; what is not said is as in `Plan`."""
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablations",
        description="Train the full recipe and the recipe without each of its parts, several seeds each, at a small "
        "size; write curves (JSON), pictures and figures. The same command resumes what was stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, help=".npz with `images`, uint8 N x 3 x R x R")
    parser.add_argument("--out", required=True, type=Path, help="folder for the results")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"), help="folder for the runs themselves")
    parser.add_argument("--workers", type=int, default=2, help="runs beside each other, one thread each")
    parser.add_argument("--recipes", default=",".join(RECIPES), help="which to train; full is one of them")
    parser.add_argument("--resolution", type=int, default=plan.resolution)
    parser.add_argument("--feature-maps", type=whole_numbers, default=",".join(map(str, plan.feature_maps)))
    parser.add_argument("--kimg", type=float, default=plan.kimg, help="thousands of images in a run")
    parser.add_argument("--minibatch", type=int, default=plan.minibatch)
    parser.add_argument("--learning-rate", type=float, default=plan.learning_rate)
    parser.add_argument("--loss", choices=LOSSES, default=plan.loss)
    parser.add_argument("--seeds", type=whole_numbers, default=",".join(map(str, plan.seeds)))
    parser.add_argument("--probes", type=int, default=plan.probes, help="how often a run is measured")
    parser.add_argument("--pictures", type=int, default=plan.pictures, help="in a set whose distance is measured")
    parser.add_argument("--data-note", default="", help="where the images come from; kept in the results")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Trains, writes, prints the table; a wrong file or setting ends it with one sentence."""
    from benchmarks.ablations.figures import write_figures
    from benchmarks.ablations.runs import open_data, train_all
    from benchmarks.ablations.writing import write_results
    from dashboard.pages.quality.ablation_results import table

    args = parse(arguments)
    names = ("resolution", "feature_maps", "kimg", "minibatch", "learning_rate", "loss", "seeds", "probes", "pictures")
    try:
        check_folder(args.out)
        check_folder(args.runs)
        plan = Plan(recipes=tuple(args.recipes.split(",")), **{name: getattr(args, name) for name in names})
        plan.settings(FULL, 0)
        reals, held = open_data(args.data, plan)
        train_all(plan, args.data, args.runs, args.workers)
        results = write_results(plan, reals, held, args.runs, args.out, args.data_note)
    except ValueError as error:
        raise SystemExit(f"benchmarks.ablations: {error}") from error
    write_figures(results, args.out)
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

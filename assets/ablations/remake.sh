#!/usr/bin/env bash
# The ablations made anew:   assets/ablations/remake.sh [WORKERS]
# Forty minutes of one core; runs that were killed go on where they were (in runs/ablations).
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=runs/ablations
mkdir -p "$runs"
if [ ! -f "$runs/town.npz" ]; then
  python -m dissection.world.town --count 20480 --size 16 --seed 80001 --out "$runs/town.npz"
fi
common=(--data "$runs/town.npz" --data-note "Toy Town, seed 80001, 20480 scenes of 16x16" --workers "${1:-2}")
python -m benchmarks.ablations "${common[@]}" --runs "$runs" --out assets/ablations
# the paper's loss and learning rate
python -m benchmarks.ablations "${common[@]}" --runs "$runs/wgan-gp" --out assets/ablations/wgan-gp \
  --recipes full,no-pixel-norm --loss wgan-gp --learning-rate 0.001
python -m benchmarks.ablations.page

#!/usr/bin/env bash
# Everything in assets/ that follows from the shipped model, made anew:   assets/remake.sh [RUN]
# RUN is a folder of `python -m pgan_core train`; without it the model that is there stays. Half an hour on two cores.
# (The segmenter is made by dissection.segmenters.train_toytown, the ablations by assets/ablations/remake.sh.)
set -euo pipefail
cd "$(dirname "$0")/.."
model=assets/toytown64/final.safetensors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scenes=town-count16384-size64-seed70001.npz training=town-count40000-size64-seed0.npz # names say how they are made
cores=$(nproc)
export OMP_NUM_THREADS=$((cores > 1 ? cores / 2 : 1)) # two lanes beside each other

what_units_mean() {
  python -m dissection run "$model" --all-layers --samples 10000 --out assets/dissection
  python -m dissection causes "$model" --dissection assets/dissection --out assets/interventions --threads "$OMP_NUM_THREADS"
  python -m dissection.concept_directions "$model" --concept foliage "night instead of day" --save "${model%.safetensors}.concepts.json" >/dev/null
}

how_good_it_is() {
  python -m dissection.town --count 16384 --size 64 --seed 70001 --out "$work/$scenes" # scenes of no training set
  python -m pgan_core evaluate "$model" --real "$work/$scenes" --count 8192 --beside >/dev/null
  python -m dissection.rules "$model" --count 8192 --out assets/rules.json >/dev/null
  python -m dissection.town --count 40000 --size 64 --seed 0 --out "$work/$training" # the training set
  python -m pgan_core nearest "$model" --real "$work/$training" --held-out "$work/$scenes"
  python -m dissection.segmenters.sheet "$model" --out assets/segmenter_sheet.png
  python -m dissection.segmenters.faults "$model" --out assets/segmenter_faults.json >/dev/null
  for stage in assets/toytown64/*-end.safetensors; do # when does the first tree unit appear?
    name=$(basename "$stage" .safetensors)
    python -m dissection run "$stage" --all-layers --samples 1000 --out "assets/dissection-stages/$name"
  done
}

if [ $# -gt 0 ]; then
  python -m pgan_core.training.export --run "$1" --out assets/toytown64
fi
what_units_mean &
meaning=$!
how_good_it_is
wait "$meaning"
python -m dissection.model_card --readme
python -m tests.browser.screenshots

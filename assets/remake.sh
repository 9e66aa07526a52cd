#!/usr/bin/env bash
# Everything in assets/ that follows from the shipped models, made anew:   assets/remake.sh [RUN | STEP...]
# RUN is a folder of `python -m pgan_core train`, exported first as toytown128; without one the models that are there
# stay. STEPs are made alone: assets/remake.sh dissection card. Without a name every step is made but the segmenter,
# which everything else counts on. A step that was cut off goes on, or begins anew where it is short; a step whose
# result is newer than the model and the segmenter is skipped, unless it is named. WORK=FOLDER keeps scenes (1.3 GB).
set -euo pipefail
cd "$(dirname "$0")/.."
model=assets/toytown128/final.safetensors light=assets/toytown64/final.safetensors
weights=assets/segmenter_toytown.safetensors
scenes=town-count16384-size128-seed70001.npz scenes64=town-count16384-size64-seed70001.npz # of no training set
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
cores=$(nproc)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$cores} # one lane: two dissections beside each other wait for memory

segmenter() { python -m dissection.segmenters.train_toytown --out "$weights"; }

scenes() { # written under another name until they are whole
  [ -f "$work/$scenes" ] || python -m dissection.world.town --count 16384 --size 128 --seed 70001 --out "$work/$scenes"
  [ -f "$work/$scenes64" ] || python -m dissection.world.town --count 16384 --size 64 --seed 70001 --out "$work/$scenes64"
}

dissection() {
  python -m dissection run "$model" --all-layers --samples 10000 --out assets/dissection
  python -m dissection units "$model" assets/dissection
  python -m dissection effects "$model" assets/dissection --pictures 8
}

stages() { # when does the first tree unit appear?
  local file name
  for file in assets/toytown128/*-end.safetensors "$light"; do
    name=$(basename "$file" .safetensors)
    [ "$file" != "$light" ] || name=64x64-end
    current "assets/dissection-stages/$name/dissection.npz" "$file" "$weights" && continue
    python -m dissection run "$file" --all-layers --samples 1000 --out "assets/dissection-stages/$name"
  done
}

causes() {
  python -m dissection causes "$model" --dissection assets/dissection --out assets/interventions --threads "$cores"
}

directions() {
  python -m dissection.concept_directions "$model" --concept foliage "night instead of day" \
    --save "${model%.safetensors}.concepts.json" >/dev/null
}

quality() {
  scenes
  python -m pgan_core evaluate "$model" --real "$work/$scenes" --count 8192 --beside >/dev/null
  python -m pgan_core evaluate "$light" --real "$work/$scenes64" --count 8192 --beside >/dev/null
}

rules() { python -m dissection.world.rules "$model" --count 8192 --out assets/rules.json >/dev/null; }

shares() { python -m dissection shares "$model" --real town:70001:0-8191 >/dev/null; }

nearest() { # among all scenes that it learned from
  scenes
  python -m dissection nearest "$model" --real town:0:0-120831,200000-320831 --held-out "$work/$scenes"
}

faults() { python -m dissection.segmenters.faults "$model" --out assets/segmenter_faults.json >/dev/null; }

sheet() { python -m dissection.segmenters.sheet "$model" --out assets/segmenter_sheet.png; }

photographs() { python -m dissection.photograph_report --out docs; }

card() { python -m dissection.output.model_card --write; }

screenshots() { python -m tests.browser.screenshots; }

declare -A result=( # what is not listed is made each time
  [dissection]=assets/dissection/dissection.npz [causes]=assets/interventions/causes.json
  [directions]=assets/toytown128/final.concepts.json [quality]=assets/toytown64/final.quality.json
  [rules]=assets/rules.json [shares]=assets/toytown128/final.shares.json
  [nearest]=assets/toytown128/final.nearest/nearest.json
  [faults]=assets/segmenter_faults.json [sheet]=assets/segmenter_sheet.png
)
all="dissection stages causes directions quality rules shares nearest faults sheet photographs card screenshots"

current() { # current RESULT SOURCE...: is there a result, and none of its sources newer?
  local made=$1 source
  [ -f "$made" ] || return 1
  for source in "${@:2}"; do [ ! "$source" -nt "$made" ] || return 1; done
}

up_to_date() {
  local sources=("$model" "$weights")
  [ "$1" != causes ] || sources+=(assets/dissection/dissection.npz)
  [ "$1" != quality ] || current assets/toytown128/final.quality.json "${sources[@]}" || return 1
  [ -n "${result[$1]:-}" ] && current "${result[$1]}" "${sources[@]}"
}

make() {
  local start=$SECONDS
  "$1"
  echo "$1: $((SECONDS - start)) s"
}

known() { [[ " segmenter scenes $all " == *" $1 "* ]]; }

if [ $# -gt 0 ] && ! known "$1" && [ -d "$1" ]; then
  python -m pgan_core.training.export --run "$1" --out assets/toytown128
  shift
fi
for step in "$@"; do
  known "$step" || { echo "There is no step $step; there are: segmenter scenes $all" >&2; exit 1; }
done
if [ $# -gt 0 ]; then
  for step in "$@"; do make "$step"; done
else
  for step in $all; do
    if up_to_date "$step"; then echo "$step: up to date"; else make "$step"; fi
  done
fi

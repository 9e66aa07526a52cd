#!/usr/bin/env bash
# What a borrowed GPU should do for this project, in one go:   assets/train_gpu.sh OUT [MINUTES]
#
# Scenes are drawn on all cores but one from the start. CUDA's tests and images a second at every size take 90 seconds at
# most; the rest of the time goes on from the newest stage (assets/toytown128/final.safetensors and raw.safetensors
# beside it, or the files in FROM) on scenes that it has not seen. OUT then holds newest.safetensors as it goes and
# final.safetensors and raw.safetensors at the end, none above 16 MB, run.json, log.jsonl and what was measured.
#
# To carry to such a machine (under 20 MB): pgan_core/, dissection/, benchmarks/, dashboard/pages/quality/,
# pyproject.toml, this script, assets/toytown128/{final,raw}.safetensors, tests/{__init__,claimed_device,conftest}.py,
# tests/pgan_core/training/ and tests/fixtures/growth/; and an environment with torch for CUDA, Triton, numpy, pillow,
# safetensors, tqdm and pytest.
#
# FIRST is the number of the first new scene; REPEATS how often one is shown; KEEP how many are held at a time; CHECKS the
# seconds for tests and speed; GAMMA and COOLDOWN the courses of `train`, whose options may follow MINUTES. On a CPU the
# same is rehearsed with small numbers:
#   QUICK=1 CHECKS=30 KEEP=512 FROM=assets/toytown128/16x16-end.safetensors assets/train_gpu.sh /tmp/try 2
set -euo pipefail
out=${1:?assets/train_gpu.sh OUT [MINUTES]} minutes=${2:-9}
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD"
from=${FROM:-assets/toytown128/final.safetensors} first=${FIRST:-320832} repeats=${REPEATS:-25}
keep=${KEEP:-8192}
mkdir -p "$out"
work=$(mktemp -d)
began=$SECONDS

if [ "${CHECKS:-90}" -gt 0 ]; then # what is measured here is worth more than the half minute of training
  timeout "${CHECKS:-90}" bash -c "
    python -m pytest -q -p no:cacheprovider tests/pgan_core/training/test_step.py > '$out/tests.txt' 2>&1 || true
    python -m benchmarks --only training ${QUICK:+--quick} --json '$out/speed.json' > '$out/speed.txt' 2>&1" || true
fi

left=$(awk "BEGIN { print $minutes - ($SECONDS - $began) / 60 }")
shift $(($# > 2 ? 2 : $#))
publish() { # the newest stage and the log lie in OUT as the run goes: a machine may end without a word
  for file in run.json log.jsonl; do [ ! -f "$work/run/$file" ] || cp "$work/run/$file" "$out/$file"; done
  [ ! -f "$work/run/stages/newest.safetensors" ] || cp "$work/run/stages/newest.safetensors" "$out/newest.part" &&
    mv -f "$out/newest.part" "$out/newest.safetensors" 2>/dev/null || true
}
(while sleep 20; do publish; done) &
watcher=$!
trap 'kill "$watcher" 2>/dev/null || true; rm -rf "$work"' EXIT

# shellcheck disable=SC2086
python -m pgan_core train --from $from --out "$work/run" --minutes "$left" \
  --data "town:first=$first,repeats=$repeats,keep=$keep" --no-mirror --snapshot-minutes 1.25 --stage-numbers float16 \
  --r1-gamma "${GAMMA:-6-1.5}" --cooldown "${COOLDOWN:-0.6-0.05}" "$@" 2> "$out/train.txt" ||
  tail -n 1 "$out/train.txt" # what it has trained is shipped all the same
kill "$watcher" 2>/dev/null || true
publish
python -m pgan_core ship --run "$work/run" --out "$work/files"
cp "$work"/files/{final,raw}.safetensors "$out"
rm -f "$out/newest.safetensors"
ls -l "$out"

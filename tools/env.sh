# Where the assemblers of CUDA 13 are. To be sourced by a shell:
#
#   source tools/env.sh
#
# Exports LATH_PTXAS and LATH_NVJITLINK, which Lath obeys, unless they are set:
# from PATH, the CUDA toolkit, or the .venv that tools/setup makes. What is
# not found stays unset.

lath_find_assemblers() {
  local repo candidate
  repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  local wheels=("$repo"/.venv/lib/python3*/site-packages/nvidia/cu13)
  local cuda=${CUDA_HOME:-/usr/local/cuda}

  if [ -z "${LATH_PTXAS:-}" ]; then
    for candidate in "$(command -v ptxas || true)" "$cuda/bin/ptxas" "${wheels[0]}/bin/ptxas"; do
      if [ -x "$candidate" ] && "$candidate" --version | grep -qE 'release (1[3-9]|[2-9][0-9])\.'; then
        export LATH_PTXAS=$candidate
        break
      fi
    done
  fi
  if [ -z "${LATH_NVJITLINK:-}" ]; then
    for candidate in "$cuda/lib64/libnvJitLink.so.13" \
      "$cuda/targets/x86_64-linux/lib/libnvJitLink.so.13" \
      "${wheels[0]}/lib/libnvJitLink.so.13"; do
      if [ -e "$candidate" ]; then
        export LATH_NVJITLINK=$candidate
        break
      fi
    done
  fi
}
lath_find_assemblers
unset -f lath_find_assemblers

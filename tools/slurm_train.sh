#!/usr/bin/env bash
# Trains on a Slurm cluster:
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# Environment: GPUS, GPUS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS, as for MMDetection's slurm_train.sh.
set -euo pipefail
usage() { sed -n '2,4s/^# //p' "$0"; }
case " $* " in *' -h '* | *' --help '*) usage; exit ;; esac
[ $# -ge 4 ] || { usage >&2; exit 2; }
# SRUN_ARGS is a list of options, so it is split into words.
# shellcheck disable=SC2086
exec srun -p "$1" \
    --job-name="$2" \
    --gres="gpu:${GPUS_PER_NODE:-8}" \
    --ntasks="${GPUS:-8}" \
    --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$3" --work-dir="$4" --launcher slurm "${@:5}"

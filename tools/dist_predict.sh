#!/usr/bin/env bash
# Predicts on several GPUs (or, without any, on as many CPU processes), on one machine or several:
#   tools/dist_predict.sh NUM_PROCESSES [arguments of tools/predict.py]
# Environment: NNODES, NODE_RANK, MASTER_ADDR, PORT, as for tools/dist_test.sh.
set -euo pipefail
usage() { sed -n '2,4s/^# //p' "$0"; }
case " $* " in *' -h '* | *' --help '*) usage; exit ;; esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$1" -- \
    "$(dirname "$0")/predict.py" "${@:2}"

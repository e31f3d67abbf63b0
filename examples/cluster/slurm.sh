#!/bin/bash
# Train, then evaluate, on several machines of a Slurm cluster: sbatch examples/cluster/slurm.sh
#
# Run it in the checkout, on a file system that all machines see, with the environment in .venv.
# The walltime may be shorter than the training: submit it again, and it goes on from the last
# saved state, with another number of machines or processes too.
#SBATCH --job-name=objloc
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@300
# For GPUs add: #SBATCH --gpus-per-node=8

set -euo pipefail

# Processes on each machine: one for each GPU, or for each core that the batch has parts for.
PROCESSES="${PROCESSES:-${SLURM_GPUS_ON_NODE:-2}}"
SHARDS="${SHARDS:-data/shards}"
OPTIONS=("$@")

# The machines meet at the first of them.
mapfile -t MACHINES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
TORCHRUN=(
  .venv/bin/torchrun
  --nnodes "$SLURM_NNODES"
  --nproc-per-node "$PROCESSES"
  --rdzv-backend c10d
  --rdzv-endpoint "${MACHINES[0]}:29500"
  --rdzv-id "$SLURM_JOB_ID"
)

srun "${TORCHRUN[@]}" -m stages.encode "$SHARDS" data/features "${OPTIONS[@]}"
srun "${TORCHRUN[@]}" -m stages.train "$SHARDS" data/train --features data/features "${OPTIONS[@]}"
srun "${TORCHRUN[@]}" -m stages.evaluate "$SHARDS" data/train/checkpoint.pt data/evaluate \
  --features data/features "${OPTIONS[@]}"

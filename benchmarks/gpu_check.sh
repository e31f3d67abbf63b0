#!/bin/sh
# Check and measure the program on a machine with a GPU, in at most eight minutes.
#
# sh benchmarks/gpu_check.sh [CHECKOUT]: CHECKOUT is an earlier version to be timed beside this one.
# Without a GPU it does what the processor can, and says what is left out.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

echo "1. Nobody waits for the device inside an update or a round of a search."
timeout 90 "$python" -m pytest -q -n 0 tests/learning/test_stalls.py tests/search/test_rounds.py \
    -k "gpu or wait or lies_on"

echo "2. The GPU, its compiler and the processor give the same loss, gradients and answers; a"
echo "   training learns."
timeout 150 "$python" -m benchmarks.gpu_check

if "$python" -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then
    echo "3. Seconds of an update, compiled too, and the share in which the GPU is busy."
    timeout 240 "$python" -m benchmarks.devices ${1:+--against "$1"}
else
    echo "3. Left out: expected a GPU that PyTorch can use (CUDA); found none."
fi

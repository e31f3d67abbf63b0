"""Memory that is kept rather than given back and asked for again."""

import ctypes
import os
import sys

_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""Read by PyTorch's allocator at its first tensor."""


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory for the next tensors of this process.

    Every update takes and frees some hundreds of megabytes. By default glibc gives
    them back to the system, which clears each page before it is used again; where tensors
    are large and the machine is virtual that can take as long as the arithmetic
    (``python -m benchmarks.memory``). Where the system has huge pages for those who ask,
    PyTorch asks for them: there are fewer pages to clear. Call it once, at the start of a
    process that belongs to the program, before its first tensor; it changes no result.

    Returns:
        Whether there was something to set: glibc alone has these settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    os.environ.setdefault(_HUGE_PAGES, "1")
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))

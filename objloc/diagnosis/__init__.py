"""Why a figure is what it is: kinds of errors, misses, the oracle, comparisons."""

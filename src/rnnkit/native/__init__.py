"""The C library (csrc/) as Python calls it, without torch: loading, structures, arrays."""

from rnnkit.native.arrays import address, contiguous_rows, rows
from rnnkit.native.library import (
    CALL,
    DTYPES,
    LAYER,
    find,
    has_threads,
    isa,
    isas,
    load,
    peak_flops,
    problem,
    required,
    use_isa,
)

__all__ = [
    "CALL",
    "DTYPES",
    "LAYER",
    "address",
    "contiguous_rows",
    "find",
    "has_threads",
    "isa",
    "isas",
    "load",
    "peak_flops",
    "problem",
    "required",
    "rows",
    "use_isa",
]

"""The recurrences themselves: the equations, faster ways to run them, and the choice of one."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.kernels.dispatch import available, kernel_for, run, run_packed, step, use_kernel
from rnnkit.kernels.interface import Form, Padded, State, Weights, state_sizes
from rnnkit.kernels.linear import linear
from rnnkit.kernels.stepping import Stepper, stepper
from rnnkit.kernels.tracing import Trace, trace
from rnnkit.native.library import use_isa

__all__ = [
    "Form",
    "Padded",
    "State",
    "Stepper",
    "Trace",
    "Weights",
    "available",
    "kernel_for",
    "linear",
    "run",
    "run_packed",
    "state_sizes",
    "step",
    "stepper",
    "trace",
    "use_isa",
    "use_kernel",
]

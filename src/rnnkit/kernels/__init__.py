"""The recurrences themselves: the equations, faster ways to run them, and the choice of one."""

from rnnkit.kernels.dispatch import available, kernel_for, run, use_kernel
from rnnkit.kernels.interface import GATES, State, Weights
from rnnkit.kernels.reference import STEPS

__all__ = ["GATES", "STEPS", "State", "Weights", "available", "kernel_for", "run", "use_kernel"]

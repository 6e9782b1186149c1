"""Training of a module: the loop, optimizers, schedules, clipping, and what a fit records."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.learn.averaging import WeightAverage
from rnnkit.learn.blame import NotFinite
from rnnkit.learn.callbacks import Callback
from rnnkit.learn.clipping import Clipped, clip_grad_norm, clip_gradients
from rnnkit.learn.history import History, StepInfo
from rnnkit.learn.loop import Trainer
from rnnkit.learn.monitor import Monitor
from rnnkit.learn.optimizers import OptimizerGroup, build_optimizer
from rnnkit.learn.options import FitOptions
from rnnkit.learn.progress import ProgressBar
from rnnkit.learn.running import Fit, SizedBatches
from rnnkit.learn.schedules import SCHEDULES, Schedule, build_schedule
from rnnkit.learn.state import FitState, Stateful
from rnnkit.learn.state_json import State
from rnnkit.learn.stepping import BatchLoss, Reduce
from rnnkit.learn.streaming import StreamTrainer

__all__ = [
    "SCHEDULES",
    "BatchLoss",
    "Callback",
    "Clipped",
    "Fit",
    "FitOptions",
    "FitState",
    "History",
    "Monitor",
    "NotFinite",
    "OptimizerGroup",
    "ProgressBar",
    "Reduce",
    "Schedule",
    "SizedBatches",
    "State",
    "Stateful",
    "StepInfo",
    "StreamTrainer",
    "Trainer",
    "WeightAverage",
    "build_optimizer",
    "build_schedule",
    "clip_grad_norm",
    "clip_gradients",
]

"""A fit's progress on the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rnnkit.learn.callbacks import Callback
from rnnkit.learn.history import History, Record, StepInfo
from rnnkit.learn.running import Fit

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["ProgressBar"]

# What every record has, and a line does not repeat as a metric.
_STANDARD = {
    "epoch",
    "loss",
    "lr",
    "seconds",
    "steps",
    "tokens",
    "tokens_per_second",
    "grad_norm_mean",
    "grad_norm_max",
    "clipped_share",
}


class ProgressBar(Callback):
    """A live line for the running epoch, and one that stays for each finished epoch.

    The live line shows the bar, the epoch, the mean loss so far, the last validation, tokens a
    second and the time left for the whole fit. Where output is no terminal (a log, a pipe) only
    the finished epochs' lines are written, without control codes.
    console: a `rich.console.Console`; one on standard error if None.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._progress: Progress | None = None

    def on_fit_begin(self, fit: Fit) -> None:
        from rich.console import Console

        self._console = self._console or Console(stderr=True)
        self._began = time.perf_counter()
        self._metrics = ""
        self._total = fit.max_epochs
        if self._console.is_terminal:
            self._progress = _live_line(self._console)
            self._progress.start()

    def on_epoch_begin(self, fit: Fit, epoch: int, num_steps: int) -> None:  # noqa: ARG002
        self._num_steps = num_steps
        self._loss, self._count, self._tokens = 0.0, 0, 0
        self._epoch_began = time.perf_counter()
        if self._progress is not None:
            name = f"epoch {epoch}/{self._total}"
            self._task: TaskID = self._progress.add_task(name, total=num_steps, status="")

    def on_batch_end(self, fit: Fit, info: StepInfo) -> None:  # noqa: ARG002
        self._loss += info.loss * info.count
        self._count += info.count
        self._tokens += info.tokens
        if self._progress is not None:
            self._progress.update(self._task, completed=info.step, status=self._status(info))

    def on_epoch_end(self, fit: Fit, record: Record) -> None:  # noqa: ARG002
        self._metrics = _describe_metrics(record)
        if self._progress is not None:
            self._progress.remove_task(self._task)
        if self._console is not None:
            self._console.print(
                _describe_epoch(record, self._total), highlight=False, markup=False, soft_wrap=True
            )

    def on_fit_end(self, fit: Fit, history: History) -> None:  # noqa: ARG002
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _status(self, info: StepInfo) -> str:
        now = time.perf_counter()
        speed = self._tokens / max(now - self._epoch_began, 1e-9)
        share = (info.epoch - 1 + info.step / self._num_steps) / self._total
        left = (now - self._began) * (1 - share) / share
        parts = [f"loss {self._loss / max(1, self._count):.4f}", self._metrics]
        parts += [f"{speed:,.0f} tokens/s", f"{format_seconds(left)} left"]
        return "  ".join(part for part in parts if part)


def format_seconds(seconds: float) -> str:
    """Seconds for people.

    >>> [format_seconds(s) for s in (0.42, 75, 3725)]
    ['0.4 s', '1:15', '1:02:05']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _live_line(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[status]}"))
    return Progress(*columns, console=console, transient=True)


def _describe_epoch(record: Record, total: int) -> str:
    parts = [f"epoch {record['epoch']}/{total}", f"loss {record['loss']:.4f}"]
    parts += [_describe_metrics(record), format_seconds(float(record["seconds"] or 0))]
    return "  ".join(part for part in parts if part)


def _describe_metrics(record: Record) -> str:
    metrics = {name: value for name, value in record.items() if name not in _STANDARD}
    return "  ".join(
        f"{name} {'not finite' if value is None else format(value, '.4f')}"
        for name, value in metrics.items()
    )

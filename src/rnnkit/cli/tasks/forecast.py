"""`forecast`: the next step of series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.steps import Columns, names_of, read_series, show_series
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task

if TYPE_CHECKING:
    import numpy as np

    from rnnkit.tasks import AnyEstimator, SequenceRegressor

__all__ = ["Forecast"]


class Forecast(Task["SequenceRegressor", "np.ndarray", None]):
    """A table with a row a step, or a .ts file; what comes next is in the series themselves."""

    name = "forecast"
    help = "The next step of series, from a table with a row a step or a .ts file."
    estimator = "SequenceRegressor"
    noun = "series"
    score_name = "R^2"
    options = ("update_every",)
    fixed = {"inputs": "series", "output": "step"}

    def recognizes(self, model: AnyEstimator) -> bool:
        """A regressor that was given no other numbers to answer with."""
        return super().recognizes(model) and bool(getattr(model, "forecasts_", False))

    def read(
        self,
        path: Path,
        *,
        id: opt.Id,  # noqa: A002 - the option's name
        time: opt.Time,
        feature: opt.Feature,
        ignore: opt.Ignore,
    ) -> Dataset[np.ndarray, None]:
        """Series alone."""
        return read_series(path, Columns(id, time, feature, ignore))

    def predict(
        self,
        model: SequenceRegressor,
        inputs: Sequence[str],
        asked: Asked,  # noqa: ARG002 - there are no probabilities
        *,
        id: opt.Id,  # noqa: A002
        time: opt.Time,
        feature: opt.Feature,
        ignore: opt.Ignore,
    ) -> Iterator[Answer]:
        """The next values of each series."""
        self.refuse_standard_input(inputs)
        for path in inputs:
            found = read_series(Path(path), Columns(id, time, feature, ignore))
            for name, rows in zip(names_of(found), model.predict(found.X), strict=True):
                values = rows[-1].reshape(-1).tolist()
                fields = [str(name), *(f"{value:.6g}" for value in values)]
                yield Answer([fields], {"id": name, "next": values})

    def show(self, example: np.ndarray) -> str:
        """Its numbers."""
        return show_series(example)

    def evaluate(self, model: SequenceRegressor, dataset: Dataset[np.ndarray, None]) -> Report:
        """The errors of the next step at every step, beside the forecast that nothing changes."""
        from rnnkit.baselines import NaiveForecast
        from rnnkit.metrics import score_forecasts

        series = dataset.examples
        found = score_forecasts(model.predict(series), series)
        naive = score_forecasts(NaiveForecast().predict(series), series)
        lines = [
            f"steps: {found.steps:,}",
            f"MAE: {found.mae:.6g} (nothing changes: {naive.mae:.6g})",
            f"RMSE: {found.rmse:.6g} (nothing changes: {naive.rmse:.6g})",
        ]
        return Report({**asdict(found), "naive_mae": naive.mae, "naive_rmse": naive.rmse}, lines)

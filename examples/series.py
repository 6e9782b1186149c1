"""Series: will this company fail, and what comes next. Draws its own companies.

`python examples/series.py` trains in under a minute and prints what memory buys.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import roc_auc_score

from rnnkit import SequenceClassifier, SequenceRegressor
from rnnkit.baselines import NaiveForecast
from rnnkit.metrics import score_forecasts

YEARS = 8


def companies(count: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Yearly sales and debts of companies, some years missing, and what became of them.

    A company fails when its debts have grown for three years in a row, whenever that was: no one
    year shows it.
    """
    generator = np.random.default_rng(seed)
    series, fates = [], []
    for _ in range(count):
        years = int(generator.integers(4, YEARS + 1))
        growth = generator.normal(0, 0.2, size=years)
        debts = 1e6 * np.exp(generator.normal() + np.cumsum(growth))
        sales = debts * np.exp(generator.normal(1.0, 0.1, size=years))
        sales[generator.random(years) < 0.1] = np.nan
        series.append(np.stack([sales, debts], axis=1))
        run = np.convolve(growth[1:] > 0, np.ones(3, dtype=int))
        fates.append("failed" if run.max() >= 3 else "going on")
    return series, fates


def tides(count: int, steps: int, seed: int) -> list[np.ndarray]:
    """Water levels: two waves of other periods, and noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(steps)[None] + generator.uniform(0, 50, size=(count, 1))
    level = np.sin(2 * np.pi * time / 12.4) + 0.4 * np.sin(2 * np.pi * time / 7.3)
    return list(level + generator.normal(0, 0.05, size=level.shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="toy sizes, for a test")
    quick = parser.parse_args().quick
    count, epochs = (120, 3) if quick else (1500, 20)

    train, test = companies(count, seed=0), companies(count, seed=1)
    failed = np.array(test[1]) == "failed"
    print("company failure, ROC-AUC on companies that were not seen")
    for cell in ("none", "gru"):
        model = SequenceClassifier(
            cell=cell, scale="signed-log", hidden_size=32, max_epochs=epochs, random_state=0
        )
        chances = model.fit(*train).predict_proba(test[0])
        score = roc_auc_score(failed, chances[:, model.classes_.tolist().index("failed")])
        print(f"  cell={cell:<5} {score:.3f}")

    known, later = tides(6, 300, seed=0), tides(2, 300, seed=1)
    forecaster = SequenceRegressor(
        output="step",
        cell="gru",
        hidden_size=32,
        update_every=50,
        max_epochs=epochs,
        lr=5e-3,
        random_state=0,
    ).fit(known)
    naive = score_forecasts(NaiveForecast().fit(known).predict(later), later)
    learnt = score_forecasts(forecaster.predict(later), later)
    print("tides, mean absolute error of the next level")
    print(f"  nothing changes {naive.mae:.3f}\n  learnt          {learnt.mae:.3f}")

    # Online: one level at a time, the state carried from call to call.
    said = [float(forecaster.predict_step(level)) for level in later[0]]
    online = score_forecasts([np.array(said)], [later[0]])
    print(f"  one at a time   {online.mae:.3f}")


if __name__ == "__main__":
    main()

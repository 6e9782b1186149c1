from __future__ import annotations

import subprocess
import sys

import pytest

import rnnkit.metrics


def test_every_metric_is_found_at_the_top():
    for name in rnnkit.metrics.__all__:
        assert getattr(rnnkit.metrics, name).__name__ == name
    assert dir(rnnkit.metrics) == sorted(rnnkit.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'meteor'"):
        _ = rnnkit.metrics.meteor


def test_agreement_and_forecasts_need_neither_torch_nor_scikit_learn_nor_sacrebleu():
    program = (
        "import sys; from rnnkit.metrics import most_agreed, score_forecasts;"
        "print({'torch', 'sklearn', 'sacrebleu'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert told.stdout.strip() == b"set()"

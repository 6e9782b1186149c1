"""What the tests of estimators look at inside: examples as numbers, and batches of them."""

from __future__ import annotations

from typing import Any

import numpy as np


def encoded(model: Any, X: Any, y: Any = None, *, pairs: bool = True) -> Any:
    """Examples as a fitted estimator has numbers of them. pairs: with targets."""
    examples = model._pairs(model.codec_, X, y) if pairs else model._inputs(X)
    return model._encode(model.codec_, examples)


def batch_of(model: Any, X: Any, y: Any = None, *, pairs: bool = True) -> Any:
    """All examples in one batch."""
    data = encoded(model, X, y, pairs=pairs)
    return data.collate(np.arange(len(data)))


def said_of(model: Any, batch: Any) -> Any:
    """What the network says of a batch."""
    return model._forward(model.module_, batch).said

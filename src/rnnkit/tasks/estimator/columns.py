"""The columns of a table of series, as scikit-learn keeps and compares them."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from rnnkit.errors import InputError

__all__ = ["COLUMNS", "check_columns"]

# What is known of a table of series, one a row.
COLUMNS = ("n_features_in_", "feature_names_in_")


def check_columns(estimator: BaseEstimator, X: object, *, reset: bool) -> None:
    """Hold a table of series (one a row) against the columns of the fit, as scikit-learn does.

    reset: True in a first fit, which only notes them. Series of other lengths come in a list.
    """
    if not reset and not hasattr(estimator, COLUMNS[0]):
        return
    if reset and isinstance(X, list) and len(shapes := {np.shape(one) for one in X}) == 1:
        X = np.empty((len(X), *shapes.pop()))  # a table too, as scikit-learn sees it
    if len(getattr(X, "shape", ())) != 2:
        return
    try:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise InputError(f"{error} For series of other lengths give a list of them.") from None

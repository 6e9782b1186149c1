"""What a fit is given, as it uses it."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from rnnkit.errors import InputError

__all__ = ["pair_of", "seed_of"]


def pair_of(validation: tuple[object, object]) -> tuple[object, object]:
    """X and y of held-out examples. Raises InputError for anything else."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise InputError(
            f"validation is {type(validation).__name__} {validation!r:.40}, but a pair (X, y) is "
            f"expected."
        )
    X, y = validation
    return X, y


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """What a fit's generators begin with; without a random_state another one every time."""
    if random_state is None:
        # scikit-learn would draw from numpy's own generator, which belongs to the process.
        random_state = np.random.RandomState()
    return int(check_random_state(random_state).randint(2**31 - 1))

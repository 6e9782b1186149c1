"""What all tests share: seeded randomness, Hypothesis without deadlines, and the real corpora."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# Other work on the machine must not turn into a failed test.
settings.register_profile("rnnkit", deadline=None)
settings.load_profile("rnnkit")

# The networks of the tests are too small to be worth sharing between cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real corpora: $RNNKIT_DATA, or ../shared/data beside the repository."""
    given = os.environ.get("RNNKIT_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real corpora at {folder}; set RNNKIT_DATA to their folder")
    return folder

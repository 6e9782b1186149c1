"""Imported first by the estimators: says what to install where the extra `train` is missing."""

from rnnkit.extras import require

require("torch", "sklearn", "sacrebleu")

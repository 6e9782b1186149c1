"""Imported first by every package that needs torch: says what to install where it is missing."""

from rnnkit.extras import require

require("torch")

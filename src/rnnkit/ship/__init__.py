"""Models as files."""

from rnnkit.ship.loading import ESTIMATORS, load

__all__ = ["ESTIMATORS", "load"]

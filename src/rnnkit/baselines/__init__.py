"""What costs nothing: estimators that do not learn, to be held beside those that do."""

from rnnkit.baselines.captions import ConstantCaption, NearestImage
from rnnkit.baselines.forecasts import NaiveForecast
from rnnkit.baselines.translation import NearestTranslation

__all__ = ["ConstantCaption", "NaiveForecast", "NearestImage", "NearestTranslation"]

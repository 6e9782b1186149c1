from __future__ import annotations

import numpy as np
import pytest

from rnnkit.baselines import ConstantCaption, NearestImage
from rnnkit.errors import InputError


def test_the_most_frequent_caption_is_the_constant_one():
    constant = ConstantCaption().fit(range(3), [["a dog", "a cat"], "a cat", "birds"])
    assert constant.predict([0, 0]) == ["a cat", "a cat"]
    # All as frequent: the words that most captions have.
    assert ConstantCaption().fit(range(3), ["x y", "a b", "a c"]).caption_.startswith("a ")


def test_the_nearest_image_is_that_of_the_least_squared_difference():
    generator = np.random.default_rng(0)
    known = generator.integers(0, 256, size=(20, 8, 8, 3), dtype=np.uint8)
    asked = generator.integers(0, 256, size=(7, 8, 8, 3), dtype=np.uint8)
    names = [[str(i), "another"] for i in range(20)]
    nearest = NearestImage(image_size=8).fit(known, names)
    assert nearest.predict(known) == [str(i) for i in range(20)]
    mean, deviation = known.mean(axis=(0, 1, 2)), known.std(axis=(0, 1, 2))
    scaled = [(images - mean) / deviation for images in (asked, known)]
    far = np.square(scaled[0][:, None] - scaled[1]).sum(axis=(2, 3, 4))
    assert nearest.predict(asked) == [str(i) for i in far.argmin(axis=1)]
    with pytest.raises(InputError, match="0 images"):
        nearest.predict([])

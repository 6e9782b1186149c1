"""The English-Korean sample: what is in it, what is not, and that its split does not leak."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from rnnkit.data import Sample, load_english_korean, split_english_korean
from rnnkit.data.samples import ORIGINS, _is_translation
from rnnkit.data.split import source_key
from rnnkit.errors import DataError, MissingDependencyError, OptionError

MODULES = ["jupyterlab_language_pack_ko_KR", "django", "babel", "emoji"]


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    for module in MODULES:
        pytest.importorskip(module)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return load_english_korean()


@pytest.fixture(scope="module")
def sides(sample: Sample) -> tuple[Sample, Sample, Sample]:
    return split_english_korean(sample)


def of(*sources: str, targets: list[str] | None = None) -> Sample:
    korean = targets or list("가나다라마바사아"[: len(sources)])
    return Sample(list(sources), korean, ["django"] * len(sources))


def together(*sources: str, targets: list[str] | None = None) -> bool:
    """Whether the sources share a side under every one of many seeds."""
    pairs = of(*sources, targets=targets)
    splits = (split_english_korean(pairs, test_fraction=0.4, seed=seed) for seed in range(25))
    return all(max(map(len, split)) == len(pairs) for split in splits)


# --- What is in it -------------------------------------------------------------------------------


def test_the_sample_has_about_8400_distinct_pairs_of_four_origins(sample: Sample) -> None:
    counts = Counter(sample.origins)
    assert 8_000 < len(sample) < 9_500
    assert set(counts) == set(ORIGINS)
    assert counts["emoji"] > 3_800
    assert counts["jupyterlab"] > 2_000
    assert counts["babel"] > 1_200
    assert counts["django"] > 700
    assert len(set(zip(sample.sources, sample.targets, strict=True))) == len(sample)


@pytest.mark.parametrize(
    ("source", "target", "origin"),
    [
        ("delivery truck", "운송 트럭", "emoji"),
        ("flag Botswana", "깃발 보츠와나", "emoji"),
        ("person biking medium-dark skin tone", "자전거 타는 사람 진한 갈색 피부", "emoji"),
        ("Guinea-Bissau", "기니비사우", "babel"),
        ("Swiss High German", "고지 독일어(스위스)", "babel"),
        ("Cyrillic", "키릴 문자", "babel"),
        ("Thai Baht", "태국 바트", "babel"),
        ("Enter a valid email address.", "올바른 이메일 주소를 입력하세요.", "django"),
        ("%(num)d day", "%(num)d일", "django"),
        ("%(num)d days", "%(num)d일", "django"),
        ("Run All", "모두 실행", "jupyterlab"),
        ("%1 Item", "%1 항목", "jupyterlab"),
        ("%1 Items", "%1 항목", "jupyterlab"),
    ],
)
def test_known_pairs_are_there(sample: Sample, source: str, target: str, origin: str) -> None:
    assert (source, target, origin) in zip(
        sample.sources, sample.targets, sample.origins, strict=True
    )


def test_texts_are_clean_translations(sample: Sample) -> None:
    for source, target in zip(sample.sources, sample.targets, strict=True):
        assert source == " ".join(source.split())
        assert target == " ".join(target.split())
        assert any("가" <= character <= "힣" for character in target)
        assert not any("가" <= character <= "힣" for character in source)
        assert "</" not in source + target
        assert "\x04" not in source + target
        assert "Content-Type" not in source


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        ("Save", "저장", True),
        ("at most < 1", "최대 < 1", True),
        ("Save", "Save", False),
        ("%1", "%1개", False),
        ("100", "100개", False),
        ("Korean (한국어)", "한국어", False),
        ("see <code>x</code>", "x 보기", False),
        ("see x", '<a href="/">x</a> 보기', False),
        ("see x", "<코드>x", False),
    ],
)
def test_only_plain_translations_are_kept(source: str, target: str, kept: bool) -> None:
    assert _is_translation(source, target) is kept


def test_long_texts_are_left_out_on_request(sample: Sample) -> None:
    short = load_english_korean(max_length=30)
    assert max(map(len, short.sources + short.targets)) == 30
    lengths = zip(map(len, sample.sources), map(len, sample.targets), strict=True)
    assert len(short) == sum(max(pair) <= 30 for pair in lengths)


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'rnnkit\[samples\]'"):
        load_english_korean()


def test_a_package_without_pairs_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["emoji"], "EMOJI_DATA", {})
    with pytest.raises(DataError, match="emoji package holds no English-Korean pairs"):
        load_english_korean()


# --- The split -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("woman running: dark skin tone", "running"),
        ("man running facing right medium-light skin tone", "running"),
        ("kiss woman man medium skin tone light skin tone", "kiss"),
        ("woman dark skin tone", "person"),
        ("%(num)d hours ago", "hour ago"),
        ("%1 Items", "item"),
        ("Properties of {name}", "property"),
        ("Brazilian Cruzeiro (1990–1993)", "brazilian cruzeiro"),
        ("SAVE the File…", "save file"),
        ("and", "and"),
        ("the flag Guernsey", "guernsey"),
        ("class Bus Swiss", "class bus swiss"),
        ("%2%% used on %1 CPU", "used on cpu"),
        ("100% cotton", "cotton"),
    ],
)
def test_a_key_is_what_near_duplicates_share(text: str, key: str) -> None:
    assert source_key(text) == key


def test_near_duplicates_stay_together() -> None:
    assert together("cook", "man cook", "woman cook dark skin tone")
    assert together("Guernsey", "flag Guernsey")
    assert together("Choose the cell below this one now", "Choose the cell above this one now")
    assert together("Choose the cell below this one", "Choose the last cell below this one")
    run = "if this text is given it will be used instead of nothing"
    assert together(f"Red, {run}", f"Blue and green, {run}")
    assert together("6 p.m.", "PM")
    assert together("Is it new", "Are it new", targets=["새것이다", "새것 이다"])


def test_different_texts_are_not_forced_together() -> None:
    assert not together("Is it new", "Are it new")
    assert not together("red car", "blue sky", targets=["가", "가"])
    assert not together("up arrow", "down arrow")
    assert not together(
        "if this text is given it will be used instead of nothing",
        "nobody knows where those seven little foxes went after dinner",
    )


def test_no_test_source_is_seen_in_training(sides: tuple[Sample, Sample, Sample]) -> None:
    keys = [{source_key(source) for source in side.sources} for side in sides]
    plain = [{"".join(filter(str.isalpha, s.lower())) for s in side.sources} for side in sides]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not keys[one] & keys[other]
        assert not (plain[one] - {""}) & plain[other]


def test_each_side_has_its_share_of_every_origin(
    sample: Sample, sides: tuple[Sample, Sample, Sample]
) -> None:
    whole = Counter(sample.origins)
    train, valid, test = (Counter(side.origins) for side in sides)
    assert train + valid + test == whole
    for origin in ORIGINS:
        assert 0.78 < train[origin] / whole[origin] < 0.92
        assert 0.01 < valid[origin] / whole[origin] < 0.09
        assert 0.06 < test[origin] / whole[origin] < 0.15


def test_pairs_keep_their_order_and_their_translation(
    sample: Sample, sides: tuple[Sample, Sample, Sample]
) -> None:
    whole = list(zip(sample.sources, sample.targets, sample.origins, strict=True))
    place = {pair: i for i, pair in enumerate(whole)}
    for side in sides:
        rows = [place[p] for p in zip(side.sources, side.targets, side.origins, strict=True)]
        assert rows == sorted(rows)


def test_the_split_is_the_same_every_time_and_another_for_another_seed(
    sample: Sample, sides: tuple[Sample, Sample, Sample]
) -> None:
    assert split_english_korean(sample) == sides
    assert split_english_korean(sample, seed=1)[2] != sides[2]
    words = of("apple", "bread", "cloud", "dance", "earth", "flame", "glass", "heart")
    _, valid, test = split_english_korean(words, test_fraction=0.4, valid_fraction=0.3)
    # Written down from one run: another process or machine must give the same.
    assert (valid.sources, test.sources) == (["earth", "heart"], ["bread", "glass"])


def test_a_split_does_not_change_when_other_texts_are_added(sample: Sample) -> None:
    half = sample.select(range(0, len(sample), 2))
    kept = set(split_english_korean(sample)[2].sources)
    test = split_english_korean(half)[2].sources
    assert sum(source in kept for source in test) > 0.95 * len(test)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (-0.1, 0.1), (0.1, -0.1)])
def test_fractions_that_leave_nothing_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="their sum must be below 1"):
        split_english_korean(of("a"), test_fraction=fractions[0], valid_fraction=fractions[1])

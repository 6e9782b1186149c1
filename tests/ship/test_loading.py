"""Model files that say something else than what was saved, with a digest that fits.

Whatever is altered, `rnnkit.load` gives an estimator or an ArchiveError, soon and in little memory.
"""

from __future__ import annotations

import copy
import importlib
import json
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import rnnkit
from rnnkit import archive
from rnnkit.errors import ArchiveError
from rnnkit.tasks import SequenceEstimator
from tests import goldens

GOLDEN = Path(__file__).parents[1] / "golden" / "models_v1"

# One of each estimator, and what has a form of its own.
NAMES = (
    "classifier-char-gru",
    "classifier-policy-object",
    "classifier-table-columns",
    "classifier-word-analyzer",
    "tagger-words-crf-gru",
    "regressor-forecast-lstm",
    "language-word-line",
    "translator-word-lstm",
    "translator-subword-lstm",
    "captioner-conv-given",
    "frames-conv-lstm",
    "frames-conv-given",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """By format and name, header and weights of a file."""
    folder, found = tmp_path_factory.mktemp("files"), {}
    for name in NAMES:
        path = folder / f"{name}.rnn"
        rnnkit.load(GOLDEN / path.name, **goldens.given(name)).save(path)
        found[1, name], found[2, name] = archive.read(GOLDEN / path.name), archive.read(path)
    return found


@pytest.fixture(autouse=True)
def _unflushed(monkeypatch):
    """Hundreds of files are written here, which need not outlive a power cut."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


FORMATS = pytest.mark.parametrize("version", [1, 2])
EACH = pytest.mark.parametrize("name", NAMES)


def loaded(path, name, header, arrays):
    """What is in a file with this header, whose digest is right."""
    archive.write(path, header, arrays)
    return rnnkit.load(path, **goldens.given(name))


def loads_or_is_refused(path, name, header, arrays):
    try:
        model = loaded(path, name, header, arrays)
    except ArchiveError:
        return
    assert isinstance(model, SequenceEstimator)


def places(value, path=()):
    """The way to each leaf of JSON; of long lists only to the first ones."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, part in inside:
        if isinstance(part, dict | list) and part:
            yield from places(part, (*path, key))
        else:
            yield (*path, key)


def fields(value, path=()):
    """The way to each value that has a name."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield (*path, key)
            yield from fields(part, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def with_other(header, path, value):
    header = copy.deepcopy(header)
    at(header, path[:-1])[path[-1]] = value
    return header


def without(header, path):
    header = copy.deepcopy(header)
    del at(header, path[:-1])[path[-1]]
    return header


# -- what a file holds --------------------------------------------------------------------------


@EACH
def test_a_file_of_format_2_holds_codec_and_plan_and_reads_as_it_was(files, name, tmp_path):
    header, arrays = files[2, name]
    assert header["format"] == archive.FORMAT_VERSION == 2
    model = loaded(tmp_path / "model.rnn", name, header, arrays)
    assert header["codec"] == json.loads(json.dumps(model.codec_.to_json()))
    assert header["plan"] == json.loads(json.dumps(model.plan_.to_json()))
    assert model.plan_ == rnnkit.load(GOLDEN / f"{name}.rnn", **goldens.given(name)).plan_
    model.save(tmp_path / "again.rnn")
    again, weights = archive.read(tmp_path / "again.rnn")
    assert again == header
    assert weights.keys() == arrays.keys()
    assert all(weights[key].tobytes() == arrays[key].tobytes() for key in arrays)


@pytest.mark.parametrize("version", [3, 4, 10**9])
def test_a_file_of_a_later_format_asks_for_a_later_rnnkit(files, version, tmp_path):
    header, arrays = files[2, NAMES[0]]
    with pytest.raises(ArchiveError, match=f"in format {version}, .* Upgrade rnnkit"):
        loaded(tmp_path / "model.rnn", NAMES[0], {**header, "format": version}, arrays)


@pytest.mark.parametrize("name", ["Oracle", "SequenceEstimator", None, [], {}, 3, ["Translator"]])
def test_an_estimator_that_nobody_knows_is_refused_by_its_name(files, name, tmp_path):
    header, arrays = files[2, NAMES[0]]
    with pytest.raises(ArchiveError, match="which this rnnkit does not know"):
        loaded(tmp_path / "model.rnn", NAMES[0], {**header, "estimator": name}, arrays)


# -- altered headers ----------------------------------------------------------------------------

# What is told about a model, and nothing follows from.
TOLD = ("padding", "versions", "history")


@EACH
@FORMATS
def test_a_file_without_one_of_its_fields_is_refused(files, version, name, tmp_path):
    header, arrays = files[version, name]
    needed = set(header) - {"format", "codec", "plan", *TOLD}
    assert needed >= {"estimator", "params", "table", "given"}
    for field in needed:
        with pytest.raises(ArchiveError):
            loaded(tmp_path / "model.rnn", name, without(header, [field]), arrays)


@EACH
@FORMATS
def test_a_field_that_is_missing_anywhere_never_ends_in_another_error(
    files, version, name, tmp_path
):
    header, arrays = files[version, name]
    parts = ["state"] if version == 1 else ["params", "codec", "table"]  # the rest is as in 2
    for path in fields({part: header[part] for part in parts}):
        if len(path) > 1:
            loads_or_is_refused(tmp_path / "model.rnn", name, without(header, path), arrays)


@EACH
def test_every_field_of_a_plan_is_needed(files, name, tmp_path):
    header, arrays = files[2, name]
    for path in fields(header["plan"]):
        with pytest.raises(ArchiveError):
            loaded(tmp_path / "model.rnn", name, without(header, ["plan", *path]), arrays)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
TELLING = st.sampled_from([0, 1, -1, 2**63, True, 0.5, "", "lstm", "none", [], {}, [[1]], None])


@FORMATS
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_another_value_anywhere_loads_or_is_refused(files, version, tmp_path, data):
    name = data.draw(st.sampled_from(NAMES))
    header, arrays = files[version, name]
    path = data.draw(st.sampled_from(list(places(header))))
    other = with_other(header, path, data.draw(TELLING | JSON))
    loads_or_is_refused(tmp_path / "model.rnn", name, other, arrays)


@FORMATS
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_another_value_in_place_of_a_whole_part_loads_or_is_refused(files, version, tmp_path, data):
    name = data.draw(st.sampled_from(NAMES))
    header, arrays = files[version, name]
    path = data.draw(st.sampled_from(list(fields(header))))
    other = with_other(header, path, data.draw(TELLING | JSON))
    loads_or_is_refused(tmp_path / "model.rnn", name, other, arrays)


@EACH
def test_a_plan_of_another_network_is_refused(files, name, tmp_path):
    header, arrays = files[2, name]
    for other in NAMES:
        plan = files[2, other][0]["plan"]
        if plan["plan"] != header["plan"]["plan"]:
            with pytest.raises(ArchiveError, match="do not fit"):
                loaded(tmp_path / "model.rnn", name, {**header, "plan": plan}, arrays)


# -- altered sizes ------------------------------------------------------------------------------


MEMORY = Path("/proc/self/statm")


@contextmanager
def little(megabytes, seconds):
    """Within, no more memory than so much is asked for, and no more time is taken."""
    resource = importlib.import_module("resource")  # which not every system has
    used = int(MEMORY.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    peak, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    # Should it fail, it shall not take the machine along.
    resource.setrlimit(resource.RLIMIT_AS, (used + 20 * megabytes * 2**20, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < megabytes * 1024
    assert time.process_time() - begin < seconds


@pytest.mark.skipif(not MEMORY.exists(), reason="memory is counted on Linux")
@EACH
@FORMATS
def test_huge_sizes_are_refused_before_anything_so_large_is_made(files, version, name, tmp_path):
    header, arrays = files[version, name]
    sizes = [path for path in places(header) if type(at(header, path)) is int]
    sizes = [path for path in sizes if path[0] in ("params", "codec", "plan", "state", "table")]
    assert len(sizes) > 5
    for path in sizes:
        other = with_other(header, path, 10**9)
        with little(megabytes=50, seconds=2):
            loads_or_is_refused(tmp_path / "model.rnn", name, other, arrays)


PLANNED = ("hidden_size", "input_size", "num_layers", "outputs", "vocabulary_size", "output_size")


@EACH
def test_another_size_in_a_plan_is_refused_beside_the_weights(files, name, tmp_path):
    header, arrays = files[2, name]
    planned = [path for path in fields(header["plan"]) if path[-1] in PLANNED]
    assert planned
    for path in planned:
        other = with_other(header, ["plan", *path], at(header["plan"], path) + 1)
        with pytest.raises(ArchiveError, match=r"do(es)? not fit|the network was planned for"):
            loaded(tmp_path / "model.rnn", name, other, arrays)


@EACH
def test_weights_that_are_missing_too_many_or_of_another_shape_are_refused(files, name, tmp_path):
    header, arrays = files[2, name]
    path = tmp_path / "model.rnn"
    for key, array in arrays.items():
        others = {k: v for k, v in arrays.items() if k != key}
        with pytest.raises(ArchiveError, match="do not fit"):
            loaded(path, name, header, others)
        with pytest.raises(ArchiveError, match="do not fit"):
            loaded(path, name, header, {**others, key: np.concatenate([array, array])})
    with pytest.raises(ArchiveError, match="do not fit"):
        loaded(path, name, header, {**arrays, "colour": np.ones(1, np.float32)})


# -- what a file cannot hold --------------------------------------------------------------------


@FORMATS
@pytest.mark.parametrize("name", ["captioner-conv-given", "frames-conv-given"])
def test_another_encoder_than_that_of_the_fit_is_refused(files, version, name, tmp_path):
    header, arrays = files[version, name]
    archive.write(tmp_path / "model.rnn", header, arrays)
    with pytest.raises(ArchiveError, match=r"encoder= of your own.*load\(path, encoder="):
        rnnkit.load(tmp_path / "model.rnn")
    for other in (nn.Flatten(), nn.Conv2d(1, 5, 3, stride=2)):
        with pytest.raises(ArchiveError, match=r"give the same module|weights do not fit"):
            rnnkit.load(tmp_path / "model.rnn", encoder=other)

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from rnnkit import archive
from rnnkit.errors import ArchiveError, InputError
from rnnkit.tensors import from_arrays, to_arrays

TENSORS = {"weight": np.arange(6.0).reshape(2, 3), "count": np.array([3])}

# What the first version of this module, which read and wrote torch's tensors, made of ALL_DTYPES.
FIRST = (
    "CAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJybm5raXQiOiJ7XCJmb3JtYXRcIjogMSwgXCJlc3RpbWF0b3JcIjogXCJF"
    "XCIsIFwid29yZHNcIjoge1wi64KY66y0XCI6IDF9fSIsInNoYTI1NiI6IjhiYWFiOTc3ZmFmNDhjZTllNGU5NTJhNjdl"
    "YzQ3MjllYzNhYzkxZjhmMjcyYzkzZGE0YzZjYTExZmM4YTEyMTgifSwiY291bnQiOnsiZHR5cGUiOiJJNjQiLCJzaGFw"
    "ZSI6W10sImRhdGFfb2Zmc2V0cyI6WzAsOF19LCJlbXB0eSI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbMCwzXSwiZGF0"
    "YV9vZmZzZXRzIjpbOCw4XX0sInoiOnsiZHR5cGUiOiJDNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOls4LDE2"
    "XX0sIndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbMTYsNDBdfSwiaGFs"
    "ZiI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzQwLDQ0XX0sImZsYWdzIjp7ImR0eXBl"
    "IjoiQk9PTCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzQ0LDQ2XX19AwAAAAAAAAAAAIA/AAAAQAAAAAAAAIA/"
    "AAAAQAAAQEAAAIBAAACgQAA8ADwBAA=="
)
ALL_DTYPES = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array(3),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "half": np.ones(2, np.float16),
    "z": np.array([1 + 2j], np.complex64),
}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.rnn"
    archive.write(path, {"estimator": "E", "vocabulary": {"나무": 1}}, TENSORS)
    return path


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_header_and_tensors_come_back_as_they_were(model):
    header, tensors = archive.read(model)
    assert header["vocabulary"] == {"나무": 1}
    assert header["format"] == archive.FORMAT_VERSION
    assert_same(tensors, TENSORS)
    assert archive.read_header(model) == header
    assert archive.count_numbers(model) == 7


def test_the_file_is_plain_safetensors(model):
    content = model.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert header["weight"]["shape"] == [2, 3]
    assert json.loads(header["__metadata__"]["rnnkit"])["estimator"] == "E"
    assert_same(load_file(model), TENSORS)


def test_a_file_that_was_written_with_torch_is_read_and_written_again_to_the_byte(tmp_path):
    path = tmp_path / "first.rnn"
    path.write_bytes(base64.b64decode(FIRST))
    header, tensors = archive.read(path)
    assert_same(tensors, ALL_DTYPES)
    del header["format"]
    archive.write(tmp_path / "again.rnn", header, ALL_DTYPES)
    digests = [archive._digest("", archive.read(p)[1]) for p in (path, tmp_path / "again.rnn")]
    assert digests[0] == digests[1]
    assert (tmp_path / "again.rnn").stat().st_size == path.stat().st_size


def test_any_layout_in_memory_is_kept_by_its_numbers(tmp_path):
    given = {
        "turned": np.arange(6.0).reshape(2, 3).T,
        "strided": np.arange(9)[::2],
        "swapped": np.arange(3, dtype=">f4"),
        "number": np.float32(2.5),
    }
    archive.write(tmp_path / "m.rnn", {}, given)
    _, found = archive.read(tmp_path / "m.rnn")
    for name, array in given.items():
        assert found[name].shape == np.shape(array)
        assert np.array_equal(found[name], array)


def test_torchs_tensors_share_their_memory_with_the_arrays_both_ways():
    tensors = {"a": torch.ones(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    arrays = to_arrays(tensors)
    arrays["a"][0, 0] = 5
    assert tensors["a"][0, 0] == 5
    again = from_arrays(arrays)
    assert all(again[name].data_ptr() == tensors[name].data_ptr() for name in tensors)


def test_bfloat16_comes_back_as_bfloat16(tmp_path):
    tensors = {
        "low": torch.randn(3, 2).bfloat16(),
        "one": torch.tensor(1.5, dtype=torch.bfloat16),
        "bits": torch.tensor([7], dtype=torch.uint16),
    }
    archive.write(tmp_path / "m.rnn", {}, to_arrays(tensors))
    found = from_arrays(archive.read(tmp_path / "m.rnn")[1])
    for name, tensor in tensors.items():
        assert found[name].dtype is tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_dtype_that_no_file_can_hold_is_refused_by_name(tmp_path):
    with pytest.raises(ArchiveError, match="'words' is of dtype <U3"):
        archive.write(tmp_path / "m.rnn", {}, {"words": np.array(["one"])})
    with pytest.raises(InputError, match=r"'small' is torch\.float8_e5m2"):
        to_arrays({"small": torch.ones(2).to(torch.float8_e5m2)})
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "other.rnn"
    save_torch({"w": torch.ones(1).bfloat16()}, path, {"rnnkit": '{"format": 1}', "sha256": ""})
    with pytest.raises(ArchiveError, match="'w' is of dtype BF16, which rnnkit never saves"):
        archive.read(path)


# -- whatever is wrong with a file, ArchiveError says so ----------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_cut_short_anywhere_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "model.rnn"
    archive.write(path, {"estimator": "E"}, TENSORS)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ArchiveError, match="no whole model file"):
        archive.read(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_file_with_any_byte_altered_is_refused_or_reads_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("altered") / "model.rnn"
    low = {"low": np.zeros(2, archive.BFLOAT16)}
    archive.write(path, {"estimator": "E"}, TENSORS | low)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        header, tensors = archive.read(path)
        archive.read_header(path)
        archive.count_numbers(path)
    except ArchiveError:
        return
    # Only the spelling of the outer header can change without changing what it says.
    assert header["estimator"] == "E"
    assert_same(tensors, TENSORS | low)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
sizes = st.lists(st.integers(-1, 3) | st.integers(0, 2**64), max_size=3)
entries = any_json | st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "U16", "F4", "F8_E4M3"]) | any_json,
        "shape": sizes | any_json,
        "data_offsets": sizes | any_json,
    }
)


@settings(max_examples=300, deadline=None)
@given(
    outer=st.dictionaries(st.text(max_size=3), entries, max_size=3) | any_json,
    inner=any_json | st.fixed_dictionaries({"format": any_json}),
    records=st.none() | any_json,
    data=st.binary(max_size=16),
)
def test_a_header_of_any_json_is_refused_or_read(tmp_path_factory, outer, inner, records, data):
    text = json.dumps(inner)
    if isinstance(outer, dict):
        metadata = {"rnnkit": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        metadata |= {} if records is None else {"bfloat16": json.dumps(records)}
        outer = {**outer, "__metadata__": metadata}
    head = json.dumps(outer).encode()
    path = tmp_path_factory.getbasetemp() / "any.rnn"
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    for reader in (archive.read, archive.read_header, archive.count_numbers):
        # Anything but ArchiveError fails the test.
        with contextlib.suppress(ArchiveError):
            reader(path)


@pytest.mark.parametrize(
    "inner", ["[" * 100_000, "1e999", '{"format": 1e999}', '{"format": true}', '{"format": 0}', "x"]
)
def test_a_header_that_is_none_is_refused(tmp_path, inner):
    path = tmp_path / "m.rnn"
    save_file({"w": np.ones(1)}, path, {"rnnkit": inner, "sha256": ""})
    for reader in (archive.read, archive.read_header):
        with pytest.raises(ArchiveError, match="its header cannot be read"):
            reader(path)


@pytest.mark.parametrize("shape", [[2**62, 0], [2**31, 2**31, 0]])
def test_a_size_that_no_array_can_have_is_refused_before_anything_is_allocated(tmp_path, shape):
    metadata = {"rnnkit": '{"format": 1}', "sha256": ""}
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    head = json.dumps({"__metadata__": metadata, "w": entry}).encode()
    path = tmp_path / "m.rnn"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(ArchiveError):
        archive.read(path)


def test_a_tensor_larger_than_the_file_is_refused(tmp_path):
    metadata = {"rnnkit": '{"format": 1}', "sha256": ""}
    entry = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
    head = json.dumps({"__metadata__": metadata, "w": entry}).encode()
    path = tmp_path / "m.rnn"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    for reader in (archive.read, archive.read_header, archive.count_numbers):
        with pytest.raises(ArchiveError, match="no whole model file"):
            reader(path)


def test_a_newer_format_says_to_upgrade(tmp_path, monkeypatch):
    path = tmp_path / "model.rnn"
    monkeypatch.setattr(archive, "FORMAT_VERSION", 99)
    archive.write(path, {"estimator": "E"}, TENSORS)
    monkeypatch.undo()
    for reader in (archive.read, archive.read_header):
        with pytest.raises(ArchiveError, match=r"format 99.*reads up to \d+.*Upgrade"):
            reader(path)


def test_a_missing_file_a_folder_and_another_kind_of_file_say_so(tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        archive.read(tmp_path / "nothing.rnn")
    with pytest.raises(ArchiveError, match="this is no file"):
        archive.read(tmp_path)
    other = tmp_path / "other.rnn"
    other.write_text("not a model")
    with pytest.raises(ArchiveError, match="no whole model file"):
        archive.read(other)
    save_file({"a": np.ones(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ArchiveError, match="not one that rnnkit saved"):
        archive.read(tmp_path / "foreign.safetensors")


# -- writing ------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_has_the_usual(model):
    before = os.umask(0o027)
    try:
        archive.write(model.parent / "new.rnn", {}, TENSORS)
    finally:
        os.umask(before)
    assert (model.parent / "new.rnn").stat().st_mode & 0o777 == 0o640
    model.chmod(0o604)
    archive.write(model, {"estimator": "F"}, TENSORS)
    assert model.stat().st_mode & 0o777 == 0o604
    assert archive.read_header(model)["estimator"] == "F"


def test_a_symbolic_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "models").mkdir()
    link = tmp_path / "latest.rnn"
    link.symlink_to(tmp_path / "models" / "first.rnn")
    for estimator in ("E", "F"):  # the file is not there yet, and then it is
        archive.write(link, {"estimator": estimator}, TENSORS)
        assert link.is_symlink()
        assert archive.read_header(tmp_path / "models" / "first.rnn")["estimator"] == estimator
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["first.rnn"]


def test_a_folder_and_a_device_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match=r"this is a folder\. Give the name of a file"):
        archive.write(tmp_path, {}, TENSORS)
    with pytest.raises(ArchiveError, match="this is no regular file"):
        archive.write(os.devnull, {}, TENSORS)
    loop = tmp_path / "loop.rnn"
    loop.symlink_to(loop)
    with pytest.raises(ArchiveError, match="could not be written"):
        archive.write(loop, {}, TENSORS)
    assert list(tmp_path.iterdir()) == [loop]


def test_a_disk_that_refuses_leaves_the_old_file_and_no_rubbish(model, monkeypatch):
    before = model.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        archive.write(model, {"estimator": "F"}, TENSORS)
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_an_interrupt_while_saving_leaves_the_old_file_and_no_rubbish(model, monkeypatch):
    before = model.read_bytes()

    def interrupted(_descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(archive.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archive.write(model, {"estimator": "F"}, TENSORS)
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_a_missing_folder_and_a_value_outside_json_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match="could not be written"):
        archive.write(tmp_path / "no" / "model.rnn", {}, TENSORS)
    with pytest.raises(ArchiveError, match="JSON cannot"):
        archive.write(tmp_path / "model.rnn", {"function": print}, TENSORS)


ALONE = """
import sys
from rnnkit import archive
archive.read(sys.argv[1])
from rnnkit.cli import main
try:
    main(["info", sys.argv[1]])
finally:
    print({"torch", "sklearn", "scipy", "sacrebleu"} & sys.modules.keys())
"""


def test_a_model_is_read_and_described_without_torch(tmp_path):
    path = tmp_path / "m.rnn"
    header = {"estimator": "E", "state": {}, "params": {}, "history": None, "versions": {}}
    archive.write(path, header, TENSORS)
    found = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, check=True
    )
    assert "estimator: E" in found.stdout
    assert "parameters: 7" in found.stdout
    assert found.stdout.splitlines()[-1] == "set()"

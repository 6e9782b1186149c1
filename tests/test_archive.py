from __future__ import annotations

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit import archive
from rnnkit.errors import ArchiveError

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor([3])}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.rnn"
    archive.write(path, {"estimator": "E", "vocabulary": {"나무": 1}}, TENSORS)
    return path


def test_header_and_tensors_come_back_as_they_were(model):
    header, tensors = archive.read(model)
    assert header["vocabulary"] == {"나무": 1}
    assert header["format"] == archive.FORMAT_VERSION
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert archive.read_header(model) == header


def test_the_file_is_plain_safetensors(model):
    content = model.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert header["weight"]["shape"] == [2, 3]
    assert json.loads(header["__metadata__"]["rnnkit"])["estimator"] == "E"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_cut_short_anywhere_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "model.rnn"
    archive.write(path, {"estimator": "E"}, TENSORS)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ArchiveError, match="no whole model file"):
        archive.read(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_any_byte_altered_is_refused_or_reads_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("altered") / "model.rnn"
    archive.write(path, {"estimator": "E"}, TENSORS)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        header, tensors = archive.read(path)
    except ArchiveError:
        return
    # Only the spelling of the outer header can change without changing what it says.
    assert header["estimator"] == "E"
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_newer_format_says_to_upgrade(tmp_path, monkeypatch):
    path = tmp_path / "model.rnn"
    monkeypatch.setattr(archive, "FORMAT_VERSION", 99)
    archive.write(path, {"estimator": "E"}, TENSORS)
    monkeypatch.undo()
    for reader in (archive.read, archive.read_header):
        with pytest.raises(ArchiveError, match=r"format 99.*reads up to 1.*Upgrade"):
            reader(path)


def test_a_missing_file_and_another_kind_of_file_say_so(tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        archive.read(tmp_path / "nothing.rnn")
    other = tmp_path / "other.rnn"
    other.write_text("not a model")
    with pytest.raises(ArchiveError, match="no whole model file"):
        archive.read(other)
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ArchiveError, match="not one that rnnkit saved"):
        archive.read(tmp_path / "foreign.safetensors")


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

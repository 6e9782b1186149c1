"""One file for a model: safetensors, with everything else as JSON in its header. No pickle.

The header's `rnnkit` entry holds what is needed to use the model again (format, estimator,
parameters, vocabularies, labels, history, versions); its `sha256` entry is the digest of that
JSON and of all tensor bytes, so that a file that was cut short or altered is noticed.
Format: https://huggingface.co/docs/safetensors (8 bytes of header size, JSON header, tensors).

Tensors are numpy arrays here; `rnnkit.tensors` makes torch's of them, without a copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rnnkit.errors import ArchiveError

__all__ = [
    "BFLOAT16",
    "FORMAT_VERSION",
    "Header",
    "count_numbers",
    "read",
    "read_header",
    "write",
]

FORMAT_VERSION = 2

Header: TypeAlias = dict[str, Any]
"""Plain JSON by name."""

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])
"""The bits of bfloat16, which numpy has not: a record, so that nobody reckons with them."""

# Of safetensors, what numpy has. The names are those of the digest too, after "torch.".
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}


def write(
    path: str | Path, header: Mapping[str, object], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write a model file; an older file at `path` stays until the new one is whole.

    The new file has the older one's permissions; a symbolic link stays, and its file is written.

    header: plain JSON values; `format` is added.
    Raises ArchiveError if the header cannot be written as JSON, a tensor's dtype cannot be kept,
    `path` is a folder or a device, or the disk refuses.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "model.rnn")
    >>> write(path, {"estimator": "Example"}, {"weight": np.ones(2)})
    >>> header, tensors = read(path)
    >>> header["estimator"], tensors["weight"].tolist()
    ('Example', [1.0, 1.0])
    """
    try:
        text = json.dumps({"format": FORMAT_VERSION, **header}, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ArchiveError(f"{path}: the model holds a value that JSON cannot: {error}") from None
    plain = {name: _plain(path, name, tensor) for name, tensor in tensors.items()}
    metadata = {"rnnkit": text, "sha256": _digest(text, plain)}
    records = sorted(name for name, array in plain.items() if array.dtype == BFLOAT16)
    if records:
        metadata["bfloat16"] = json.dumps(records)
        plain |= {name: plain[name].view(np.uint16) for name in records}
    _replace(Path(path), save(plain, metadata=metadata))


def read_header(path: str | Path) -> Header:
    """The header alone, without reading the tensors.

    Raises ArchiveError if this is no model of rnnkit, or one from a newer format.
    """
    with _opened(path) as file:
        return _header(path, _metadata(path, file))


def count_numbers(path: str | Path) -> int:
    """How many numbers the tensors hold, from their shapes alone.

    Raises ArchiveError as `read_header`.
    """
    with _opened(path) as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def read(path: str | Path) -> tuple[Header, dict[str, np.ndarray]]:
    """Header and tensors, after checking the digest.

    Raises ArchiveError as `read_header`, and if the file was altered.
    """
    with _opened(path) as file:
        metadata = _metadata(path, file)
        header = _header(path, metadata)
        tensors = {name: _tensor(path, file, name) for name in file.keys()}  # noqa: SIM118
    for name in _records(path, metadata, tensors):
        tensors[name] = tensors[name].view(BFLOAT16)
    if metadata["sha256"] != _digest(metadata["rnnkit"], tensors):
        raise ArchiveError(
            f"{path}: the file was altered since it was saved (its digest does not fit). "
            f"Save the model again, or fetch the file again."
        )
    return header, tensors


def _digest(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode("utf-8"))
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} torch.{_name(array.dtype)} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _name(dtype: np.dtype[np.generic]) -> str:
    return "bfloat16" if dtype == BFLOAT16 else dtype.name


# -- writing ------------------------------------------------------------------------------------


def _plain(path: str | Path, name: str, tensor: np.ndarray) -> np.ndarray:
    """Contiguous, its bytes in the order of this machine."""
    array = np.asarray(tensor, order="C")
    if array.dtype == BFLOAT16:
        return array
    if array.dtype.name not in _DTYPES.values():
        raise ArchiveError(
            f"{path}: tensor {name!r} is of dtype {array.dtype}, which a model file cannot hold. "
            f"Convert it to one of {', '.join(_DTYPES.values())}."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _replace(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename: whole or not at all."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        mode = _mode(target)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"{path}: the model could not be written: {error.strerror}. "
            f"It needs {len(content) / 1e6:.1f} MB in an existing folder that you may write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _mode(target: Path) -> int | None:
    """The permissions of the file that is replaced; None where there is none."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ArchiveError(f"{target}: this is {kind}. Give the name of a file, as model.rnn.")
    return stat.S_IMODE(mode)


# -- reading ------------------------------------------------------------------------------------


class _Slice(Protocol):
    def get_dtype(self) -> str: ...

    def get_shape(self) -> list[int]: ...


class _File(Protocol):
    """What `safetensors.safe_open` gives, which is without types."""

    def metadata(self) -> dict[str, str] | None: ...

    def keys(self) -> list[str]: ...

    def get_slice(self, name: str) -> _Slice: ...

    def get_tensor(self, name: str) -> np.ndarray: ...


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[_File]:
    """The file, whose sizes safetensors has checked against its length."""
    if not Path(path).is_file():
        what = "this is no file" if Path(path).exists() else "there is no such file"
        raise ArchiveError(f"{path}: {what}. Give the name of a model that was saved.")
    try:
        with safe_open(str(path), framework="np") as file:
            yield cast(_File, file)
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{path}: this is no whole model file of rnnkit (cut short, or of another kind): "
            f"{error}."
        ) from None


def _metadata(path: str | Path, file: _File) -> dict[str, str]:
    metadata = file.metadata()
    if not metadata or "rnnkit" not in metadata or "sha256" not in metadata:
        raise ArchiveError(f"{path}: a safetensors file, but not one that rnnkit saved.")
    return metadata


def _header(path: str | Path, metadata: Mapping[str, str]) -> Header:
    header = _json(path, metadata["rnnkit"])
    version = header.get("format") if isinstance(header, dict) else None
    if not isinstance(header, dict) or type(version) is not int or version < 1:
        raise _altered(path)
    if version > FORMAT_VERSION:
        raise ArchiveError(
            f"{path}: written in format {version}, and this rnnkit reads up to {FORMAT_VERSION}. "
            f"Upgrade rnnkit."
        )
    return header


def _records(
    path: str | Path, metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]
) -> list[str]:
    """The names of the tensors that are bfloat16."""
    names = _json(path, metadata.get("bfloat16", "[]"))
    known = {name for name, array in tensors.items() if array.dtype == np.uint16}
    if not isinstance(names, list) or not all(isinstance(n, str) and n in known for n in names):
        raise _altered(path)
    return names


def _json(path: str | Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _altered(path) from None


def _tensor(path: str | Path, file: _File, name: str) -> np.ndarray:
    kind = file.get_slice(name).get_dtype()
    if kind not in _DTYPES:
        raise ArchiveError(f"{path}: tensor {name!r} is of dtype {kind}, which rnnkit never saves.")
    try:
        return file.get_tensor(name)
    except ValueError as error:  # no elements, but a size that numpy cannot count
        raise ArchiveError(f"{path}: tensor {name!r} cannot be read: {error}.") from None


def _altered(path: str | Path) -> ArchiveError:
    return ArchiveError(f"{path}: the file was altered: its header cannot be read.")

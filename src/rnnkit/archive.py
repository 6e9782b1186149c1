"""One file for a model: safetensors, with everything else as JSON in its header. No pickle.

The header's `rnnkit` entry holds what is needed to use the model again (format, estimator,
parameters, vocabularies, labels, history, versions); its `sha256` entry is the digest of that
JSON and of all tensor bytes, so that a file that was cut short or altered is noticed.
Format: https://huggingface.co/docs/safetensors (8 bytes of header size, JSON header, tensors).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rnnkit.errors import ArchiveError

__all__ = ["FORMAT_VERSION", "read", "read_header", "write"]

FORMAT_VERSION = 1


def write(path: str | Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a model file; an older file at `path` stays until the new one is whole.

    header: plain JSON values; `format` is added.
    Raises ArchiveError if the header cannot be written as JSON or the disk refuses.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "model.rnn")
    >>> write(path, {"estimator": "Example"}, {"weight": torch.ones(2)})
    >>> header, tensors = read(path)
    >>> header["estimator"], tensors["weight"].tolist()
    ('Example', [1.0, 1.0])
    """
    target = Path(path)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        text = json.dumps({"format": FORMAT_VERSION, **header}, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"{target}: the model holds a value that JSON cannot: {error}") from None
    metadata = {"rnnkit": text, "sha256": _digest(text, plain)}
    _replace(target, save(plain, metadata=metadata))


def read_header(path: str | Path) -> dict[str, Any]:
    """The header alone, without reading the tensors.

    Raises ArchiveError if this is no model of rnnkit, or one from a newer format.
    """
    with _opened(path) as file:
        return _header(Path(path), file.metadata())


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors, after checking the digest."""
    with _opened(path) as file:
        metadata = file.metadata()
        header = _header(Path(path), metadata)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata["sha256"] != _digest(metadata["rnnkit"], tensors):
        raise ArchiveError(
            f"{path}: the file was altered since it was saved (its digest does not fit). "
            f"Save the model again, or fetch the file again."
        )
    return header, tensors


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode("utf-8"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _replace(target: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename: whole or not at all."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise ArchiveError(
            f"{target}: the model could not be written: {error.strerror}. "
            f"It needs {len(content) / 1e6:.1f} MB in an existing folder that you may write to."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextlib.contextmanager
def _opened(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise ArchiveError(f"{path}: there is no such file.")
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{path}: this is no whole model file of rnnkit (cut short, or of another kind): "
            f"{error}."
        ) from None


def _header(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    if not metadata or "rnnkit" not in metadata or "sha256" not in metadata:
        raise ArchiveError(f"{path}: a safetensors file, but not one that rnnkit saved.")
    try:
        header: dict[str, Any] = json.loads(metadata["rnnkit"])
        version = int(header["format"])
    except (ValueError, KeyError, TypeError):
        raise ArchiveError(f"{path}: the file was altered: its header cannot be read.") from None
    if version > FORMAT_VERSION:
        raise ArchiveError(
            f"{path}: written in format {version}, and this rnnkit reads up to {FORMAT_VERSION}. "
            f"Upgrade rnnkit."
        )
    return header

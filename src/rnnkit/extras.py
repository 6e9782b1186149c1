"""What can be installed beside the base, what it is for, and what to say where it is missing.

The packages are those of `[project.optional-dependencies]` in pyproject.toml.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from rnnkit.errors import MissingDependencyError

__all__ = ["EXTRAS", "TRAIN", "Extra", "require"]

CPU = "https://download.pytorch.org/whl/cpu"

TRAIN = (
    "On Linux first take the CPU build of torch, as pip alone takes 5.8 GB of CUDA: "
    f"pip install 'torch>=2.13,<2.14' --index-url {CPU}, then pip install 'rnnkit[train]'. "
    "With uv: uv pip install --torch-backend cpu 'rnnkit[train]'."
)
"""How the extra `train` is installed."""


class Extra(NamedTuple):
    """packages: their names on PyPI. purpose: what they are for."""

    packages: tuple[str, ...]
    purpose: str


EXTRAS = {
    "train": Extra(("torch", "scikit-learn", "sacrebleu"), "training, and the models' estimators"),
    "samples": Extra(
        ("babel", "Django", "emoji", "jupyterlab-language-pack-ko-KR"), "the data of rnnkit demo"
    ),
    "parquet": Extra(("pyarrow",), "reading Parquet files"),
    "image": Extra(("pillow",), "reading image files"),
    "video": Extra(("av",), "reading video files"),
    "subword": Extra(("sentencepiece",), "vocabularies of subwords"),
    "plot": Extra(("matplotlib",), "plots, and the pages of rnnkit diagnose"),
    "bench": Extra(("jax", "keras", "onnx", "onnxruntime"), "what the benchmarks compare with"),
}


def require(*modules: str) -> None:
    """Raise MissingDependencyError, which says what to install, if a module of `train` is missing.

    >>> require("torch", "no_such_module")
    Traceback (most recent call last):
        ...
    rnnkit.errors.MissingDependencyError: rnnkit's networks and estimators need what is not \
installed: no_such_module. ...
    """
    missing = [name for name in modules if not _is_there(name)]
    if missing:
        raise MissingDependencyError(
            f"rnnkit's networks and estimators need what is not installed: {', '.join(missing)}. "
            f"{TRAIN}"
        )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False

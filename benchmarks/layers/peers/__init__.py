"""The libraries that a case is computed with, ours first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

from benchmarks.layers.peers.peer import Peer
from benchmarks.layers.problem import Problem

__all__ = ["Peer", "installed", "peers_of"]


def installed(*packages: str) -> bool:
    """Whether all of these packages can be imported."""
    return all(find_spec(package) for package in packages)


def peers_of(problem: Problem, threads: int) -> Iterator[tuple[str, Callable[[], Peer]]]:
    """Name and maker of each peer that may be able to compute the problem, ours first.

    A framework is imported only here: by now the process knows on which cores it may run.
    """
    from benchmarks.layers.peers import torch_modules

    yield from torch_modules.peers_of(problem)
    if installed("jax"):
        from benchmarks.layers.peers.jax_scan import JaxScan

        yield JaxScan.name, partial(JaxScan, problem)
    if installed("jax", "keras"):
        from benchmarks.layers.peers.keras_jax import KerasJax

        yield KerasJax.name, partial(KerasJax, problem)
    if installed("onnx", "onnxruntime"):
        from benchmarks.layers.peers.onnx_runtime import OnnxRuntime

        for name, spinning in (("ONNX Runtime", True), ("ONNX Runtime not spinning", False)):
            yield name, partial(OnnxRuntime, problem, threads, name=name, spinning=spinning)

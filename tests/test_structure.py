"""The layout that docs/design.md draws, held against the imports."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "rnnkit"
# From the bottom up. The ground floor, without torch:
GROUND = {
    "errors": set(),
    "reserved": set(),
    "extras": {"errors"},
    "nest": {"errors"},
    "layout": {"errors"},
    "archive": {"errors"},
    "native": {"errors"},
    "recurrence": {"errors"},
    "plans": {"errors"},
    "vectorize": {"errors", "extras", "reserved"},
    "data": {"errors", "extras"},
    "options": {"errors", "recurrence", "vectorize"},
    "codecs": {"errors", "reserved", "data", "vectorize", "options"},
    "decode": {"errors", "nest"},
}
# What all that is made of torch stands on.
FOUNDATION = {"errors", "reserved", "extras", "nest", "layout", "archive", "recurrence"}
FOUNDATION |= {"needs_torch", "needs_train", "packed", "tensors", "randomness", "torch_private"}
ALLOWED = {
    **GROUND,
    "needs_torch": {"extras"},
    "needs_train": {"extras"},
    "packed": {"errors", "layout"},
    "tensors": {"errors", "archive"},
    "torch_private": set(),
    "randomness": set(),
    "batch": FOUNDATION,
    "bptt": FOUNDATION,
    "kernels": FOUNDATION | {"native"},
    "cells": FOUNDATION | {"kernels", "bptt"},
    "networks": FOUNDATION | {"plans", "bptt", "cells"},
    "learn": FOUNDATION | {"batch", "bptt", "cells"},
    "diagnose": FOUNDATION | {"bptt", "cells"},
    "metrics": FOUNDATION | {"data"},
    "baselines": FOUNDATION | {"data", "vectorize", "metrics"},
}
ALLOWED["tasks"] = set(ALLOWED) - {"baselines", "kernels", "native"}
ALLOWED["ship"] = FOUNDATION | {"diagnose", "options", "tasks"}
ALLOWED["cli"] = set(ALLOWED)


def parts() -> list[str]:
    return sorted(
        path.stem
        for path in SOURCE.iterdir()
        if path.stem not in ("__init__", "__pycache__", "__main__", "py")
    )


def files_of(part: str) -> list[Path]:
    module = SOURCE / f"{part}.py"
    return [module] if module.exists() else sorted((SOURCE / part).rglob("*.py"))


def imported_parts(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    split = [name.split(".") for name in names if name.startswith("rnnkit.")]
    return {name[1] for name in split if name[1] in ALLOWED}


def test_every_part_of_the_package_has_its_place_in_the_layout():
    assert set(parts()) == set(ALLOWED)


@pytest.mark.parametrize("part", ALLOWED)
def test_no_import_points_up(part):
    for path in files_of(part):
        outside = imported_parts(path) - {part}
        assert outside <= ALLOWED[part], f"{path.relative_to(SOURCE)} imports {outside}"


HEAVY = ("torch", "sklearn", "scipy", "sacrebleu")
COMMANDS = ["cli.app", "cli.doctor", "cli.info"]


@pytest.mark.parametrize("part", [*GROUND, *COMMANDS])
def test_the_ground_floor_imports_nothing_heavy(part):
    paths = files_of(part.replace(".", "/"))
    modules = [path.relative_to(SOURCE.parent).with_suffix("") for path in paths]
    names = [".".join(one.parts).removesuffix(".__init__") for one in modules]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {names}]; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_no_modules_import_each_other_in_a_circle():
    """Not for their types either."""
    graph = {}
    for path in SOURCE.rglob("*.py"):
        name = ".".join(("rnnkit", *path.relative_to(SOURCE).with_suffix("").parts))
        imports = [
            n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)
        ]
        if path.stem != "__init__":  # they only hand names on
            graph[name] = {one.module for one in imports if one.module.startswith("rnnkit.")}
    assert len(list(TopologicalSorter(graph).static_order())) > 100


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_every_name_in_all_exists_and_nothing_public_is_left_out(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnnkit")
        for alias in node.names
    }
    listed = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    assert sorted(listed) == sorted(set(listed))
    assert imported <= set(listed)


def test_no_module_is_too_long_to_be_one_room():
    for path in SOURCE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path


def body_lengths() -> dict[str, int]:
    """Lines from each function's first statement after the docstring to its end.

    A function without a statement, of which only a docstring says what it does, is left out.
    """
    lengths = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body if ast.get_docstring(node) is None else node.body[1:]
                if body:
                    where = f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
                    lengths[where] = body[-1].end_lineno - body[0].lineno + 1
    return lengths


def test_functions_read_as_one_thought():
    lengths = body_lengths()
    longest = {where: lines for where, lines in lengths.items() if lines > 45}
    assert not longest
    in_order = sorted(lengths.values())
    assert statistics.median(in_order) <= 6
    assert in_order[len(in_order) * 9 // 10] <= 18


def test_private_names_of_torch_stand_in_one_module():
    for path in SOURCE.rglob("*.py"):
        if path.stem != "torch_private":
            private = re.findall(r"torch\._\w+", path.read_text(encoding="utf-8"))
            assert set(private) <= {"torch._dynamo"}, path  # whose name is looked for, no more


def test_the_package_offers_its_names_and_no_others():
    import rnnkit

    for name in rnnkit.__all__:
        assert getattr(rnnkit, name) is not None
    assert set(dir(rnnkit)) >= set(rnnkit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Oracle'"):
        _ = rnnkit.Oracle

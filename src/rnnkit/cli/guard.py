"""The one place where an error becomes one line and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from rnnkit.errors import OptionError, RnnkitError
from rnnkit.extras import TRAIN

__all__ = ["FAILURE", "USAGE", "GuardedGroup", "fail"]

FAILURE, USAGE = 1, 2

# The commands of which a user needs the first before the next.
_FIRST = ("train", "predict", "evaluate", "compare", "generate")


class GuardedGroup(TyperGroup):
    """Commands whose errors of use are told in one line; a bug keeps its traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use."""
        return sorted(super().list_commands(ctx), key=_place)

    def invoke(self, ctx: Any) -> Any:
        """Run a command and report what it raises."""
        with _reported():
            result = super().invoke(ctx)
            # A full disk or a closed pipe shows itself here at the latest.
            sys.stdout.flush()
        return result


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def fail(message: str, code: int = FAILURE) -> typer.Exit:
    """Tell the error in one line; to be raised."""
    print(f"rnnkit: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return typer.Exit(code)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OptionError as error:
        raise fail(str(error), USAGE) from None
    except RnnkitError as error:
        raise fail(str(error)) from None
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("torch", "sklearn", "sacrebleu"):
            raise
        raise fail(f"{error.name} is not installed. {TRAIN}") from None
    except BrokenPipeError:
        # The reader has seen enough, as `head` does.
        _drop_output()
        raise typer.Exit(FAILURE) from None
    except OSError as error:
        _drop_output()
        raise fail(_describe(error)) from None
    except KeyboardInterrupt:
        raise fail("interrupted.") from None
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise fail(
            "there is not enough memory. Make it smaller: fewer or shorter sequences, --batch-size "
            "or --hidden-size."
        ) from None


def _drop_output() -> None:
    """Send what is still buffered nowhere, or Python would complain once more when it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _describe(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}." if error.filename is not None else f"{what}."


def _is_out_of_memory(error: Exception) -> bool:
    # torch has no class of its own for this on a CPU.
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)

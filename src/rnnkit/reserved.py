"""The first indices of every vocabulary."""

from __future__ import annotations

__all__ = ["FIRST", "RESERVED", "UNKNOWN"]

RESERVED, UNKNOWN, FIRST = 0, 1, 2
"""Index 0 stands for no token: padding, an absent affix, the end of a sentence. Index 1 is any
token that is not known. Those that are known begin at 2."""

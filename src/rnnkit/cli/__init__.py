"""The command line: train, predict, evaluate, info, demo and doctor."""

from rnnkit.cli.app import main

__all__ = ["main"]

"""Trained models out into the world: files, and pages about them."""

from rnnkit.ship.loading import load
from rnnkit.ship.report import Section, page, write_page

__all__ = ["Section", "load", "page", "write_page"]

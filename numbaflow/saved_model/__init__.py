"""Saved models: functions and variables in a folder, which run without the code that made them."""
from .loading import load
from .saving import save

__all__ = ["load", "save"]

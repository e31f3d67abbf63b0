"""The embedded dataset: scenes drawn by the project, photographs' stand-ins."""

from objloc.scenes.write import draw_devkit

__all__ = ["draw_devkit"]

"""The embedded dataset: scenes drawn by the project, photographs' stand-ins."""

from objloc.voc.scenes.write import draw_devkit

__all__ = ["draw_devkit"]

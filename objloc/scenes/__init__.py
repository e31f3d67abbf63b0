"""The embedded dataset: drawn scenes that stand in for photographs."""

from objloc.scenes.write import draw_devkit

__all__ = ["draw_devkit"]

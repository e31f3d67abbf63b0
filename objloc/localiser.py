"""The public face: load an agent, show it a picture, read its boxes."""

from objloc.search.localiser import Localiser, model_path

__all__ = ["Localiser", "model_path"]

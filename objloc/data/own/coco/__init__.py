"""Read COCO's JSON files: the values of entries, one file, and several together."""

from objloc.data.own.coco.read import read_coco

__all__ = ["read_coco"]

"""Somebody's own folder of images, with VOC's XML files or COCO's JSON, as a devkit."""

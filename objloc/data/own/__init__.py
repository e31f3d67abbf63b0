"""Convert a user's own folder, with VOC's XML files or COCO's JSON, to a devkit."""

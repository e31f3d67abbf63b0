"""Small valid inputs of every format that is read, from which mutations begin."""

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image

from benchmarks.running import ROOT
from objloc import params
from objloc.data.own.convert import annotation_xml
from objloc.data.sample import VocObject
from objloc.network.q_network import build_network

SIZE = (48, 36)
"""Width and height in pixels of every image."""
CATEGORIES = ("cat", "traffic light")
_BOXES = ((4.0, 5.0, 20.0, 30.0), (10.0, 1.0, 47.0, 22.5))

Folder = Mapping[str, bytes]
"""Content of files by name."""


def picture(mode: str = "RGB", turned: int = 0) -> Image.Image:
    """A smooth picture, turned by some degrees."""
    ramp = Image.linear_gradient("L").rotate(turned).resize(SIZE)
    if mode.startswith("I;16"):
        return Image.frombytes("I;16", SIZE, bytes(2 * SIZE[0] * SIZE[1]))
    coloured = Image.merge("RGB", (ramp, ramp.rotate(180), ramp))
    return coloured.convert("L").convert(mode) if mode == "F" else coloured.convert(mode)


def image_files() -> list[tuple[str, bytes]]:
    """Ending and content of image files of every format and many modes."""
    forms: list[tuple[str, str, str, dict[str, Any]]] = [
        (".jpg", "JPEG", "RGB", {}),
        (".jpg", "JPEG", "L", {"quality": 30}),
        (".jpg", "JPEG", "CMYK", {}),
        (".jpg", "JPEG", "RGB", {"progressive": True, "exif": _turned()}),
        (".png", "PNG", "RGB", {}),
        (".png", "PNG", "RGBA", {}),
        (".png", "PNG", "P", {"transparency": 3}),
        (".png", "PNG", "I;16", {}),
        (".png", "PNG", "1", {}),
        (".webp", "WEBP", "RGB", {}),
        (".webp", "WEBP", "RGBA", {"lossless": True}),
        (".gif", "GIF", "P", {}),
        (".gif", "GIF", "P", {"save_all": True, "append_images": [picture("P").rotate(90)]}),
        (".bmp", "BMP", "RGB", {}),
        (".bmp", "BMP", "P", {}),
        (".tif", "TIFF", "RGB", {}),
        (".tif", "TIFF", "RGB", {"compression": "tiff_lzw"}),
        (".tif", "TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
        (".tif", "TIFF", "RGB", {"compression": "jpeg"}),
        (".tif", "TIFF", "F", {}),
        (".tif", "TIFF", "I;16", {}),
        (".ppm", "PPM", "RGB", {}),
        (".pgm", "PPM", "L", {}),
    ]
    found = []
    for ending, kind, mode, options in forms:
        stream = io.BytesIO()
        picture(mode).save(stream, kind, **options)
        found.append((ending, stream.getvalue()))
    return found


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def coco_tree() -> dict[str, Any]:
    """COCO's JSON for ``a.png`` and ``b.png``."""
    width, height = SIZE
    return {
        "info": {"year": 2026},
        "categories": [{"id": n, "name": name} for n, name in enumerate(CATEGORIES, start=1)],
        "images": [
            {"id": n, "file_name": f"{name}.png", "width": width, "height": height}
            for n, name in enumerate("ab")
        ],
        "annotations": [
            {
                "id": n,
                "image_id": n % 2,
                "category_id": 1 + n // 2,
                "bbox": [x, y, right - x, bottom - y],
                "iscrowd": int(n == 3),
                "segmentation": [[x, y, right, y, right, bottom]],
                "attributes": {"occluded": False},
            }
            for n, (x, y, right, bottom) in enumerate(_BOXES * 2)
        ],
    }


def labelme_tree() -> dict[str, Any]:
    """Labelme's JSON for ``a.png``."""
    (x, y, right, bottom), (_, _, far, low) = _BOXES
    shapes = (
        ("rectangle", [[x, y], [right, bottom]]),
        ("polygon", [[x, y], [right, y], [far, low]]),
        ("circle", [[20, 15], [25, 15]]),
        ("point", [[1, 2]]),
    )
    return {
        "version": "5.4.1",
        "flags": {"difficult": False},
        "shapes": [
            {"label": CATEGORIES[n % 2], "points": points, "shape_type": kind, "flags": {}}
            for n, (kind, points) in enumerate(shapes)
        ],
        "imagePath": "a.png",
        "imageData": None,
        "imageWidth": SIZE[0],
        "imageHeight": SIZE[1],
    }


def voc_xml() -> bytes:
    """VOC's XML, with the elements that its readers look at."""
    objects = [
        VocObject(name, box, difficult=name == "cat")
        for name, box in zip(CATEGORIES, _BOXES, strict=True)
    ]
    written = annotation_xml("a.png", SIZE, objects)
    source = "<source><database>Unknown</database></source><path>/home/a.png</path><size>"
    part = "<part><name>head</name><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>9</xmax>"
    part += "<ymax>12</ymax></bndbox></part></object>"
    return written.replace("<size>", source, 1).replace("</object>", part, 1).encode()


def cvat_xml() -> bytes:
    """CVAT's XML for ``a.png`` and ``b.png``."""
    (x, y, right, bottom), _ = _BOXES
    shapes = (
        f'<box label="cat" occluded="1" xtl="{x}" ytl="{y}" xbr="{right}" ybr="{bottom}" '
        'rotation="10"><attribute name="difficult">true</attribute></box>',
        '<polygon label="cat" points="1,2;20,3.5;7,9"></polygon>',
        '<ellipse label="traffic light" cx="20" cy="15" rx="5" ry="4" rotation="12"></ellipse>',
        '<mask label="cat" rle="1, 2" left="3" top="4" width="10" height="11"></mask>',
        '<polyline label="cat" points="1,2;3,4"></polyline>',
    )
    images = "".join(
        f'<image id="{n}" name="{name}.png" subset="train" width="{SIZE[0]}" height="{SIZE[1]}">'
        f"{''.join(shapes[2 * n :])}</image>"
        for n, name in enumerate("ab")
    )
    return (
        f"<?xml version='1.0'?><annotations><version>1.1</version>{images}</annotations>".encode()
    )


def yolo_files() -> Folder:
    """YOLO's label file, names and lists for ``images/train/a.png`` and ``images/val/b.png``."""
    return {
        "labels/train/a.txt": b"0 0.25 0.5 0.3 0.4\n1 0.1 0.1 0.5 0.2 0.6 0.9\n",
        "labels/val/b.txt": b"1 0.6 0.4 0.2 0.4\r\n",
        "data.yaml": b"path: .\ntrain: images/train\nval: images/val\nnc: 2\n"
        b"names:\n  0: cat\n  1: 'traffic light'\n",
    }


def annotated_folders() -> dict[str, tuple[Folder, Folder]]:
    """Annotation files and other files of a folder, by the format of its annotations."""
    one, other = _png(0), _png(90)
    both = {"a.png": one, "b.png": other}
    xml, yolo = voc_xml(), yolo_files()
    devkit = {"Annotations/a.xml": xml, "ImageSets/Main/train.txt": b"a\n"}
    darknet = {"a.txt": yolo["labels/val/b.txt"], "obj.names": b"cat\ntraffic light\n"}
    return {
        "voc": ({"a.xml": xml}, {"a.png": one}),
        "voc devkit": (devkit, {"JPEGImages/a.png": one}),
        "yolo": (yolo, {"images/train/a.png": one, "images/val/b.png": other}),
        "darknet": (darknet, both),
        "cvat": ({"annotations.xml": cvat_xml()}, both),
        "labelme": ({"a.json": json.dumps(labelme_tree(), indent=1).encode()}, both),
    }


def coco_folder() -> tuple[Folder, Folder]:
    """COCO's JSON file and its images."""
    tree = json.dumps(coco_tree()).encode()
    return {"train.json": tree}, {"a.png": _png(0), "b.png": _png(90)}


def _png(turned: int) -> bytes:
    stream = io.BytesIO()
    picture(turned=turned).save(stream, "PNG")
    return stream.getvalue()


def params_tree() -> dict[str, Any]:
    """Every parameter, and an agent that extends another."""
    section = params.Params(agents={"scenes": params.Agent()})
    tree: dict[str, Any] = json.loads(section.model_dump_json(by_alias=True))
    tree["agents"]["other"] = {"extends": "scenes", "mdp": {"max_steps": 6}}
    return tree


def params_text() -> bytes:
    """The project's own ``params.yaml``."""
    return (ROOT / "params.yaml").read_bytes()


def checkpoint_tree() -> dict[str, Any]:
    """Content of a checkpoint of a small agent."""
    agent = params.Agent(
        mdp=params.Mdp(max_steps=8),
        encoder=params.Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4),
        head=params.Head(hidden=(8,)),
    )
    network = build_network(agent, CATEGORIES, torch.Generator().manual_seed(0))
    return {
        "format": "objloc checkpoint 1",
        "agent": agent.model_dump_json(),
        "categories": list(CATEGORIES),
        "data": "drawn",
        "data_hash": "0" * 64,
        "state": dict(network.state_dict()),
        "info": {"image_set": "train", "update": 3, "score": 0.5},
    }

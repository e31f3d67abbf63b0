"""Write scenes as a Pascal VOC devkit."""

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from objloc.errors import ObjlocError
from objloc.files import folder_written_whole
from objloc.scenes.compose import DRAWERS, Scene, SceneObject, draw_scene

NAME = "SCENES"
"""Name of the devkit's folder; Pascal's is named VOC2007."""
ABOUT = "scenes.txt"
"""File in that folder that states the seed and the numbers of images."""
Progress = Callable[[int, int], None]
"""Called with the number of images drawn so far and in all."""

_QUALITY = 85
_CHUNK = 25
_MAX_WORKERS = 4
_MAX_SETS, _MAX_IMAGES = 9, 99_999


@dataclass(frozen=True)
class _Task:
    """One image to draw."""

    image_id: str
    image_set: str
    index: int


def _generator(seed: int, *key: str | int) -> np.random.Generator:
    """A separate random generator for each key."""
    text = "/".join(str(part) for part in (seed, *key))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def _kinds(seed: int, image_set: str, index: int) -> list[str]:
    """Categories of an image: one to three; each category is in the same number of images.

    Each run of 30 images goes through all ordered pairs of categories in a
    random order. A pair's second category is one of five steps away from its
    first. The first is always drawn. The second is drawn for three of the five
    steps; which three changes from run to run. In every second run, one of the
    five steps adds a third category.
    """
    names = tuple(DRAWERS)
    count, steps = len(names), len(names) - 1
    run, place = divmod(index, count * steps)
    order = _generator(seed, image_set, "run", run).permutation(count * steps)
    first, step = divmod(int(order[place]), steps)
    turn = (step - run) % steps
    chosen = [0] + ([step + 1] if turn < 3 else [])
    if turn == 0 and run % 2 == 0:
        chosen.append((step + 3) % steps + 1)
    return [names[(first + away) % count] for away in chosen]


def scene(seed: int, image_set: str, index: int) -> Scene:
    """Draw the scene of an image, which depends on these three arguments alone."""
    return draw_scene(_generator(seed, image_set, index), _kinds(seed, image_set, index))


def _object_xml(one: SceneObject) -> str:
    xmin, ymin, xmax, ymax = one.box
    return (
        f"\t<object>\n\t\t<name>{one.category}</name>\n\t\t<pose>{one.pose}</pose>\n"
        f"\t\t<truncated>{one.truncated:d}</truncated>\n\t\t<occluded>{one.occluded:d}</occluded>\n"
        f"\t\t<bndbox>\n\t\t\t<xmin>{xmin + 1}</xmin>\n\t\t\t<ymin>{ymin + 1}</ymin>\n"
        f"\t\t\t<xmax>{xmax}</xmax>\n\t\t\t<ymax>{ymax}</ymax>\n\t\t</bndbox>\n"
        f"\t\t<difficult>{one.difficult:d}</difficult>\n\t</object>\n"
    )


def annotation_xml(image_id: str, drawn: Scene) -> str:
    """The annotation as VOC2007 writes it: one-based, inclusive boxes."""
    width, height = drawn.image.size
    objects = "".join(_object_xml(one) for one in drawn.objects)
    return (
        f"<annotation>\n\t<folder>{NAME}</folder>\n\t<filename>{escape(image_id)}.jpg</filename>\n"
        "\t<source>\n\t\t<database>objloc scenes</database>\n"
        "\t\t<annotation>objloc scenes</annotation>\n\t\t<image>drawn</image>\n\t</source>\n"
        f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n"
        "\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def jpeg_of(drawn: Scene) -> bytes:
    """A scene's picture as the file that a devkit holds."""
    stream = io.BytesIO()
    drawn.image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def _draw_chunk(folder: Path, seed: int, tasks: list[_Task]) -> list[dict[str, int]]:
    """Draw and write images; return each one's categories: 1, or 0 if all objects are difficult."""
    found = []
    for task in tasks:
        drawn = scene(seed, task.image_set, task.index)
        (folder / "JPEGImages" / f"{task.image_id}.jpg").write_bytes(jpeg_of(drawn))
        xml = annotation_xml(task.image_id, drawn)
        (folder / "Annotations" / f"{task.image_id}.xml").write_text(xml, encoding="utf-8")
        labels: dict[str, int] = {}
        for one in drawn.objects:
            labels[one.category] = max(labels.get(one.category, 0), int(not one.difficult))
        found.append(labels)
    return found


def _end_with_parent() -> None:
    """Let this worker end when the process that started it is killed; it would wait for ever."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _labels(
    folder: Path, seed: int, tasks: list[_Task], workers: int
) -> Iterator[list[dict[str, int]]]:
    """Categories of each chunk of images, in order, drawn by ``workers`` processes."""
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    if workers <= 1 or len(chunks) == 1:
        for chunk in chunks:
            yield _draw_chunk(folder, seed, chunk)
        return
    # A fresh interpreter for each process: a fork could copy locks held by other threads.
    with ProcessPoolExecutor(
        min(workers, len(chunks)), get_context("spawn"), initializer=_end_with_parent
    ) as pool:
        jobs = [pool.submit(_draw_chunk, folder, seed, chunk) for chunk in chunks]
        try:
            for job in jobs:
                yield job.result()
        finally:
            for job in jobs:
                job.cancel()


def _write_lists(folder: Path, tasks: list[_Task], labels: list[dict[str, int]]) -> None:
    """Write ``<set>.txt`` and ``<category>_<set>.txt``: 1, 0 (difficult only) or -1 (absent)."""
    for image_set in dict.fromkeys(task.image_set for task in tasks):
        rows = [
            (task.image_id, found)
            for task, found in zip(tasks, labels, strict=True)
            if task.image_set == image_set
        ]
        (folder / f"{image_set}.txt").write_text(
            "".join(f"{name}\n" for name, _ in rows), encoding="utf-8"
        )
        for category in DRAWERS:
            lines = [f"{name} {found.get(category, -1):2d}\n" for name, found in rows]
            (folder / f"{category}_{image_set}.txt").write_text("".join(lines), encoding="utf-8")


def _tasks(images: Mapping[str, int]) -> list[_Task]:
    if len(images) > _MAX_SETS:
        raise ObjlocError(f"scenes: expected at most {_MAX_SETS} image sets; found {len(images)}")
    tasks = []
    for number, (image_set, count) in enumerate(images.items(), start=1):
        if not 1 <= count <= _MAX_IMAGES:
            raise ObjlocError(
                f"scenes: image set '{image_set}': expected 1 to {_MAX_IMAGES} images; "
                f"found {count}"
            )
        tasks += [
            _Task(f"scenes_{number}{index + 1:05d}", image_set, index) for index in range(count)
        ]
    return tasks


def draw_devkit(
    folder: Path,
    images: Mapping[str, int],
    seed: int,
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Draw the embedded dataset: ``folder/VOCdevkit/SCENES`` as Pascal VOC lays it out.

    An image depends only on the seed, the name of its image set and its place in
    the set, not on the number of images, other sets or processes. Its id is
    ``scenes_``, followed by the set's number (in the mapping's order) and its own.

    Args:
        folder: receives the devkit; an earlier one of the same name is replaced.
        images: number of images of each image set.
        seed: seed of all drawings.
        progress: called after every few images.
        workers: number of processes; None: one for each core, at most four.

    Raises:
        ObjlocError: there are more sets or images than the ids can number, or the
            files can't be written.
    """
    tasks = _tasks(images)
    workers = min(os.cpu_count() or 1, _MAX_WORKERS) if workers is None else workers
    with folder_written_whole(folder / "VOCdevkit" / NAME, ABOUT) as devkit:
        lists = devkit / "ImageSets" / "Main"
        for part in (devkit / "Annotations", devkit / "JPEGImages", lists):
            part.mkdir(parents=True)
        labels: list[dict[str, int]] = []
        for chunk in _labels(devkit, seed, tasks, workers):
            labels += chunk
            if progress is not None:
                progress(len(labels), len(tasks))
        _write_lists(lists, tasks, labels)
        counts = "".join(f"{image_set}: {count} images\n" for image_set, count in images.items())
        (devkit / ABOUT).write_text(f"Scenes drawn by objloc.\nseed: {seed}\n{counts}", "utf-8")

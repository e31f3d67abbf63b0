from rich.console import Console

from objloc.data.shard_index import Counts, ImageSet, ShardIndex, Statistics
from objloc.view.shard_summary import summary_of


def test_a_cell_counts_images_objects_and_difficult_ones_where_there_are_any() -> None:
    cat, dog = Counts(images=1200, objects=1500, difficult=30), Counts(images=2, objects=3)
    train = Statistics(images=1201, objects=1503, difficult=30, categories={"cat": cat, "dog": dog})
    val = Statistics(images=4, objects=3, categories={"dog": dog})
    empty = ImageSet(samples=0, shards=())
    index = ShardIndex(
        data="pets",
        data_hash="0" * 64,
        categories=("cat", "dog"),
        image_sets={"train": empty, "val": empty},
        statistics={"train": train, "val": val},
    )
    console = Console(width=100)
    with console.capture() as capture:
        console.print(summary_of(index))
    title, *lines = capture.get().splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert title == "pets: images / objects (difficult)"
    assert rows == [
        ["cat", "1,200 / 1,500 (30)", "0 / 0"],
        ["dog", "2 / 3", "2 / 3"],
        ["all", "1,201 / 1,503 (30)", "4 / 3"],
    ]

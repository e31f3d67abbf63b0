"""Table of the content of shards."""

from rich.console import Group, RenderableType
from rich.table import Table

from objloc.data.shard_index import Counts, ShardIndex


def summary_of(index: ShardIndex) -> RenderableType:
    """Table of images and objects of each category in each image set.

    A cell is ``images / objects (difficult)``; the last part only where there are
    difficult objects.
    """
    table = Table()
    table.add_column("category", no_wrap=True)
    for name in index.statistics:
        table.add_column(name, justify="right")
    for category in index.categories:
        table.add_row(
            category,
            *(_cell(each.categories.get(category, Counts())) for each in index.statistics.values()),
        )
    table.add_section()
    table.add_row("all", *(_cell(each) for each in index.statistics.values()), style="bold")
    return Group(f"{index.data}: images / objects (difficult)", table)


def _cell(counts: Counts) -> str:
    difficult = f" ({counts.difficult:,})" if counts.difficult else ""
    return f"{counts.images:,} / {counts.objects:,}{difficult}"

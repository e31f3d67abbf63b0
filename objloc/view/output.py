"""Several files written all or none."""

from pathlib import Path

from objloc.files import write_atomically


def write_files(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    """Write files below a folder, beside what is there; a failure leaves none of them.

    Unlike ``folder_written_whole`` nothing else in the folder is touched: a
    person may name any folder by hand.

    Args:
        folder: made if it does not exist.
        contents: relative path to bytes.

    Returns:
        The files.

    Raises:
        ObjlocError: the disk is full or the folder not writable.
    """
    written = []
    try:
        for name, content in contents.items():
            write_atomically(folder / name, content)
            written.append(folder / name)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written

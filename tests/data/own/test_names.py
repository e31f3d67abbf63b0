from pathlib import Path

import pytest

from objloc.data.own.names import MAX_LENGTH, image_ids


def ids(*files: str) -> list[str]:
    """Ids of files, in the order given."""
    found = image_ids(map(Path, files))
    return [found[Path(file)] for file in files]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("a.jpg", "a"),
        ("sub/IMG 1 (2).jpeg", "IMG_1_2_"),
        ("2008_000001.png", "2008_000001"),
        ("a.b.jpg", "a_b"),
        ("_-hidden.jpg", "hidden"),
        ("猫.jpg", "image"),
    ],
)
def test_an_id_has_plain_letters_only(file: str, expected: str) -> None:
    assert ids(file) == [expected]


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert ids("x/a.jpg", "y/a.jpg", "b.jpg") == ["x_a", "y_a", "b"]
    assert ids("x/a.jpg", "x/a.png") == ["x_a", "x_a-2"]
    # A path as a name may be taken already.
    assert len(set(ids("x/a.jpg", "y/a.jpg", "x_a.jpg"))) == 3


def test_ids_do_not_depend_on_the_order_of_the_files() -> None:
    files = [Path(name) for name in ("x/a.jpg", "y/a.jpg", "x_a.jpg", "b.jpg")]
    assert image_ids(files) == image_ids(files[::-1])


def test_long_names_are_cut_and_stay_apart() -> None:
    one, two = ids(f"{'x' * 100}1.jpg", f"{'x' * 100}2.jpg")
    assert one != two
    assert one[:MAX_LENGTH] == two[:MAX_LENGTH] == "x" * MAX_LENGTH
    assert len(one) == MAX_LENGTH + 9

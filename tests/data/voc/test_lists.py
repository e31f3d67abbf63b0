import pytest

from objloc.data.voc.lists import ImageList, image_sets, read_list

NAMES = {"a", "b c", "d (1)", "e 1"}


def read(text: str) -> ImageList[str]:
    return read_list(text, lambda name: name if name in NAMES else None)


@pytest.mark.parametrize(
    ("text", "images", "of_category", "unknown"),
    [
        ("a\nb c\n", ("a", "b c"), False, ()),
        ("  d (1) \r\n\r\na", ("d (1)", "a"), False, ()),
        ("a  1\nb c -1\nd (1) 0\n", ("a", "b c", "d (1)"), True, ()),
        # A whole line that is a name is one, whatever it ends with.
        ("e 1\na\n", ("e 1", "a"), False, ()),
        ("a\nnowhere\n", ("a",), False, ("nowhere",)),
        ("a 2\nb c\n", ("b c",), False, ("a 2",)),
        ("a\nb c 1\n", ("a",), False, ("b c 1",)),
        # The list of a category may name images of another archive.
        ("a 1\nnowhere -1\n", ("a",), True, ()),
        ("\n", (), False, ()),
    ],
)
def test_a_line_is_a_name_or_a_name_and_a_flag(
    text: str, images: tuple[str, ...], of_category: bool, unknown: tuple[str, ...]
) -> None:
    assert read(text) == ImageList(images, of_category, unknown)


def names(*images: str) -> ImageList[str]:
    return ImageList(images, False, ())


def flags(*images: str) -> ImageList[str]:
    return ImageList(images, True, ())


def test_lists_of_categories_add_nothing_to_a_set_that_has_a_list() -> None:
    lists = {"train": names("a"), "cat_train": flags("a", "b")}
    assert image_sets(lists) == {"train": ("a",)}


def test_a_set_without_a_list_is_made_of_the_lists_of_its_categories() -> None:
    lists = {"cat_train": flags("a", "b"), "dog_train": flags("b", "c"), "val": flags("d")}
    assert image_sets(lists) == {"train": ("a", "b", "c"), "val": ("d",)}

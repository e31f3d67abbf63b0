import pytest

from objloc.cli._options import names_in


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (None, None),
        ("all", None),
        (" all ", None),
        ("cat", ["cat"]),
        ("cat, traffic light,,dog ", ["cat", "traffic light", "dog"]),
        ("", []),
    ],
)
def test_names_are_split_at_commas_and_none_stands_for_all(
    listed: str | None, names: list[str] | None
) -> None:
    assert names_in(listed) == names

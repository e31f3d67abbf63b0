from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from objloc.errors import ObjlocError, first_complaint


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int = Field(ge=1)
    kind: str | tuple[str, ...] = "a"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    inner: Inner
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> "Outer":
        if self.low > self.high:
            raise ValueError(f"expected low below high; found {self.low}")
        return self


def test_a_message_is_one_printable_line() -> None:
    assert str(ObjlocError("a\nb\x1b[31m\tc")) == "a b [31m c"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"inner": {"size": 0}}, "inner.size: expected greater than or equal to 1; found 0"),
        ({"inner": {"size": "1"}}, "inner.size: expected a valid integer; found '1'"),
        ({"inner": {"size": 1, "kind": 3}}, "inner.kind: expected a valid string; found 3"),
        ({"inner": {"size": 1, "x": 3}}, "inner.x: unknown key"),
        ({}, "inner: required; found nothing"),
        ({"low": 3, "high": 4}, "inner: required; found low, high"),
        ({"inner": {"size": 1}, "low": 3}, "expected low below high; found 3"),
        (3, "the file: expected a valid dictionary or instance of Outer; found 3"),
    ],
)
def test_a_complaint_names_the_key_what_was_expected_and_what_was_found(
    value: Any, complaint: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    assert first_complaint(caught.value) == complaint


def test_broken_json_is_a_complaint_about_the_file() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json("{")
    assert first_complaint(caught.value).startswith("the file: Invalid JSON: EOF while parsing")

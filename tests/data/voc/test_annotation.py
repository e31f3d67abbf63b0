import pytest

from objloc.data.sample import Part, VocObject
from objloc.data.voc.annotation import Annotation, read_annotation
from objloc.errors import ObjlocError

FULL = """<annotation>
  <folder>VOC2012</folder><filename>2011_003353.jpg</filename>
  <source><database>The VOC2011 Database</database><annotation>PASCAL</annotation></source>
  <owner><flickrid>someone</flickrid><name>a name that is no category</name></owner>
  <size><width>500</width><height>375</height><depth>3</depth></size>
  <segmented>1</segmented>
  <object>
    <name>person</name>
    <pose>Left</pose><truncated>1</truncated><occluded>1</occluded><difficult>1</difficult>
    <bndbox><xmin>45.70000076</xmin><ymin>1</ymin><xmax>500</xmax><ymax>375</ymax></bndbox>
    <part><name>head</name>
      <bndbox><xmin>50</xmin><ymin>10.5</ymin><xmax>80</xmax><ymax>40</ymax></bndbox></part>
    <part><name>hand</name>
      <bndbox><xmin>490</xmin><ymin>10</ymin><xmax>520</xmax><ymax>30</ymax></bndbox></part>
    <point><x>7</x><y>9</y></point><actions><running>1</running></actions>
  </object>
  <object>
    <bndbox><ymax>9</ymax><xmax>8</xmax><ymin>7</ymin><xmin>6</xmin></bndbox>
    <name> cat </name>
  </object>
</annotation>
"""


def annotation(
    box: str = "<xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax>",
    name: str = "<name>cat</name>",
    size: str = "<width>100</width><height>80</height>",
    more: str = "",
) -> bytes:
    return (
        f"<annotation><size>{size}</size><object>{name}{more}<bndbox>{box}</bndbox></object>"
        f"</annotation>"
    ).encode()


def box_of(*corners: float) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    return "".join(f"<{name}>{x}</{name}>" for name, x in zip(names, corners, strict=True))


def read(content: bytes, *, official: bool = True) -> Annotation:
    return read_annotation(content, "x.xml", official=official)


def test_every_field_of_an_object_is_read_and_missing_ones_have_defaults() -> None:
    assert read(FULL.encode()) == Annotation(
        500,
        375,
        (
            VocObject(
                "person",
                (44.70000076, 0.0, 500.0, 375.0),
                difficult=True,
                truncated=True,
                occluded=True,
                pose="Left",
                parts=(
                    Part("head", (49.0, 9.5, 80.0, 40.0)),
                    Part("hand", (489.0, 9.0, 520.0, 30.0)),
                ),
            ),
            VocObject("cat", (5.0, 6.0, 8.0, 9.0)),
        ),
    )


def test_an_image_may_hold_no_object() -> None:
    content = b"<annotation><size><width>4</width><height>3</height></size></annotation>"
    assert read(content) == Annotation(4, 3, ())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ((1, 1, 100, 80), (0, 0, 100, 80)),  # the whole image
        ((7, 8, 7, 8), (6, 7, 7, 8)),  # one pixel
        ((0, 0.5, 100.3, 81), (0, 0, 100, 80)),  # up to a pixel beyond: cut at the border
        ((99.25, 1, 101, 80), (98.25, 0, 100, 80)),
    ],
)
def test_boxes_become_half_open_and_end_at_the_border(
    written: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    assert read(annotation(box_of(*written))).objects[0].box == expected


def test_any_category_is_allowed_outside_the_official_years() -> None:
    content = annotation(name="<name>traffic light</name>")
    assert read(content, official=False).objects[0].category == "traffic light"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.xml: expected well-formed XML; found: "),
        (FULL.encode()[:600], "x.xml: expected well-formed XML; found: "),
        (b"<annotation><a></b></annotation>", "x.xml: expected well-formed XML; found: "),
        (b"<html/>", "x.xml: expected an <annotation>; found a <html>"),
        (b"<annotation/>", "x.xml: expected the image's size; found no <size>"),
        (
            annotation(size="<width>0</width><height>3</height>"),
            "x.xml: expected <width> to be a positive number of pixels; found '0'",
        ),
        (
            annotation(size="<width>5</width>"),
            "x.xml: expected <height> to be a positive number of pixels; found ''",
        ),
        (annotation(name=""), "x.xml: object 1: expected a category; found no <name>"),
        (annotation(name="<name>unicorn</name>"), "x.xml: object 1 'unicorn': unknown class; "),
        (
            b"<annotation><size><width>9</width><height>9</height></size>"
            b"<object><name>cat</name></object></annotation>",
            "x.xml: object 1 'cat': expected a box; found no <bndbox>",
        ),
        (
            annotation("<xmin>2</xmin><ymin>3</ymin><xmax>20</xmax>"),
            "x.xml: object 1 'cat': expected <ymax> to be a number; found ''",
        ),
        (
            annotation(box_of(1, 2, 3, 4).replace("2", "two")),
            "x.xml: object 1 'cat': expected <ymin> to be a number; found 'two'",
        ),
        (
            annotation(box_of(1, 2, float("nan"), float("inf"))),
            "x.xml: object 1 'cat': expected <xmax> to be a number; found 'nan'",
        ),
        (
            annotation(box_of(30, 2, 20, 40)),
            "x.xml: object 1 'cat': expected a box with an area; found (30, 2, 20, 40)",
        ),
        (
            annotation(box_of(3, 42, 20, 40)),
            "x.xml: object 1 'cat': expected a box with an area; found (3, 42, 20, 40)",
        ),
        (
            annotation(box_of(1, 1, 101.5, 80)),
            "x.xml: object 1 'cat': expected a box within the image of 100 x 80 pixels "
            "(counted from 1); found (1, 1, 101.5, 80)",
        ),
        (
            annotation(box_of(-0.5, 1, 50, 80)),
            "x.xml: object 1 'cat': expected a box within the image of 100 x 80 pixels "
            "(counted from 1); found (-0.5, 1, 50, 80)",
        ),
        (
            annotation(box_of(1, -3, 50, 80)),
            "x.xml: object 1 'cat': expected a box within the image of 100 x 80 pixels "
            "(counted from 1); found (1, -3, 50, 80)",
        ),
        (
            annotation(box_of(1, 1, 50, 82)),
            "x.xml: object 1 'cat': expected a box within the image of 100 x 80 pixels "
            "(counted from 1); found (1, 1, 50, 82)",
        ),
        (
            annotation(box_of(1, 81, 50, 81)),
            "x.xml: object 1 'cat': expected a box within the image of 100 x 80 pixels "
            "(counted from 1); found (1, 81, 50, 81)",
        ),
        (
            annotation(more="<difficult>maybe</difficult>"),
            "x.xml: object 1 'cat': expected <difficult> to be 0 or 1; found 'maybe'",
        ),
    ],
)
def test_a_bad_annotation_is_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(ObjlocError) as caught:
        read(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "../x", "a\nb", "ä", ""])
def test_a_category_that_would_make_a_bad_file_name_is_refused(name: str) -> None:
    with pytest.raises(ObjlocError, match="expected a category"):
        read(annotation(name=f"<name>{name}</name>"), official=False)


@pytest.mark.parametrize(
    "dtd",
    [
        "<!DOCTYPE annotation>",
        "<!DOCTYPE annotation SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE annotation [<!ENTITY cat 'cat'>]>",
    ],
)
def test_a_document_type_declaration_is_refused(dtd: str) -> None:
    with pytest.raises(ObjlocError, match="expected XML without a DTD"):
        read(dtd.encode() + annotation(name="<name>&amp;cat;</name>"))


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ObjlocError) as caught:
        read(annotation(more=f"<difficult>{'9' * 10_000}</difficult>"))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "flag"),
    [("0", False), ("1", True), ("True", True), ("false", False), ("yes", True), ("No", False),
     ("Unspecified", False), ("", False), ("2", True), ("0.3", True), ("-1", False)],
)  # fmt: skip
def test_flags_are_read_as_tools_write_them(text: str, flag: bool) -> None:
    content = annotation(more=f"<difficult>{text}</difficult><occluded>{text}</occluded>")
    (found,) = read(content).objects
    assert (found.difficult, found.occluded) == (flag, flag)


@pytest.mark.parametrize(
    "part",
    [
        f"<part><bndbox>{box_of(1, 2, 3, 4)}</bndbox></part>",
        "<part><name>head</name></part>",
        "<part><name>head</name><bndbox><xmin>left</xmin></bndbox></part>",
    ],
)
def test_a_part_without_a_name_or_a_box_is_left_out(part: str) -> None:
    (found,) = read(annotation(more=part)).objects
    assert found.parts == ()


def test_a_size_may_be_written_as_a_decimal_fraction() -> None:
    found = read(annotation(size="<width>100.0</width><height>80.</height>"))
    assert (found.width, found.height) == (100, 80)

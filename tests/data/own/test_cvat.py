from pathlib import Path

import pytest

from objloc.data.own.cvat import read_cvat
from objloc.data.own.findings import Finding, Findings
from objloc.data.own.layout import find_layout
from objloc.data.own.written import WrittenImage, WrittenObject
from tests.helpers.own_data import draw_blanks, write_texts

BOX = (
    '<box label="mug" occluded="0" xtl="10.00" ytl="20" xbr="50.5" ybr="60" z_order="0"{}>{}</box>'
)


def image_xml(*shapes: str, name: str = "a.jpg", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="100" height="80"{more}>{"".join(shapes)}</image>'


def file_xml(*images: str) -> str:
    meta = "<meta><task><labels><label><name>mug</name></label></labels></task></meta>"
    return f"<annotations><version>1.1</version>{meta}{''.join(images)}</annotations>"


def read(folder: Path, *images: str) -> tuple[list[WrittenImage], list[Finding]]:
    if images:
        draw_blanks(folder, "a.jpg")
        write_texts(folder, {"annotations.xml": file_xml(*images)})
    findings = Findings()
    return read_cvat(find_layout(folder), findings), list(findings)


def read_shape(folder: Path, shape: str) -> tuple[WrittenObject | None, list[Finding]]:
    (image,), findings = read(folder, image_xml(shape))
    objects = image.objects or ()
    return (objects[0] if objects else None), findings


def test_boxes_stay_as_they_are_written(tmp_path: Path) -> None:
    empty = image_xml(name="b.jpg")
    draw_blanks(tmp_path, "b.jpg")
    images, findings = read(tmp_path, image_xml(BOX.format("", ""), BOX.format("", "")), empty)
    assert not findings
    image, other = images
    assert (image.image, image.size, image.image_set) == (tmp_path / "a.jpg", (100, 80), None)
    assert image.place == "annotations.xml: image 'a.jpg'"
    assert image.objects is not None
    one, two = image.objects
    assert (one.category, one.box) == ("mug", (10, 20, 50.5, 60))
    assert one.text == "(10.00, 20, 50.5, 60)"
    assert two.place == "annotations.xml: image 'a.jpg': object 2"
    assert (other.image, other.objects) == (tmp_path / "b.jpg", ())


@pytest.mark.parametrize(
    ("more", "inside", "flags"),
    [
        ("", "", (False, False, False)),
        ("", '<attribute name="difficult">true</attribute>', (True, False, False)),
        ("", '<attribute name="difficult">false</attribute>', (False, False, False)),
        ("", '<attribute name="difficult"/>', (False, False, False)),
        ("", '<attribute name="truncated"> 1 </attribute>', (False, True, False)),
        ("", '<attribute name="colour">true</attribute>', (False, False, False)),
    ],
)
def test_attributes_are_flags(
    more: str, inside: str, flags: tuple[bool, ...], tmp_path: Path
) -> None:
    found, _ = read_shape(tmp_path, BOX.format(more, inside))
    assert found is not None
    assert (found.difficult, found.truncated, found.occluded) == flags


def test_an_occluded_box_is_occluded(tmp_path: Path) -> None:
    found, _ = read_shape(tmp_path, BOX.format("", "").replace('occluded="0"', 'occluded="1"'))
    assert found is not None
    assert found.occluded


@pytest.mark.parametrize(
    ("shape", "box", "message"),
    [
        ('<box label="mug" xtl="10" ytl="20" xbr="50" ybr="40" rotation="90"/>',
         (20, 10, 40, 50), "rotated boxes"),
        ('<box label="mug" xtl="0" ytl="0" xbr="20" ybr="20" rotation="-45.00"/>',
         (10 - 200**0.5, 10 - 200**0.5, 10 + 200**0.5, 10 + 200**0.5), "rotated boxes"),
        ('<polygon label="mug" points="10.5,20;30,5;50,60" />', (10.5, 5, 50, 60),
         "shapes <polygon>"),
        ('<ellipse label="mug" cx="50" cy="40" rx="20" ry="10"/>', (30, 30, 70, 50),
         "shapes <ellipse>"),
        ('<ellipse label="mug" cx="50" cy="40" rx="20" ry="10" rotation="90"/>', (40, 20, 60, 60),
         "shapes <ellipse>"),
        ('<mask label="mug" rle="3, 5" left="10" top="20" width="4" height="2"/>',
         (10, 20, 14, 22), "shapes <mask>"),
    ],
)  # fmt: skip
def test_the_enclosing_box_is_taken_and_counted(
    shape: str, box: tuple[float, ...], message: str, tmp_path: Path
) -> None:
    found, (finding,) = read_shape(tmp_path, shape)
    assert found is not None
    assert found.box == pytest.approx(box)
    assert (finding.severity, finding.kind) == ("note", "annotation")
    assert finding.message.startswith(f"{message}: the enclosing upright box is taken: ")


@pytest.mark.parametrize("kind", ["polyline", "points", "cuboid", "skeleton", "tag"])
def test_other_shapes_are_left_out_and_counted(kind: str, tmp_path: Path) -> None:
    shape = f'<{kind} label="mug" points="1,2;3,4"><points label="x" points="1,2"/></{kind}>'
    (image,), (finding,) = read(tmp_path, image_xml(shape, shape, BOX.format("", "")))
    assert [each.place for each in image.objects or ()] == [f"{image.place}: object 3"]
    assert finding.message.startswith(f"left out: shapes <{kind}> (2 times): ")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<box label=" " xtl="1" ytl="2" xbr="3" ybr="4"/>', "expected a label; found none"),
        ('<box label="mug" xtl="1" ytl="2" xbr="3"/>', "expected ybr to be a number; found ''"),
        ('<box label="mug" xtl="1" ytl="2" xbr="inf" ybr="4"/>', "a number; found 'inf'"),
        ('<box label="mug" xtl="1" ytl="2" xbr="3" ybr="4" rotation="x"/>', "rotation to be a"),
        ('<polygon label="mug" points="1,2;3"/>', "expected points as x,y;x,y; found '1,2;3'"),
        ('<polygon label="mug" points="1,2;3,1e308"/>', "expected points as x,y;x,y"),
        ('<polygon label="mug" points=""/>', "expected points as x,y;x,y; found ''"),
    ],
)
def test_a_wrong_shape_is_an_error_and_the_others_are_read(
    shape: str, message: str, tmp_path: Path
) -> None:
    (image,), (finding,) = read(tmp_path, image_xml(shape, BOX.format("", "")))
    assert len(image.objects or ()) == 1
    assert (finding.severity, finding.kind) == ("error", "annotation")
    assert finding.place == f"{image.place}: object 1"
    assert message in finding.message


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ('width="64" height="48"', (64, 48)),
        ('width="64"', None),
        ('width="0" height="9"', None),
        (f'width="{"9" * 5000}" height="9"', None),
    ],
)
def test_a_size_that_is_not_usable_is_none(
    size: str, expected: tuple[int, int] | None, tmp_path: Path
) -> None:
    (image,), _ = read(tmp_path, image_xml().replace('width="100" height="80"', size))
    assert image.size == expected


@pytest.mark.parametrize(
    ("file", "image", "subset", "expected"),
    [
        ("annotations.xml", "a.jpg", "Train", "train"),
        ("annotations.xml", "images/val/a.jpg", "", "val"),
        ("annotations.xml", "images/val/a.jpg", "test", "test"),
        ("valid.xml", "images/a.jpg", "default", "val"),
        ("annotations.xml", "train.jpg", "", None),
    ],
)
def test_a_subset_or_names_state_the_set(
    file: str, image: str, subset: str, expected: str | None, tmp_path: Path
) -> None:
    draw_blanks(tmp_path, image)
    xml = image_xml(name=Path(image).name, more=f' subset="{subset}"' if subset else "")
    write_texts(tmp_path, {file: file_xml(xml)})
    (found,), _ = read(tmp_path)
    assert (found.image, found.image_set) == (tmp_path / image, expected)


def test_names_of_another_machine_are_found(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "images/a.jpg")
    write_texts(tmp_path, {"annotations.xml": file_xml(image_xml(name="job 1\\images\\a.jpg"))})
    (image,), (finding,) = read(tmp_path)
    assert image.image == tmp_path / "images" / "a.jpg"
    assert (finding.severity, finding.kind) == ("note", "name")


@pytest.mark.parametrize(
    ("names", "found"), [((), "none"), (("x/a.jpg", "y/a.jpg"), "several: x/a.jpg, y/a.jpg")]
)
def test_an_image_that_is_missing_is_an_error(
    names: tuple[str, ...], found: str, tmp_path: Path
) -> None:
    draw_blanks(tmp_path, "b.jpg", *names)
    write_texts(tmp_path, {"annotations.xml": file_xml(image_xml(BOX.format("", "")))})
    (image,), (finding,) = read(tmp_path)
    assert image.image is None
    assert (finding.severity, finding.kind, finding.place) == ("error", "missing", image.place)
    assert finding.message == f"expected one image file; found {found}"


def test_an_image_of_two_files_is_an_error(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, {"1.xml": file_xml(image_xml()), "2.xml": file_xml(image_xml())})
    _, (finding,) = read(tmp_path)
    assert (finding.severity, finding.place) == ("error", "2.xml: image 'a.jpg'")
    assert finding.message == "expected each image once; found it also in 1.xml"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda xml: xml[:-20], "expected well-formed XML; found: "),
        (lambda xml: f"<!DOCTYPE annotations>{xml}", "expected XML without a DTD; found one"),
    ],
)
def test_a_damaged_file_is_one_error(damage: object, message: str, tmp_path: Path) -> None:
    assert callable(damage)
    draw_blanks(tmp_path, "a.jpg", "b.jpg")
    whole = file_xml(image_xml(name="b.jpg"))
    write_texts(tmp_path, {"1.xml": damage(file_xml(image_xml())), "2.xml": whole})
    images, (finding,) = read(tmp_path)
    assert images[-1].image == tmp_path / "b.jpg"
    assert (finding.severity, finding.kind, finding.place) == ("error", "corrupt", "1.xml")
    assert finding.message.startswith(message)

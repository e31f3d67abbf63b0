"""The harness that runs annotation tools: its own parts, without a tool or a network."""

import ast
import sys
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from benchmarks.annotation_tools import journey, reading, table
from benchmarks.annotation_tools.comparison import (
    convention_of,
    differences,
    is_of,
    matched,
    most_frequent,
)
from benchmarks.annotation_tools.environments import ToolError, export, python_of
from benchmarks.annotation_tools.pictures import CATEGORIES, EIGHT, ROTATED, draw, many
from benchmarks.annotation_tools.recipes import FORMS, RECIPES, Form, Recipe, one_of_each
from benchmarks.annotation_tools.rows import Journey, Reading, Results, Row, updated
from benchmarks.annotation_tools.scripts import described, plain
from benchmarks.annotation_tools.scripts.known import (
    PICTURES,
    Box,
    Known,
    Picture,
    Writer,
    read_known,
    write_known,
)
from benchmarks.annotation_tools.written import describe, written
from benchmarks.published import as_json, parse
from objloc.files import write_json
from objloc.params import load_params
from tests.helpers.commands import Result, run_objloc, run_stage
from tests.helpers.imports import ROOT

SCRIPTS = ROOT / "benchmarks" / "annotation_tools" / "scripts"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eight pictures. Read only."""
    return draw(EIGHT, tmp_path_factory.mktemp("known") / "known")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run objloc's commands in this process, which has imported them already."""

    def done(found: Result) -> CompletedProcess[str]:
        return CompletedProcess("", found.status, found.out, found.err)

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(reading, "stage", lambda *words: done(run_stage(*words)))
    monkeypatch.setattr(reading, "objloc", lambda *words: done(run_objloc(*words)))


def test_pictures_are_of_their_size_and_differ(drawn: Path) -> None:
    contents = set()
    for picture in EIGHT:
        with Image.open(drawn / PICTURES / picture.file) as image:
            assert image.size == (picture.width, picture.height)
            contents.add(image.resize((8, 8)).tobytes())
    assert len(contents) == len(EIGHT) == 8
    assert {Path(each.file).suffix for each in EIGHT} == {".jpg", ".JPG", ".jpeg", ".png"}


def test_a_drawn_shape_fills_its_box(tmp_path: Path) -> None:
    box = (9, 4, 33, 30)
    for number, category in enumerate(CATEGORIES):
        bare, full = (
            draw((Picture("a.png", 48, 40, objects),), tmp_path / f"{number}{len(objects)}")
            for objects in ((), (Known(category, box),))
        )
        with (
            Image.open(bare / PICTURES / "a.png") as one,
            Image.open(full / PICTURES / "a.png") as other,
        ):
            changed = (np.asarray(one) != np.asarray(other)).any(axis=2)
        rows, columns = np.nonzero(changed)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found == box, category


def test_known_boxes_touch_every_border_and_lie_inside() -> None:
    sides = set()
    for picture in (*EIGHT, *many(60), *ROTATED):
        for each in picture.objects:
            xmin, ymin, xmax, ymax = each.box
            assert 0 <= xmin < xmax <= picture.width
            assert 0 <= ymin < ymax <= picture.height
            touched = (xmin == 0, ymin == 0, xmax == picture.width, ymax == picture.height)
            sides |= {number for number, touches in enumerate(touched) if touches}
    assert sides == {0, 1, 2, 3}


def test_many_pictures_hold_every_category_and_follow_their_seed() -> None:
    assert many(30) == many(30)
    assert many(30) != many(30, seed=1)
    assert {each.category for picture in many(30) for each in picture.objects} == {*CATEGORIES}


def test_known_boxes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_known(tmp_path, (*EIGHT, *ROTATED))
    assert read_known(tmp_path) == (*EIGHT, *ROTATED)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a picture with spaces.xml", True),
        ("00000007-a_picture_with_spaces.jpg", True),
        ("C:\\photos\\a-picture-with-spaces_jpg.rf.0a1b.jpg", True),
        ("spaces.jpg", False),
    ],
)
def test_a_file_is_known_under_a_tools_name(name: str, expected: bool) -> None:
    assert is_of(name, Picture("a picture with spaces.jpg", 1, 1)) is expected


def test_each_known_box_gets_the_nearest_of_its_category_once() -> None:
    near, far, other = (10.0, 10.0, 20.0, 20.0), (50.0, 50.0, 60.0, 60.0), (9.0, 9.0, 20.0, 20.0)
    known = [("cat", (11.0, 11.0, 20.0, 20.0)), ("cat", (10.0, 10.0, 20.0, 20.0)), ("dog", far)]
    assert matched(known, [("cat", near), ("Cat", other)]) == [other, near, None]


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ((10, 20, 50, 60), "from 0, far end exclusive"),
        ((11, 21, 50, 60), "from 1, far end inclusive"),
        ((10.0, 20.0, 49.001, 59), "from 0, far end inclusive"),
        ((11, 21, 51, 61), "from 1, far end exclusive"),
        ((30, 40, 70, 80), "another"),
        ((10.5, 20.5, 50, 60), "another"),
    ],
)
def test_a_convention_is_named_from_the_differences(numbers: Box, name: str) -> None:
    shift = differences((10, 20, 50, 60), numbers)
    assert convention_of([shift, shift, (7.0, 0.0, 0.0, 0.0)]) == (name, 1)


def test_without_boxes_there_is_no_convention() -> None:
    assert convention_of([]) == ("none found", 0)
    assert most_frequent([]) is None


@pytest.mark.parametrize(
    ("writer", "form", "text", "convention", "not_kept"),
    [
        (
            described.roboflow_voc, "VOC", "11 21 50 60", "from 1, far end inclusive",
            ["difficult", "truncated"],
        ),
        (
            described.labelme_voc, "VOC", "10.0 20.0 50.0 60.0", "from 0, far end exclusive",
            ["difficult", "truncated"],
        ),
        (
            described.coco_official, "COCO", "[10, 20, 40, 40]", "from 0, far end exclusive",
            ["difficult", "truncated"],
        ),
        (
            described.roboflow_yolo, "YOLO", "0 0.3 0.5 0.4 0.5", "from 0, far end exclusive",
            ["difficult", "truncated"],
        ),
    ],
)  # fmt: skip
def test_what_is_written_is_described_number_by_number(
    drawn: Path, tmp_path: Path, writer: Writer, form: Form, text: str,
    convention: str, not_kept: list[str],
) -> None:  # fmt: skip
    writer(EIGHT, drawn / PICTURES, tmp_path)
    found, named, others, lost = describe(form, tmp_path, EIGHT)
    assert found["plain.jpg"][0].text == text
    assert (named, others, lost) == (convention, 0, not_kept)
    assert {name: len(rows) for name, rows in found.items()} == {
        each.file: len(each.objects) for each in EIGHT
    }


def test_flags_and_pictures_without_boxes_are_missed_where_they_are_not_written(
    tmp_path: Path,
) -> None:
    flags = "<difficult>True</difficult><truncated>0</truncated>"
    for picture in EIGHT[:-1]:
        if picture.objects:
            objects = [plain.voc_object(each, flags) for each in picture.objects]
            (tmp_path / f"{Path(picture.file).stem}.xml").write_text(
                plain.voc_xml(picture, objects)
            )
    _, _, others, lost = describe("VOC", tmp_path, EIGHT)
    assert others == len(EIGHT[-1].objects)
    assert lost == ["truncated", "pictures without boxes"]


def test_boxes_of_cvat_and_labelme_are_read(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text(
        '<annotations><image name="a/plain.jpg"><box label="cat" xtl="10.50" ytl="20" xbr="50" '
        'ybr="60"><attribute name="difficult">true</attribute></box></image></annotations>'
    )
    (cvat,) = written("CVAT", tmp_path, EIGHT)["plain.jpg"]
    assert (cvat.text, cvat.box, cvat.flags) == (
        "10.50 20 50 60", (10.5, 20.0, 50.0, 60.0), frozenset({"difficult"})
    )  # fmt: skip
    (tmp_path / "plain.json").write_text(
        '{"shapes": [{"label": "cat", "points": [[50, 60], [10, 20]]}]}'
    )
    (labelme,) = written("labelme", tmp_path, EIGHT)["plain.jpg"]
    assert (labelme.text, labelme.box) == ("[[50, 60], [10, 20]]", (10, 20, 50, 60))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "names: [dog, cat]\n"),
        ("data.yaml", "names:\n  1: cat\n  0: dog\n"),
        ("obj.names", "dog\ncat\n"),
        ("classes.txt", "dog\ncat\n"),
    ],
)
def test_classes_of_yolo_are_numbered_as_the_file_has_them(
    tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / "plain.txt").write_text("1 .3 .5 .4 .5\n \n2 .3 .5 .4 .5\n")
    found = written("YOLO", tmp_path, EIGHT)["plain.jpg"]
    assert [each.category for each in found] == ["cat", "class 2 of 2"]


def test_every_recipe_names_a_function_of_its_script() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    for recipe in RECIPES:
        tree = ast.parse((SCRIPTS / f"{recipe.script}.py").read_text("utf-8"))
        keys = {
            key.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Dict)
            for key in node.keys
            if isinstance(key, ast.Constant)
        }
        assert recipe.writer in keys, recipe.name
        assert recipe.form in FORMS
        pinned = recipe.requirements[:1]
        assert [each.partition("==")[2] for each in pinned] == [recipe.version][: len(pinned)]


def test_one_export_of_each_tool_that_runs_is_chosen_and_every_form() -> None:
    chosen = one_of_each(RECIPES)
    tools = {(recipe.tool, recipe.version) for recipe in RECIPES if recipe.requirements}
    assert {(recipe.tool, recipe.version) for recipe in chosen} == tools
    assert len(chosen) == len(tools)
    assert {recipe.form for recipe in chosen} == {*FORMS}


def test_a_script_imports_nothing_of_objloc() -> None:
    for path in SCRIPTS.glob("*.py"):
        assert "objloc" not in path.read_text("utf-8").partition('"""\n')[2], path.name


def test_an_export_that_fails_says_its_last_line(drawn: Path, tmp_path: Path) -> None:
    recipe = Recipe("none", "", "VOC", "described", "missing", ())
    assert python_of(recipe, tmp_path) == Path(sys.executable)
    with pytest.raises(ToolError, match="KeyError: 'missing'"):
        export(recipe, Path(sys.executable), drawn, tmp_path / "export")


def test_an_export_replaces_an_earlier_one_and_is_read_to_the_pixel(
    drawn: Path, tmp_path: Path
) -> None:
    (recipe,) = (each for each in RECIPES if each.writer == "roboflow-voc")
    output = tmp_path / "export"
    output.mkdir()
    (output / "old.txt").touch()
    export(recipe, python_of(recipe, tmp_path), drawn, output)
    assert not (output / "old.txt").exists()
    found = reading.read(output, EIGHT, tmp_path / "devkit")
    assert (found.passed, found.error) == (True, None)
    assert (found.pictures, found.boxes, found.exact) == (8, 11, 11)
    assert (found.shift, found.largest) == ((0, 0, 0, 0), 0)


@pytest.mark.usefixtures("in_process")
def test_a_folder_that_is_refused_has_its_error_without_its_place(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    found = reading.read(tmp_path / "export", EIGHT, tmp_path / "devkit")
    assert found.error is not None
    assert not found.passed
    assert str(tmp_path) not in found.error + "".join(found.findings)
    assert (found.boxes, found.shift, found.largest) == (0, None, None)


@pytest.mark.usefixtures("in_process")
def test_a_parameter_that_the_error_names_is_set_and_told(drawn: Path, tmp_path: Path) -> None:
    output = tmp_path / "export"
    described.labelme_voc(EIGHT, drawn / PICTURES, output)
    (output / "Annotations" / "nothing.xml").unlink()
    found = reading.read(output, EIGHT, tmp_path / "devkit")
    assert (found.passed, found.error) == (True, None)
    assert found.settings == ("dataset.unannotated=empty",)
    assert (found.pictures, found.exact) == (8, 11)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("a.jpg: found none (dataset.unannotated says what)", "dataset.unannotated=empty"),
        ("found a centre (dataset.boxes=centre_size reads it)", "dataset.boxes=centre_size"),
        ("found nothing", None),
    ],
)
def test_a_remedy_is_what_the_error_names(error: str, expected: str | None) -> None:
    assert reading.remedy_of(error) == expected


@pytest.mark.parametrize(
    ("status", "out", "err", "expected"),
    [
        (0, "error", "", None),
        (1, "error   box     a.xml: one\nerror   box     b.xml: two\n", "60 of 60\n",
         "error box a.xml: one"),
        (1, "", "note: a\nerror: b: expected c\n", "b: expected c"),
        (1, "", "Traceback\nValueError: d\n", "ValueError: d"),
        (-9, "", "", "exit status -9"),
    ],
)  # fmt: skip
def test_the_error_of_a_command_is_its_first(
    status: int, out: str, err: str, expected: str | None
) -> None:
    assert reading.error_of(CompletedProcess("", status, out, err)) == expected


def test_a_journey_ends_at_the_first_step_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def step(name: str, *_: object, **__: object) -> CompletedProcess[str]:
        asked.append(name)
        failed = name == "train"
        return CompletedProcess(name, int(failed), "", "error: no\n" if failed else "")

    monkeypatch.setattr(reading, "stage", step)
    monkeypatch.setattr(reading, "objloc", step)
    found = journey.travel("a", tmp_path / "export", tmp_path)
    assert found == Journey(name="a", steps=("check", "download", "shard"), error="train: no")
    assert asked == ["data", "download", "shard", "train"]


def test_the_journeys_agent_is_one_that_there_can_be() -> None:
    params = load_params(ROOT / "params.yaml", journey.SETTINGS)
    assert params.shard.split == "seeded"
    assert params.agent.schedule.max_updates == 20


def make_reading(exact: int = 11, error: str | None = None, passed: bool = True) -> Reading:
    """What was read of an export: of its boxes all are found, unless it is refused."""
    shift = (0.0,) * 4 if exact else (-1.0, -1.0, 0.0, 0.0)
    return Reading(
        passed=passed, convention="voc", findings=(), error=error, notes=(), pictures=8,
        boxes=11, exact=exact, shift=shift, largest=0.0 if exact else 1.0, difficult=1,
    )  # fmt: skip


def make_row(name: str, found: Reading | None = None, failed: str | None = None) -> Row:
    return Row(
        name=name, tool=name, version="1.0", form="VOC", variant="plain", run=True, failed=failed,
        written="10 20 50 60", convention="from 0, far end exclusive", others=2,
        not_kept=("difficult",), reading=found,
    )  # fmt: skip


def make_results(*rows: Row, journeys: tuple[Journey, ...] = ()) -> Results:
    return Results(python="3.11", pictures=8, boxes=11, rows=rows, journeys=journeys)


def test_the_tables_say_what_was_written_and_read() -> None:
    now = make_results(
        make_row("good", make_reading()),
        make_row("grown", make_reading(0)),
        make_row("warned", make_reading(passed=False)),
        make_row("refused", make_reading(0, "a | b")),
        make_row("broken", failed="TypeError: no"),
    )
    before = make_results(make_row("good", make_reading(0)))
    lines = table.exports_text(now, before).splitlines()
    start = "(plain) | `10 20 50 60` | from 0, far end exclusive; 2 others | voc"
    assert (
        f"| good 1.0 {start} | 11 of 11 boxes, 8 pictures | 0 of 11 boxes, 8 pictures; "
        in "".join(line for line in lines if line.startswith("| good"))
    )
    text = "\n".join(lines)
    assert "0 of 11 boxes, 8 pictures; most -1 -1 +0 +0" in text
    assert table.outcome(make_row("refused", make_reading(0, "a | b")), brief=True) == "refused"
    assert "| refused: `a / b` | - | difficult |" in text
    assert "| fails: `TypeError: no` | - | - | - | - | difficult |" in text
    assert "1 of 4 exports are read whole (by version 0.2.0: 0 of 1)" in text
    assert "`data check` reports errors" in text


def test_a_table_without_an_earlier_version_has_a_column_less() -> None:
    text = table.exports_text(make_results(make_row("good", make_reading())), None)
    assert "0.2.0" not in text
    assert text.count("**VOC**") == 1


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    journeys = (Journey(name="a", steps=("check",), error="download: no"),)
    results = make_results(make_row("good", make_reading()), journeys=journeys)
    write_json(tmp_path / "results.json", as_json(results))
    text = (tmp_path / "results.json").read_text("utf-8")
    assert parse(Results, text) == results
    assert "| a | check | fails: `download: no` |" in table.journeys_table(lambda _: text)


def test_without_results_the_page_says_so() -> None:
    assert "make tools-table" in table.exports_table(lambda _: None)
    assert "make tools-table" in table.journeys_table(lambda _: None)


def test_a_rerun_of_some_exports_keeps_the_others() -> None:
    old = make_results(
        make_row("a", make_reading(0)), make_row("b", make_reading(0)), make_row("gone"),
        journeys=(Journey(name="b", steps=("check",), error="download: no"),),
    )  # fmt: skip
    found = updated(old, make_results(make_row("a", make_reading())), ["b", "a"])
    assert [(row.name, row.reading and row.reading.exact) for row in found.rows] == [
        ("b", 0), ("a", 11)
    ]  # fmt: skip
    assert found.journeys == old.journeys

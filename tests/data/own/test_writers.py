import pytest
from lxml import etree

from objloc.data.own.writers import FORMS, writer_of

BOX = "<bndbox><xmin>{}</xmin><ymin>20</ymin><xmax>50</xmax><ymax>60</ymax></bndbox>"
WHOLE = f"<object><name>cat</name>{BOX.format(10)}</object>"
DECIMAL = f"<object><name>cat</name>{BOX.format('10.0')}</object>"
SIZE = "<size><width>100</width><height>80</height><depth>3</depth></size>"
UNKNOWN = "<database>Unknown</database>"


@pytest.mark.parametrize(
    ("content", "writer"),
    [
        (f"<path>/home/me/a.jpg</path><source>{UNKNOWN}</source>{SIZE}{WHOLE}", "labelImg"),
        (f"<path>/a.jpg</path><source><database/></source>{SIZE}{WHOLE}", "FiftyOne"),
        (
            f"<source>{UNKNOWN}<annotation>Unknown</annotation><image>Unknown</image></source>"
            f"{DECIMAL}",
            "CVAT or datumaro",
        ),
        (
            f"<source>{UNKNOWN}<annotation>Unknown</annotation><image>Unknown</image></source>"
            f"{WHOLE}",
            "datumaro, voc-one-based",
        ),
        (f"<owner><name>Label Studio</name></owner>{SIZE}{WHOLE}", "Label Studio"),
        (
            f"<folder/><path>a.jpg</path><source><database>roboflow.com</database></source>{WHOLE}",
            "Roboflow",
        ),
        (f"<folder>VOC</folder><source><database>roboflow.ai</database></source>{WHOLE}",
         "supervision"),
        (f"<folder/><filename>a.jpg</filename><database/><annotation/><image/>{SIZE}{DECIMAL}",
         "labelme's example"),
        (
            "<filename>a.jpg</filename><object><name>cat</name><pose/><truncated/><difficult/>"
            "<bndbox><xmin>1</xmin><xmax>3</xmax><ymin>2</ymin><ymax>4</ymax></bndbox></object>",
            "pylabel",
        ),
        (
            f"<filename>a.jpg</filename><size><width>9</width><height>9</height></size>{WHOLE}",
            "globox",
        ),
        (f"<source><database>The VOC2007 Database</database></source>{SIZE}{WHOLE}", "Pascal VOC"),
        (f"<filename>a.jpg</filename>{SIZE}{WHOLE}", ""),
    ],
)  # fmt: skip
def test_a_tool_is_known_by_the_elements_that_it_writes(content: str, writer: str) -> None:
    root = etree.fromstring(f"<annotation>{content}</annotation>")
    assert writer_of(root) == writer
    assert not writer or writer in FORMS

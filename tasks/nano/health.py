"""Pictograms of health care, to be told by category; all variants of one icon on one side.

The variants (filled, outline, white on black, drawn for 24 pixels) carry the category of the icon
that they are variants of. Icons without a category, and one with two, are left out.
"""

from benchmark.data.source import Source
from benchmark.registry import TASKS
from tasks.nano._icons import IconTask
from tasks.task import TaskSpec

SOURCE = Source(
    "healthicons",
    "npm",
    "@iconify-json/healthicons",
    "1.2.13",
    "4c2552c45737788a6599da3c5b72610c7fb4e7f87075d401c56fa16d487d4caf",
    "MIT",
    "Resolve to Save Lives, Health Icons",
)

CLASSES = (
    *("Blood", "Body", "Conditions", "Contraceptives", "Devices", "Diagnostics", "Emotions"),
    *("Exercise", "Graphs", "Medications", "Nutrition", "Objects", "People", "Places", "Ppe"),
    *("Shapes", "Specialties", "Symbols", "Typography", "Vehicles", "Zoonoses"),
)


@TASKS.register("health")
class Health(IconTask):
    """What a health pictogram is about."""

    spec = TaskSpec(
        name="health",
        version=1,
        title="what a health-care pictogram is about",
        metric="mean_per_class",
        classes=CLASSES,
        sources=(SOURCE,),
        data_sha256="2e56aae173fdf1bd1dd4293d985f64183ac083042a96538ed0125ab705264547",
    )
    suffixes = ("24px", "outline", "negative")
    test_share = 0.4
    left_out = ("burn-negative", "rdt-result-pf-outline")

"""Symbols of user interfaces, to be told by category; filled and outline on one side.

A fixed subsample: 110 icons of every category (all of the two that have fewer), each filled and,
where there is one, in outline. The rounded and sharp variants are left out: at 32 pixels they
cannot be told from the plain ones.
"""

from benchmark.data.source import Source
from benchmark.registry import TASKS
from tasks.nano._icons import IconTask
from tasks.task import TaskSpec

SOURCE = Source(
    "material-symbols",
    "npm",
    "@iconify-json/material-symbols",
    "1.2.98",
    "142d50bf28e7db85362795be335ebc29dac611d73c404fc1e6fc5cc198e2b3d0",
    "Apache-2.0",
    "Google, Material Symbols",
)

CLASSES = (
    *("Actions", "Activities", "Android", "Audio & Video", "Business", "Communicate"),
    *("Hardware", "Home", "Household", "Images", "Maps", "Privacy", "Social", "Text"),
    *("Transit", "Travel", "UI Actions"),
)


@TASKS.register("interface")
class Interface(IconTask):
    """What part of a program an icon stands for."""

    spec = TaskSpec(
        name="interface",
        version=1,
        title="what a user-interface symbol stands for",
        metric="top1",
        classes=CLASSES,
        sources=(SOURCE,),
        data_sha256="15721e10293875601df0bf4584e8f201476192050c5928291ee3c516bba55de1",
    )
    suffixes = ("outline", "rounded", "sharp")
    kept_suffixes = ((), ("outline",))
    test_share = 1 / 3
    icons_per_class = 110
    left_out = ("brightness-5",)

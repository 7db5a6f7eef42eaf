"""What is declared, not measured here: throughputs and sizes of the full tier, with their sources.

Every number names where it was read; those that could not be read are marked as assumptions.
"""

from dataclasses import dataclass

GB = 1_000_000_000


@dataclass(frozen=True)
class Throughput:
    """How fast a device trains.

    Args:
        device: which.
        images_per_second: that one device trains on, by `method`.
        method: whose forwards and backwards that is.
        units: of one image of it; see `benchmark.cost.units`.
        source: where it was read.
    """

    device: str
    images_per_second: float
    method: str
    units: float
    source: str

    @property
    def unit_seconds(self) -> float:
        """Seconds of a unit: of a forward of one image."""
        return 1 / (self.images_per_second * self.units)


#: 200 epochs of 1,281,167 images in 53 hours on 8 GPUs are 168 images a second and GPU, loading and
#: waiting for the others included; MoCo trains one view with gradient, and one without.
V100 = Throughput(
    device="V100",
    images_per_second=200 * 1_281_167 / (53 * 3600 * 8),
    method="MoCo v1 and v2, ResNet-50 at 224 pixels",
    units=4,
    source="facebookresearch/moco, README.md: 200 epochs take 53 hours on 8 NVIDIA V100",
)

#: Seconds that one V100 works for an image of VOC when Faster R-CNN R50-C4 is trained: 0.551 s an
#: iteration of 16 images on 8 of them, on the larger pictures of COCO.
DETECTION_IMAGE_SECONDS = 0.551 * 8 / 16
DETECTION_SOURCE = (
    "facebookresearch/detectron2, MODEL_ZOO.md: R50-C4 takes 0.551 s an iteration on 8 V100"
)
#: MoCo's recipe on VOC, 24,000 iterations of 16 images, and the 4,952 test images.
DETECTION_IMAGES = 24_000 * 16 + 4_952


@dataclass(frozen=True)
class Size:
    """Bytes of a set's archives, where that was read, and whether it is an assumption."""

    size: int
    source: str
    assumed: bool = False


_TFDS = "tensorflow/datasets, url_checksums"

#: Archives of the sets of the full tier, by name; a set's images take about as much unpacked.
ARCHIVES: dict[str, Size] = {
    "imagenet": Size(
        147_897_477_120 + 6_744_924_160, "sizes of the two ILSVRC2012 archives in public listings"
    ),
    "domainnet": Size(
        14 * GB,
        "a public mirror: clipart 1.27, painting 3.68, quickdraw 0.46, real 6.06 GB; sketch is "
        "assumed to have 2.6",
        assumed=True,
    ),
    "food101": Size(4_996_278_331, _TFDS),
    "cifar10": Size(170_052_171, f"{_TFDS}, of the binary version"),
    "cifar100": Size(168_513_733, f"{_TFDS}, of the binary version"),
    "birdsnap": Size(69_093_722_465, "a public mirror, of the 39,860 images that can be had still"),
    "sun397": Size(39_077_296_924 + 18_293_705, _TFDS),
    "cars": Size(977_350_468 + 979_269_282 + 330_960, _TFDS),
    "aircraft": Size(2_750_000_000, "README of FGVC-Aircraft: 2.75 GB"),
    "voc2007": Size(
        451_020_800 + 460_032_000 + 1_999_639_040, f"{_TFDS}; VOC 2012 for detection included"
    ),
    "dtd": Size(625_239_812, _TFDS),
    "pets": Size(19_173_078 + 791_918_971, _TFDS),
    "caltech101": Size(131_740_031, _TFDS),
    "flowers": Size(344_862_509, _TFDS),
}

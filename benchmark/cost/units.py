"""Work in units: one forward of one image through the protocol's backbone, at its size.

A backward costs two forwards, so that an image with gradient takes three units. What is not the
network's, such as augmentation, is taken to grow with it. Units serve where nothing was measured.
"""

from benchmark.cells import Cell
from benchmark.cost.declared import DETECTION_IMAGE_SECONDS, DETECTION_IMAGES, V100
from benchmark.evaluations import STREAM_TASK
from benchmark.protocol import ProtocolSpec
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod

#: Millions of multiplications and additions of a forward: `benchmark.models`, torchvision.
FORWARD_MFLOP = {"resnet_nano": 32.0, "resnet50": 4_090.0}

#: Steps and batch of fine-tuning at the full tier, as in `tasks.probes.finetune`.
_FINETUNE = 5_000 * 64
#: Directions times radii of sharpness, and images that each step looks at, as there.
_SHARPNESS = 31 * 23_000
#: Images of a task of the full tier that does not say how many it has.
_UNKNOWN_IMAGES = 40_000


def method_units(method: ResolvedMethod | None, *, later: bool = True) -> float:
    """Units of one image visit.

    Args:
        method: one that does not say how often it embeds an image is taken to do so twice, with
            gradient.
        later: whether a chunk is behind, where some strategies do more.

    Example:
        >>> from benchmark.resolve import resolve
        >>> [method_units(resolve(f"moco_v2/{name}")) for name in ("sequential", "cassle")]
        [4.0, 5.0]
    """
    if method is None:
        return 4.0
    if len(method.parts) == 2 and later:
        with_gradient, without = method.parts[1].passes(method.parts[0])
    else:
        with_gradient, without = getattr(method.parts[0], "passes", (2, 0))
    return float(3 * with_gradient + without)


def is_later(cell: Cell) -> bool:
    """Whether a chunk is behind when the phase begins."""
    return cell.phase > 0


def evaluation_units(protocol: ProtocolSpec, cell: Cell) -> float:
    """Units of an evaluation at the full tier, whose images are features once a checkpoint.

    The features of a set are counted with its linear evaluation; few-shot takes them from memory.
    The solvers are left out: on a GPU they take seconds.
    """
    way, task = cell.evaluation, TASKS.get(cell.task or STREAM_TASK)
    if way == "stream":
        # Of the whole pool, and of what is held out once more, as it was before the phase.
        streamed, held_out = protocol.pool_images
        return float(streamed + 2 * held_out)
    if way == "sharpness":
        return float(_SHARPNESS)
    if way in ("detection", "detection_frozen"):
        return DETECTION_IMAGES * DETECTION_IMAGE_SECONDS / V100.unit_seconds
    files = getattr(task, "files", None)
    images = sum(files.images.values() if files else ()) or _UNKNOWN_IMAGES
    if way == "finetune":
        return float(3 * _FINETUNE + images)
    return float(images) if way == "linear" else 0.02 * images

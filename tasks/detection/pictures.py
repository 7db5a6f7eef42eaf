"""Prepared pictures as mmdet's detectors are fed with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from benchmark.data.imageset import Box, ImageSet


class Pictures(Dataset[dict[str, Any]]):
    """Some rows of an image set, with their boxes.

    Args:
        data: with boxes.
        rows: of the pictures, in the order in which they are given out.
        mirror: mirror each picture or not, by the toss of torch's global generator.

    Example:
        >>> Pictures.__name__
        'Pictures'
    """

    def __init__(self, data: ImageSet, rows: NDArray[np.int64], *, mirror: bool = False) -> None:
        self.metainfo = {"classes": data.class_names}  # mmengine asks for it by this name
        self.rows = rows.tolist()
        self._pixels = torch.from_numpy(np.asarray(data.images[rows]))
        boxes = [data.boxes[row] for row in self.rows]
        width = self._pixels.shape[3]
        mirrored = [
            tuple((width - x2, y1, width - x1, y2, k) for x1, y1, x2, y2, k in some)
            for some in boxes
        ]
        # Made once: making them at every reading took a tenth of the training.
        self._samples = [
            [self._sample(place, some) for place, some in enumerate(side)]
            for side in ([boxes, mirrored] if mirror else [boxes])
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        mirrored = len(self._samples) > 1 and bool(torch.rand(()) < 0.5)
        pixels = self._pixels[place]
        return {
            "inputs": pixels.flip(2) if mirrored else pixels,
            "data_samples": self._samples[mirrored][place],
        }

    def _sample(self, place: int, boxes: Sequence[Box]) -> Any:
        from mmdet.structures import DetDataSample
        from mmengine.structures import InstanceData

        shape = tuple(self._pixels.shape[2:])
        return DetDataSample(
            metainfo={
                "img_id": self.rows[place],
                "ori_shape": shape,
                "img_shape": shape,
                "scale_factor": (1.0, 1.0),
                # what mmdet's COCO metric reads the truth from
                "instances": [
                    {"bbox": list(box[:4]), "bbox_label": int(box[4]), "ignore_flag": 0}
                    for box in boxes
                ],
            },
            gt_instances=InstanceData(
                bboxes=torch.tensor([box[:4] for box in boxes]).reshape(-1, 4).float(),
                labels=torch.tensor([int(box[4]) for box in boxes], dtype=torch.int64),
            ),
        )

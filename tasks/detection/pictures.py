"""Prepared pictures as mmdet's detectors are fed with them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from benchmark.data.imageset import ImageSet


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
        self._mirror = mirror
        self._pixels = torch.from_numpy(np.asarray(data.images[rows]))
        self._boxes = [
            torch.tensor([box[:4] for box in data.boxes[row]], dtype=torch.float32).reshape(-1, 4)
            for row in self.rows
        ]
        self._labels = [
            torch.tensor([box[4] for box in data.boxes[row]], dtype=torch.int64)
            for row in self.rows
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        from mmdet.structures import DetDataSample
        from mmengine.structures import InstanceData

        pixels, boxes, labels = self._pixels[place], self._boxes[place], self._labels[place]
        height, width = pixels.shape[1:]
        if self._mirror and torch.rand(()) < 0.5:
            pixels = pixels.flip(2)
            x1, y1, x2, y2 = boxes.unbind(1)
            boxes = torch.stack([width - x2, y1, width - x1, y2], 1)
        truth = InstanceData(bboxes=boxes, labels=labels)
        sample = DetDataSample(
            metainfo={
                "img_id": self.rows[place],
                "ori_shape": (height, width),
                "img_shape": (height, width),
                "scale_factor": (1.0, 1.0),
                # what mmdet's COCO metric reads the truth from
                "instances": [
                    {"bbox": box, "bbox_label": label, "ignore_flag": 0}
                    for box, label in zip(boxes.tolist(), labels.tolist(), strict=True)
                ],
            },
            gt_instances=truth,
        )
        return {"inputs": pixels, "data_samples": sample}

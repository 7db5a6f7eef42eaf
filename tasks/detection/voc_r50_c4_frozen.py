"""PASCAL VOC 07+12 on what was pre-trained as it is: only RPN, extra norm and box head learn.

As voc_r50_c4.py in all else. Our choice, to compare features without fine-tuning them; no published
figures are known to us.
"""

_base_ = ["./voc_r50_c4.py"]

model = {
    "backbone": {
        "frozen_stages": 3,
        "norm_cfg": {"type": "BN", "requires_grad": False},
        "norm_eval": True,
    },
    "roi_head": {"shared_head": {"frozen": True}},
}

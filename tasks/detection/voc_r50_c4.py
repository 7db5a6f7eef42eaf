"""PASCAL VOC 07+12: Faster R-CNN on a ResNet-50 up to res4, everything fine-tuned.

He et al., MoCo (CVPR 2020), section 4.2.1, with the values of facebookresearch/moco's detection/
and of detectron2, on which that builds. To expect of MoCo v2 after 200 epochs: AP 57.0, AP50 82.4,
AP75 63.6, the mean of 5 runs; of supervised weights 53.5, 81.3, 58.8.

mmdet's own tools take this file; `data_root` holds VOC2007 and VOC2012, `checkpoint` is a state
dict of benchmark.models.ResNet50, `batch_size` is shared by the GPUs:

    python TOOLS/train.py tasks/detection/voc_r50_c4.py \
        --cfg-options data_root=VOCdevkit checkpoint=backbone.pth

TOOLS is mmdet's folder .mim/tools; the last line that this logs has the figures. What is known to
differ from detectron2: SyncBN for its "naiveSyncBN", and OpenCV for Pillow in resizing.
"""

custom_imports = {"imports": ["tasks.detection.voc"], "allow_failed_imports": False}
default_scope = "mmdet"
runner_type = "VocRunner"  # passes on these three, which --cfg-options could not do otherwise

data_root = "data/VOCdevkit"
checkpoint = None
batch_size = 16

sync_bn = {"type": "SyncBN", "requires_grad": True}  # mmengine makes it BN on a single device
ratios = [0.5, 1.0, 2.0]

model = {
    "type": "FasterRCNN",
    "data_preprocessor": {
        "type": "DetDataPreprocessor",
        # benchmark.models.normalise: 0..255 to -2..2, red first
        "mean": [127.5] * 3,
        "std": [63.75] * 3,
        "bgr_to_rgb": True,
    },
    "backbone": {
        "type": "ResNet",
        "depth": 50,
        "num_stages": 3,
        "strides": (1, 2, 2),
        "dilations": (1, 1, 1),
        "out_indices": (2,),
        "frozen_stages": -1,
        "norm_cfg": sync_bn,
        "norm_eval": False,
        "style": "pytorch",  # the stride is in the 3 x 3 convolution, as in torchvision
    },
    "rpn_head": {
        "type": "RPNHead",
        "in_channels": 1024,
        "feat_channels": 1024,
        "anchor_generator": {
            "type": "AnchorGenerator",
            "scales": [2, 4, 8, 16, 32],
            "ratios": ratios,
            "strides": [16],
        },
        "bbox_coder": {"type": "DeltaXYWHBBoxCoder", "target_stds": [1.0, 1.0, 1.0, 1.0]},
        "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": True},
        "loss_bbox": {"type": "L1Loss"},
    },
    "roi_head": {
        "type": "StandardRoIHead",
        "shared_head": {"type": "Res5ExtraNorm", "norm_cfg": sync_bn, "frozen": False},
        "bbox_roi_extractor": {
            "type": "SingleRoIExtractor",
            "roi_layer": {"type": "RoIAlign", "output_size": 14, "sampling_ratio": 0},
            "out_channels": 1024,
            "featmap_strides": [16],
        },
        "bbox_head": {
            "type": "BBoxHead",
            "with_avg_pool": True,
            "roi_feat_size": 7,
            "in_channels": 2048,
            "num_classes": 20,
            "bbox_coder": {"type": "DeltaXYWHBBoxCoder", "target_stds": [0.1, 0.1, 0.2, 0.2]},
            "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False},
            "loss_bbox": {"type": "L1Loss"},
        },
    },
    "train_cfg": {
        "rpn": {
            "assigner": {
                "type": "MaxIoUAssigner",
                "pos_iou_thr": 0.7,
                "neg_iou_thr": 0.3,
                "min_pos_iou": 0.3,
                "match_low_quality": True,
                "ignore_iof_thr": -1,
            },
            "sampler": {
                "type": "RandomSampler",
                "num": 256,
                "pos_fraction": 0.5,
                "neg_pos_ub": -1,
                "add_gt_as_proposals": False,
            },
            "allowed_border": -1,
            "pos_weight": -1,
            "debug": False,
        },
        "rpn_proposal": {
            "nms_pre": 12000,
            "max_per_img": 2000,
            "nms": {"type": "nms", "iou_threshold": 0.7},
            "min_bbox_size": 0,
        },
        "rcnn": {
            "assigner": {
                "type": "MaxIoUAssigner",
                "pos_iou_thr": 0.5,
                "neg_iou_thr": 0.5,
                "min_pos_iou": 0.5,
                "match_low_quality": False,
                "ignore_iof_thr": -1,
            },
            "sampler": {
                "type": "RandomSampler",
                "num": 512,
                "pos_fraction": 0.25,
                "neg_pos_ub": -1,
                "add_gt_as_proposals": True,
            },
            "pos_weight": -1,
            "debug": False,
        },
    },
    "test_cfg": {
        "rpn": {
            "nms_pre": 6000,
            "max_per_img": 1000,
            "nms": {"type": "nms", "iou_threshold": 0.7},
            "min_bbox_size": 0,
        },
        "rcnn": {
            "score_thr": 0.05,
            "nms": {"type": "nms", "iou_threshold": 0.5},
            "max_per_img": 100,
        },
    },
}

train_pipeline = [
    {"type": "LoadImageFromFile"},
    {"type": "LoadAnnotations", "with_bbox": True},
    {
        "type": "RandomChoiceResize",
        "scales": [(1333, side) for side in range(480, 801, 32)],
        "keep_ratio": True,
    },
    {"type": "RandomFlip", "prob": 0.5},
    {"type": "PackDetInputs"},
]
test_pipeline = [
    {"type": "LoadImageFromFile"},
    {"type": "Resize", "scale": (1333, 800), "keep_ratio": True},
    {
        "type": "PackDetInputs",  # "instances": what Voc07Metric reads the truth from
        "meta_keys": ("img_id", "ori_shape", "img_shape", "scale_factor", "instances"),
    },
]

train_dataloader = {
    "num_workers": 8,
    "persistent_workers": True,
    "sampler": {"type": "InfiniteSampler", "shuffle": True},
    "batch_sampler": {"type": "AspectRatioBatchSampler"},
    "dataset": {
        "type": "ConcatDataset",
        "ignore_keys": ["dataset_type"],
        "datasets": [
            {
                "type": "HeadwaterVoc",
                "ann_file": f"{year}/ImageSets/Main/trainval.txt",
                "data_prefix": {"sub_data_root": f"{year}/"},
                "filter_cfg": {"filter_empty_gt": True},
                "pipeline": train_pipeline,
            }
            for year in ("VOC2007", "VOC2012")
        ],
    },
}
test_dataloader = {
    "batch_size": 1,
    "num_workers": 4,
    "persistent_workers": True,
    "sampler": {"type": "DefaultSampler", "shuffle": False},
    "dataset": {
        "type": "HeadwaterVoc",
        "ann_file": "VOC2007/ImageSets/Main/test.txt",
        "data_prefix": {"sub_data_root": "VOC2007/"},
        "test_mode": True,
        "pipeline": test_pipeline,
    },
}

train_cfg = {"type": "IterBasedTrainLoop", "max_iters": 24000, "val_interval": 24000}
test_cfg = {"type": "TestLoop"}
test_evaluator = {"type": "Voc07Metric"}
# train.py tests once, at the end: nothing is chosen on the test images
val_dataloader, val_cfg, val_evaluator = test_dataloader, {"type": "ValLoop"}, test_evaluator

optim_wrapper = {
    "type": "OptimWrapper",
    "optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4},
    "paramwise_cfg": {"norm_decay_mult": 0.0},
}
param_scheduler = [
    {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 100},
    {"type": "MultiStepLR", "by_epoch": False, "milestones": [18000, 22000], "gamma": 0.1},
]

custom_hooks = [
    {"type": "PretrainedBackbone"},
    {"type": "PreciseBN", "batches": 200},
    {"type": "PlainCheckpoint"},
]
default_hooks = {
    "timer": {"type": "IterTimerHook"},
    "logger": {"type": "LoggerHook", "interval": 50},
    "param_scheduler": {"type": "ParamSchedulerHook"},
    "checkpoint": {
        "type": "CheckpointHook",
        "by_epoch": False,
        "interval": 2000,
        "max_keep_ckpts": 2,
    },
    "sampler_seed": {"type": "DistSamplerSeedHook"},
}
log_processor = {"type": "LogProcessor", "window_size": 50, "by_epoch": False}
randomness = {"seed": 0}
env_cfg = {
    "cudnn_benchmark": False,
    "mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0},
    "dist_cfg": {"backend": "nccl"},
}
auto_scale_lr = {"enable": False, "base_batch_size": 16}

"""MoCo v2 on a stream of ImageNet in four chunks: ResNet-50, 8 GPUs, by mmengine's own Runner.

Chen et al., Improved Baselines with Momentum Contrastive Learning, 2020; the stream is that of Hu
et al., ICLR 2022. One run trains one chunk:

    torchrun --nproc-per-node 8 TOOLS/train.py baselines/moco_v2_r50_8gpu.py \
        --launcher pytorch --work-dir work_dirs/chunk1
    torchrun --nproc-per-node 8 TOOLS/train.py baselines/moco_v2_r50_8gpu.py \
        --launcher pytorch --work-dir work_dirs/chunk2 \
        --cfg-options train_cfg.chunk=2 load_from=work_dirs/chunk1/iter_250227.pth

TOOLS is mmdet's folder .mim/tools, whose train.py trains what any config of mmengine names; with
--resume it goes on from the last checkpoint in the work dir. `headwater prepare full --set imagenet
--images DIR` makes the images ready. The steps are those of `headwater run -p instance/full -m
moco_v2/sequential --processes 8`, which also evaluates, and writes records; this only logs.

The options are the published ones, which `MoCoV2.full` has and model.options can replace:

    batch_size 256 (32 a GPU)  optimiser sgd (momentum 0.9)  lr 0.03 (to 0 along half a cosine, anew
    in each chunk)  weight_decay 0.0001  queue_size 65536  temperature 0.2  momentum_encoder 0.999
    bn_groups 8 (shuffled, as on the paper's 8 GPUs, on whatever number)  augmentation moco_v2

Forwards run in bfloat16 on compiled backbones, as in all of the benchmark. Hardware: 8 GPUs; the
authors' code takes 53 hours on 8 V100 for 200 epochs (README of facebookresearch/moco), which are
the budget of all four chunks together. Ours has not been run at this scale. To expect: theirs, on
the whole of ImageNet, gives a linear accuracy of 67.5; of the stream, nothing is claimed here.
"""

custom_imports = {"imports": ["benchmark.mmengine_parts"], "allow_failed_imports": False}
work_dir = "work_dirs/moco_v2_r50_8gpu"

model = {
    "type": "StreamMethod",
    "protocol": "instance/full@1",
    "method": "moco_v2/sequential",
    "options": {},  # set away from what is published, as by --set of headwater run
    "replicate": 0,  # decides weights, order and augmentations, as by --seed
}
load_from = None  # the last checkpoint of the chunk before, of this config or of headwater run
resume = False

# Steps, batches and schedule follow from the protocol and the options.
train_cfg = {"type": "ChunkLoop", "chunk": 1}
train_dataloader: dict[str, object] = {}
optim_wrapper = {"constructor": "MethodOptimiser"}

default_hooks = {
    "timer": {"type": "IterTimerHook"},
    "logger": {"type": "LoggerHook", "interval": 50},
    "checkpoint": {
        "type": "CheckpointHook",
        "by_epoch": False,
        "interval": 2500,
        "max_keep_ckpts": 2,
        "save_param_scheduler": False,
    },
    "param_scheduler": None,  # the loop sets the learning rate
    "sampler_seed": None,  # and the order
}
log_processor = {"type": "LogProcessor", "window_size": 50, "by_epoch": False}
visualizer = {"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]}
randomness = {"seed": 0, "deterministic": True}  # of what no step draws from: each has its own
env_cfg = {
    "cudnn_benchmark": False,
    "mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0},
    "dist_cfg": {"backend": "nccl"},
}

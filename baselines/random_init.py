"""The floor: an untrained network. What a task gives to it, a method cannot claim."""

from benchmark.batch import Setting
from benchmark.config import Config
from benchmark.method import About, Method, build_backbone
from benchmark.registry import METHODS


@METHODS.register("random_init")
class RandomInit(Method):
    """A backbone at its initialisation (Kaiming, as torchvision's), never trained."""

    about = About(paper="He et al. ICCV 2015")

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return ()

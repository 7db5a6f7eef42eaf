"""Names: unknown ones come with the nearest, doubled ones are refused, options are checked."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark.config import Options, option
from benchmark.errors import UsageError
from benchmark.method import Strategy
from benchmark.registry import METHODS, OBJECTIVES, STRATEGIES, TASKS, Registry
from benchmark.resolve import _configs, grid, parse_options, protocol_named, resolve


def test_shipped_names() -> None:
    assert {"moco_v2", "supervised"} <= set(OBJECTIVES.names())
    assert {"sequential", "joint"} <= set(STRATEGIES.names())
    assert "random_init" in METHODS and "shapes" in TASKS
    assert "moco_v2/joint" in grid()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("moco/joint", "moco_v2"), ("moco_v2/jiont", "joint"), ("randominit", "random_init")],
)
def test_unknown_method_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"nearest: .*{nearest}"):
        resolve(name)


def test_a_name_cannot_be_taken_twice() -> None:
    registry = Registry("thing")
    registry.register("one")(object())
    with pytest.raises(UsageError, match="'one' is registered already"):
        registry.register("one")(object())


def test_protocol_without_version_is_the_newest() -> None:
    assert protocol_named("instance/nano").id == "instance/nano@1"
    with pytest.raises(UsageError, match="instance/nano@1"):
        protocol_named("instance/nanu")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"learning_rate": 0.1}, "no option 'learning_rate'.*lr"),
        ({"batch_size": 0.5}, "takes a int"),
        ({"lr": "fast"}, "takes a float"),
        ({"lr": -1.0}, "'lr' is above 0, not -1.0"),
        ({"batch_size": 0}, "'batch_size' is at least 1, not 0"),
        ({"weight_decay": -0.1}, "'weight_decay' is at least 0"),
        ({"optimiser": "AdamW"}, "'optimiser' is one of sgd, adamw, lars, not AdamW"),
    ],
)
def test_a_misspelt_or_mistyped_option_is_an_error(options, told) -> None:
    with pytest.raises(UsageError, match=told):
        resolve("moco_v2/joint", options)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("moco_v2", "moco_v2 is an objective.*say moco_v2/.* or"),
        ("mine.py", "which class: give mine.py:Class"),
    ],
)
def test_half_a_name_is_completed(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        resolve(name)


def test_options_change_the_folder_and_the_hash_and_nothing_else() -> None:
    plain, hot = resolve("moco_v2/joint"), resolve("moco_v2/joint", {"temperature": 1})
    assert hot.folder == "moco_v2/joint+temperature=1"
    assert hot.config["temperature"] == 1 and plain.config["temperature"] != 1
    assert hot.reference().config_sha256 != plain.reference().config_sha256
    assert hot.reference().source_sha256 == plain.reference().source_sha256


def test_each_option_goes_to_the_part_that_has_it() -> None:
    method = resolve("moco_v2/mas_replay", {"temperature": 0.5, "mas_weight": 2, "lr": 0.1})
    objective, strategy = method.configs
    assert (objective.temperature, objective.lr, strategy.mas_weight) == (0.5, 0.1, 2)
    with pytest.raises(UsageError, match=r"no option 'mass_weight'; there are: .*lr.*mas_weight"):
        resolve("moco_v2/mas", {"mass_weight": 2})
    with pytest.raises(UsageError, match=r"'replay_share' is at most 1, not 1\.5"):
        resolve("moco_v2/replay", {"replay_share": 1.5})


def test_an_option_of_both_parts_is_refused() -> None:
    @dataclass(frozen=True)
    class Greedy(Options):
        """Has an option that objectives have, too."""

        lr: float = option(0.1, above=0)

    class Clashing(Strategy):
        """Uses it."""

        config_class = Greedy

    with pytest.raises(UsageError, match="belong to objective and strategy: lr; rename"):
        _configs((OBJECTIVES.get("simclr"), Clashing), {})


@pytest.mark.parametrize("text", ["lr", "=3"])
def test_options_are_name_and_value(text: str) -> None:
    with pytest.raises(UsageError, match="name=value"):
        parse_options([text])


MINE = """
from benchmark import Config, Method, build_backbone

class Mine(Method):
    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

class NotOne: pass

class Bare(Method):
    def __init__(self):
        super().__init__()

class Wrong(Mine):
    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone.nothing()
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (", r"cannot be imported: SyntaxError: .*line 1\)"),
        ("\nimport nowhere_at_all", r"ModuleNotFoundError: .*mine\.py, line 2\)"),
    ],
)
def test_a_method_s_file_that_does_not_run(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        resolve(f"{file}:Mine")


def test_a_method_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    method = resolve(f"{file}:Mine")
    assert method.folder == "Mine" and method.build(protocol_named("instance/smoke"), 0)
    for name, told in (
        ("Bare", r"Bare\(setting, config\) cannot be built: TypeError: .*3 were given"),
        ("Wrong", r"AttributeError: .*'nothing'"),
    ):
        with pytest.raises(UsageError, match=told):
            resolve(f"{file}:{name}").build(protocol_named("instance/smoke"), 0)
    with pytest.raises(UsageError, match=r"no class NotOne that is.*by the name that it registers"):
        resolve(f"{file}:NotOne")
    with pytest.raises(UsageError, match="there is no file"):
        resolve(f"{tmp_path}/yours.py:Mine")

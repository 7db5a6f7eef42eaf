"""`headwater prepare`: a tier's data, downloaded and rendered, or found on disk and checked."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.output import JsonOption, print_json, print_rows
from benchmark.errors import UsageError


class Tier(str, Enum):
    """Tiers that can be prepared; smoke needs nothing."""

    nano = "nano"
    full = "full"


def prepare(
    tier: Tier,
    verify: Annotated[bool, typer.Option(help="nano: hash every file again.")] = False,
    images: Annotated[
        Path | None, typer.Option(help="full: folder of a set, or of sets by name.")
    ] = None,
    set_: Annotated[str, typer.Option("--set", help="full: which set, such as imagenet.")] = "",
    hub: Annotated[
        str, typer.Option(help="full: REPO@REVISION of Hugging Face, in place of --images.")
    ] = "",
    workers: Annotated[int, typer.Option(min=1, help="full: threads that read files.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Prepare a tier's data in the cache (HEADWATER_HOME).

    nano is downloaded and rendered; a second call returns at once. Of full, nothing is downloaded
    but from a hub that you name: your copy is checked against the published counts, every file is
    hashed, and the manifests of the streams are written.

    Example: headwater prepare full --set imagenet --images /data/imagenet
    """
    from benchmark.cli.data import prepare_full_sets, prepare_tier
    from benchmark.data.home import home

    if tier is Tier.full:
        if images is None and not hub:
            raise UsageError(
                "the full tier needs your images: --images DIR, or --hub REPO@REVISION with --set"
            )
        if images is not None and hub:
            raise UsageError("--images and --hub name two origins; choose one")
        rows = prepare_full_sets(set_, images, hub, workers)
        return print_rows(rows, as_json)
    if images or hub or set_:
        raise UsageError("--images, --hub and --set go with the full tier")
    made = prepare_tier(tier.value, verify=verify)
    if as_json:
        print_json({"tier": tier.value, "home": str(home()), "made": made})
    else:
        print(f"the {tier.value} data are in {home()}")

"""`headwater prepare`: download, check and render a tier's data."""

from enum import Enum
from typing import Annotated

import typer

from benchmark.cli.output import JsonOption, print_json


class Tier(str, Enum):
    """Tiers that can be prepared; smoke needs nothing."""

    nano = "nano"


def prepare(
    tier: Tier,
    verify: Annotated[bool, typer.Option(help="Hash every file again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prepare a tier's data in the cache (HEADWATER_HOME); a second call returns at once.

    Example: headwater prepare nano
    """
    from benchmark.cli.data import prepare_tier
    from benchmark.data.home import home

    made = prepare_tier(tier.value, verify=verify)
    if as_json:
        print_json({"tier": tier.value, "home": str(home()), "made": made})
    else:
        print(f"the {tier.value} data are in {home()}")

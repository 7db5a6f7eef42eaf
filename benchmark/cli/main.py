"""The entry point: finds the verbs, runs one, and turns errors into one sentence."""

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from benchmark.errors import HeadwaterError

VERB_GROUP = "headwater.verbs"


def _verbs() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=VERB_GROUP)}


class Verbs(TyperGroup):
    """Commands found by entry points, so that leaderboard's verbs need no import from here."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_verbs())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        point = _verbs().get(cmd_name)
        if point is None:
            return None
        loaded = point.load()
        app = loaded
        if not isinstance(loaded, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cmd_name)(loaded)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Verbs, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def headwater() -> None:
    """Benchmark of visual pre-training on streams of data.

    Start with: headwater demo
    """


def main() -> None:
    """Run the command line; exit 0 fine, 1 what was examined is wrong or failed, 2 usage.

    `headwater verify` exits with 3 where it cannot be told whether what is claimed agrees.
    """
    # Without it cuBLAS refuses to be deterministic, and it is read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        status = app(standalone_mode=False)
    except HeadwaterError as error:
        print(f"headwater: {error}", file=sys.stderr)
        status = error.exit_status
    except (KeyboardInterrupt, typer.Abort):
        print("headwater: stopped; what is finished is kept", file=sys.stderr)
        status = 130
    except OSError as error:
        print(f"headwater: {error.strerror}: {error.filename or 'no file named'}", file=sys.stderr)
        status = 1
    except Exception as error:
        # Usage errors of click, which newer versions of typer carry under a name of their own.
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()
        status = error.exit_code
    sys.exit(status or 0)

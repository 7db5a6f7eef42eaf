"""What `headwater demo` shows: the page and the table, asked for by entry point."""

from collections.abc import Sequence
from pathlib import Path


class Leaderboard:
    """The page and the table of a store; heavy modules are imported when they are made."""

    def build(self, store: Path, output: Path, planned: Sequence[str] = ()) -> Path:
        """Build the page; it may be called again and again while methods are running.

        Args:
            store: folder of records.
            output: folder of the page.
            planned: methods to list as pending while they have no record.

        Returns:
            Path of `index.html`.
        """
        from leaderboard.site import build_site

        return build_site(store, output, planned=planned)

    def print_table(self, store: Path) -> None:
        """Print the ranking of every protocol of a store on standard output."""
        from rich.console import Console

        from leaderboard.aggregate import read_results
        from leaderboard.board import load_boards
        from leaderboard.table import TerminalTable

        console = Console()
        for board in load_boards(read_results(store)):
            console.print(TerminalTable(board))


publisher = Leaderboard()

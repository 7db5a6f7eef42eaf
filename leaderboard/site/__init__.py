"""The leaderboard as a page of plain files."""

from leaderboard.site.build import build_site

__all__ = ["build_site"]

"""Rendering: templates, what all pages have in common, and the assets that they load."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from leaderboard import words
from leaderboard.site.folder import GENERATOR, SiteFolder, script_json, slug

#: The pages that are linked from every page.
PAGES = (
    ("index.html", "Ranking"),
    ("compare.html", "Compare"),
    ("submit.html", "Submit"),
    ("changelog.html", "Changes"),
)
#: Pages whose content is loaded by the address: of a method, of a cell, of two methods.
LOADED = ("method", "cell", "compare")
SCRIPTS = ("page", "table", "protocol", *LOADED)


class Pages:
    """Renders pages into the folder of the site, and writes the assets first.

    Args:
        site: the folder.
    """

    def __init__(self, site: SiteFolder) -> None:
        from plotly.offline import get_plotlyjs

        self.site = site
        self._environment = _environment()
        ours = files("leaderboard.site") / "assets"
        own = {f"{name}.js": (ours / f"{name}.js").read_bytes() for name in SCRIPTS}
        assets = {
            "style.css": (ours / "style.css").read_bytes(),
            "plotly.js": get_plotlyjs().encode(),
            **own,
        }
        self._common: dict[str, Any] = {
            "assets": {name.partition(".")[0]: site.asset(name, it) for name, it in assets.items()},
            "generator": GENERATOR,
            "kinds": words.KINDS,
            "units": words.UNITS,
        }

    def show(self, common: Mapping[str, Any]) -> None:
        """Let all pages from now on show something.

        Args:
            common: `selections`, the pages of selections by address and name; `versions` of
                Headwater that records were computed by; `newest`, when the last one ended.
        """
        selections: Sequence[tuple[str, str]] = common["selections"]
        links = (*PAGES[:1], *selections[:1], *PAGES[1:])
        self._common = {**self._common, **common, "pages": links}

    def rendered(self, template: str, context: Mapping[str, Any]) -> str:
        """A template's text."""
        return self._environment.get_template(template).render(**self._common, **context)

    def write(self, name: str, template: str, context: Mapping[str, Any]) -> None:
        """Write a page, such as `index.html`."""
        self.site.page(name, self.rendered(template, {**context, "page": name}))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leaderboard.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "interval": words.interval,
        "number": words.number,
        "count": words.count,
        "counted": words.counted,
        "duration": words.duration,
        "size": words.size,
        "ranks": words.ranks,
        "joined": words.joined,
        "slug": slug,
        "script_json": script_json,
    }
    return environment

"""The nano tier's data sets, one file each; a file put here is a task, no list to edit."""

import importlib
import pkgutil

for _name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if not _name.startswith("_"):
        importlib.import_module(f"{__name__}.{_name}")

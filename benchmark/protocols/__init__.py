"""The protocols that Headwater ships, one declaration a file; importing registers them."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, "benchmark.protocols."):
    importlib.import_module(_module.name)

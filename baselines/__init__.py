"""The baseline methods; importing this package registers every one of them."""

import importlib
import pkgutil

for _package in ("baselines.objectives", "baselines.strategies"):
    for _module in pkgutil.iter_modules(importlib.import_module(_package).__path__, f"{_package}."):
        importlib.import_module(_module.name)
importlib.import_module("baselines.random_init")

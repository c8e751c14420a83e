"""Stands in for the module `lazy_loader`, which Datadog's base package imports, where python3-lazy-loader is missing."""
import ast
import importlib
import os
import sys


def attach(package_name, submodules=None, submod_attrs=None):
    """(__getattr__, __dir__, __all__) of a package whose parts are imported when they are first used."""
    submodules = set(submodules or ())
    homes = {name: module for module, names in (submod_attrs or {}).items() for name in names}
    exported = sorted(submodules | homes.keys())

    def __getattr__(name):
        if name in submodules:
            return importlib.import_module(f"{package_name}.{name}")
        if name in homes:
            module = importlib.import_module(f"{package_name}.{homes[name]}")
            value = getattr(module, name)
            if name == homes[name]:  # the import has put the module where the attribute belongs
                sys.modules[package_name].__dict__[name] = value
            return value
        raise AttributeError(f"No {package_name} attribute {name}")

    def __dir__():
        return list(exported)

    return __getattr__, __dir__, list(exported)


def attach_stub(package_name, filename):
    """The same, from the imports of the stub (.pyi) beside the file."""
    stub = os.path.splitext(filename)[0] + ".pyi"
    if not os.path.exists(stub):
        raise ValueError(f"Cannot load imports from non-existent stub {stub!r}")
    with open(stub, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    submodules, attributes = set(), {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [alias.name for alias in node.names]
            if node.module is None:
                submodules.update(names)
            else:
                attributes.setdefault(node.module, []).extend(names)
    return attach(package_name, submodules, attributes)


class _Lazy:
    """A module that is imported when something is first asked of it."""

    def __init__(self, fullname):
        self.__dict__["_fullname"] = fullname

    def __getattr__(self, name):
        return getattr(importlib.import_module(self._fullname), name)


def load(fullname, *, require=None, error_on_import=False):
    """The module, or something that imports it later."""
    if error_on_import:
        return importlib.import_module(fullname)
    return sys.modules.get(fullname) or _Lazy(fullname)

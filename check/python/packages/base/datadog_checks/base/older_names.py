"""Lets modules be imported by names that they had once: both names are one module, and so its classes are, too."""
import importlib
import importlib.abc
import importlib.util
import sys


class _OlderNames(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self):
        self.packages = {}  # older name of a package: its name now

    def find_spec(self, fullname, path=None, target=None):
        package, _, rest = fullname.rpartition(".")
        now = self.packages.get(package)
        if now is None or importlib.util.find_spec(f"{now}.{rest}") is None:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def create_module(self, spec):
        package, _, rest = spec.name.rpartition(".")
        module = importlib.import_module(f"{self.packages[package]}.{rest}")
        spec.loader_state = module.__spec__  # the import machinery puts `spec` in its place
        if hasattr(module, "__path__"):
            self.packages[spec.name] = module.__name__
        return module

    def exec_module(self, module):
        module.__spec__ = module.__spec__.loader_state


_finder = _OlderNames()


def answer_for(older, now):
    _finder.packages[older] = now
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # or packages below would be found by their path, as modules of their own

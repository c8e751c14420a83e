"""Code below the folders of checks is imported only when nobody but root and the agent's user can change it.

What is looked at is what is read: a file is opened once, part by part of its path, and judged by its descriptor.
"""
import os
import sys
from importlib import machinery

import _heapwatch_code


def _open(path, name):
    try:
        return _heapwatch_code.open_owned(path)
    except PermissionError as error:
        raise ImportError(str(error), name=name, path=path) from None


def _read(descriptor):
    with open(descriptor, "rb") as file:
        return file.read()


class _Source(machinery.SourceFileLoader):
    def path_stats(self, path):  # asked before kept bytecode is taken for the source
        os.close(_open(path, self.name))
        return super().path_stats(path)

    def get_data(self, path):
        if path.endswith(".pyc"):  # kept bytecode that is not ours is as if it were not there
            return _read(_heapwatch_code.open_owned(path))
        return _read(_open(path, self.name))


class _Bytecode(machinery.SourcelessFileLoader):
    def get_data(self, path):
        return _read(_open(path, self.name))


class _Extension(machinery.ExtensionFileLoader):
    def create_module(self, spec):
        # Nobody else can exchange what a path of ours leads to, so that it can be loaded by its name.
        os.close(_open(self.path, self.name))
        return super().create_module(spec)


def guard(folders):
    """From here on, for what is below these folders."""
    roots = [os.path.join(os.path.abspath(folder), "") for folder in folders]

    def finder(path):
        if not os.path.join(os.path.abspath(path), "").startswith(tuple(roots)):
            raise ImportError("not a folder of checks", path=path)
        return machinery.FileFinder(path, (_Extension, machinery.EXTENSION_SUFFIXES),
                                    (_Source, machinery.SOURCE_SUFFIXES), (_Bytecode, machinery.BYTECODE_SUFFIXES))

    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()

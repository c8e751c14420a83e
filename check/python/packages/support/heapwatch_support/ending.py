"""What an interpreter does at its end, where nothing but that removes what would stay: this one never comes to it."""
import shutil
import sys


def remove_temporary_folders():
    """That of multiprocessing, in which managers and fork servers have their sockets."""
    process = sys.modules.get("multiprocessing.process")
    folder = process and process.current_process()._config.pop("tempdir", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)

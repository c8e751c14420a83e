"""Files and processes under the names by which checks reach them through `self.safe_os`.

They are Python's own functions. What a check may open or start is not restricted here: it runs as part of the agent.
"""
import builtins
import glob
import os
import shutil
import subprocess

from datadog_checks.base.utils.subprocess_output import get_subprocess_output


class SafeOS:
    open, os_open = staticmethod(builtins.open), staticmethod(os.open)
    exists, isfile, isdir, islink = map(staticmethod, (os.path.exists, os.path.isfile, os.path.isdir, os.path.islink))
    getsize, access, stat = staticmethod(os.path.getsize), staticmethod(os.access), staticmethod(os.stat)
    listdir, scandir, walk, glob = map(staticmethod, (os.listdir, os.scandir, os.walk, glob.glob))
    realpath = resolve_path = staticmethod(os.path.realpath)
    which, copy = staticmethod(shutil.which), staticmethod(shutil.copy)
    run, popen = staticmethod(subprocess.run), staticmethod(subprocess.Popen)
    get_subprocess_output = staticmethod(get_subprocess_output)

    @staticmethod
    def validate_path(path, mode="r"):
        """The path, for a library that opens it itself."""
        return path


safe_os = SafeOS()

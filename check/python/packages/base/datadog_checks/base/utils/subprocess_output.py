"""Running a program and taking what it prints, without holding up other checks."""
import logging

from _util import SubprocessOutputEmptyError
from _util import get_subprocess_output as _run


def get_subprocess_output(command, log=None, raise_on_empty_output=True, log_debug=True, env=None):
    """(standard output, standard error, exit status) of the command, a list of str or one str split at blanks."""
    if isinstance(command, str):
        command = command.split()
    if log_debug:
        (log or logging.getLogger(__name__)).debug("Running get_subprocess_output with cmd: %s", command)
    return _run([str(part) for part in command], bool(raise_on_empty_output), env=env)


__all__ = ["SubprocessOutputEmptyError", "get_subprocess_output"]

"""See aggregator.py."""
import subprocess


class SubprocessOutputEmptyError(Exception):
    pass


def get_subprocess_output(command, raise_on_empty=False, *, env=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env or None, check=False)
    except OSError:
        return "", "", 0
    if raise_on_empty and not done.stdout:
        raise SubprocessOutputEmptyError("get_subprocess_output expected output but had none.")
    return done.stdout, done.stderr, max(done.returncode, -1)


subprocess_output = get_subprocess_output

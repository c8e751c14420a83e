"""Runs heapwatch for tests: the agent on free ports, or one command to its end."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

PATIENCE_S = 60  # a loaded machine with sanitizers is slow; a test that has to wait this long has failed
SOON_S = 20  # for what nothing holds up, on such a machine: far below what waiting for the thing that hangs would take


def free_port():
    """A port that was free a moment ago, for programs that cannot say which one they took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, headers=None, timeout=20):
    """Body of a page, as text."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
        return answer.read().decode()


def listed_pages(url):
    """The pages that a server lists at its root: path to what it is."""
    return dict(line.split(maxsplit=1) for line in fetch(url).splitlines())


def documented_pages(page, before):
    """The rows of the table that follows these words on a page of docs/: path to what it is."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / page).read_text()
    table = text[text.index(before):].split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    return dict(re.fullmatch(r"\| `(\S+)` \| (.*) \|", row).groups() for row in table.splitlines())


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Polls until the condition returns something true, and returns that."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up waiting for {what}")
        time.sleep(0.02)


def clean_environment(**extra):
    """The environment without what would configure the agent behind the test's back."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DD_") and "proxy" not in key.lower()}
    return {**kept, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "DD_HISTORY_ENABLED": "false", **extra}


class Confd:
    """A folder with heapwatch.yaml and conf.d, gone when the test is over."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self._folder.name)
        self.confd = self.root / "conf.d"
        self.confd.mkdir()

    def write(self, name, text):
        """Writes conf.d/NAME."""
        path = self.confd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def config(self, text):
        path = self.root / "heapwatch.yaml"
        path.write_text(text)
        return path

    def close(self):
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def run(program, *arguments, env=None, timeout=120, stdin=None):
    """One command to its end."""
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=clean_environment(**(env or {})), input=stdin, check=False)


class Agent:
    """A running `heapwatch run`."""

    def __init__(self, program, folder, extra_config="", env=None, port=None):
        self.port = port or free_port()
        self.prometheus_port = free_port()
        config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: {self.port}\n"
                               f"prometheus:\n  listen: 127.0.0.1:{self.prometheus_port}\n{extra_config}")
        self.config_file = config
        self.log_path = folder.root / "heapwatch.log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([program, "-c", str(config), "run"], stderr=log, stdout=log,
                                            env=clean_environment(**(env or {})))
        try:
            wait_until(lambda: self.process.poll() is not None or self._answers(), "the agent's page")
            if self.process.poll() is not None:
                raise AssertionError(f"heapwatch ended at once:\n{self.log()}")
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        with contextlib.suppress(OSError):
            return fetch(f"http://127.0.0.1:{self.port}/debug/vars")
        return None

    def log(self):
        return self.log_path.read_text()

    def vars(self):
        return json.loads(fetch(f"http://127.0.0.1:{self.port}/debug/vars"))

    def metrics(self, accept=None):
        return fetch(f"http://127.0.0.1:{self.prometheus_port}/metrics", {"Accept": accept} if accept else None)

    def stop(self, signal_number=signal.SIGTERM):
        """Returns the exit status and the seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            status = self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return status, time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

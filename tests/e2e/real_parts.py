"""Real programs that the end-to-end tests run beside heapwatch: a Go program, Prometheus, InfluxDB, etcd."""
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, fetch, free_port, wait_until  # noqa: E402


class Program:
    """A program that serves on a port of its own, in a temporary folder."""

    def __init__(self, make_command, ready_path, config=None):
        self._folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self._folder.name)
        self.port = free_port()
        command = make_command(self)
        self.log_path = self.root / "log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.root, env=clean_environment())
        try:
            wait_until(lambda: self._ready(ready_path), f"{command[0]} to answer")
        except BaseException:
            self.stop()
            raise

    def _ready(self, path):
        if self.process.poll() is not None:
            raise AssertionError(f"ended at once:\n{self.log_path.read_text()}")
        with contextlib.suppress(OSError):
            return fetch(self.url(path)) or True
        return None

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def influxd():
    def command(program):
        folder = program.root
        (folder / "influxdb.conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{program.port}"\n')
        return ["influxd", "-config", str(folder / "influxdb.conf")]

    return Program(command, "/debug/vars")


def etcd():
    def command(program):
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"http://127.0.0.1:{program.port}"
        return ["etcd", "--data-dir", str(program.root / "data"), "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"default={peer}"]

    return Program(command, "/debug/vars")


def prometheus(targets, more_jobs=()):
    """Scrapes the targets (host:port) every second, and more jobs as Prometheus' configuration has them."""

    def command(program):
        config = program.root / "prometheus.yml"
        config.write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "heapwatch", "static_configs": [{"targets": targets}]}, *more_jobs]}))
        return ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={program.root}/tsdb",
                f"--web.listen-address=127.0.0.1:{program.port}"]

    return Program(command, "/-/ready")


def query(server, expression):
    """The result vector of a PromQL expression, as [(labels, value)]."""
    answer = json.loads(fetch(server.url("/api/v1/query?query=" + urllib.parse.quote(expression))))
    return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]


def made_control_group(root, pid, limit, usage):
    """Files below `root` that say what the control group of a process uses, in the forms of both versions."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        files = {}
        if "memory" in controllers.split(","):
            files = {f"memory{path}/memory.usage_in_bytes": usage, f"memory{path}/memory.limit_in_bytes": limit}
        elif not controllers:
            files = {f"{path[1:]}/memory.current": usage, f"{path[1:]}/memory.max": limit}
        for name, value in files.items():
            file = pathlib.Path(root) / name.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")


class GoProgram:
    """The Go program of tests/testing/go_target."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment())
        self.port = int(self.process.stdout.readline().split(":")[-1])

    def url(self, path="/debug/vars"):
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self):
        return fetch(self.url())

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

"""Containers as targets: a Docker's answers on a unix socket, as targets of a template and by Autodiscovery; and processes for the check
memory."""
import http.server
import json
import os
import pathlib
import shutil
import socketserver
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import run, wait_until  # noqa: E402
from fleet import INTERVAL, Fleet, seen, series, value  # noqa: E402
from pages import Pages  # noqa: E402


class Docker:
    """Answers /containers/json on a unix socket."""

    def __init__(self, path):
        self.containers = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = json.dumps(outer.containers).encode() if self.path.split("?")[0] == "/containers/json" else b"{}"
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def container(name, image, port, **labels):
    return {"Id": name * 8, "Names": [f"/{name}"], "Image": image, "Labels": labels, "State": "running",
            "Ports": [{"PrivatePort": port, "Type": "tcp"}], "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "n", "IPAddress": "127.0.0.1"}}}}


class ContainersTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.pages = Pages({"/debug/vars": b'{"n": 5}'})
        self.addCleanup(self.pages.close)
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.socket = self.fleet.root / "docker.sock"
        self.docker = Docker(self.socket)
        self.addCleanup(self.docker.close)
        self.sources = f"      docker_sd_configs: [{{host: 'unix://{self.socket}', refresh_interval: 1s}}]\n"

    def test_containers_are_targets_that_come_and_go(self):
        self.docker.containers = [container("shop", "shop:1", self.pages.port)]
        self.fleet.template(f"init_config:\ninstances:\n  - namespace: found\n{INTERVAL}    discover:\n{self.sources}"
                            "      relabel_configs:\n        - {source_labels: [__meta_docker_container_name], regex: '/(.*)', target_label: container}\n")
        with self.fleet.agent() as agent:
            wait_until(lambda: seen(agent, "container") == ["shop"], "the container")
            self.docker.containers = [container("other", "other", self.pages.port)]
            wait_until(lambda: seen(agent, "container") == ["other"], "the change")

    def test_a_file_with_identifiers_is_for_containers_of_its_image(self):
        self.docker.containers = [container("shop", "registry.test:5000/team/shop:1.2", self.pages.port), container("db", "postgres:15", 5432)]
        self.fleet.template("ad_identifiers: [shop]\ninit_config:\ninstances:\n  - namespace: found\n"
                            f"    expvar_url: 'http://%%host%%:%%port%%/debug/vars'\n{INTERVAL}    discover:\n{self.sources}")
        with self.fleet.agent() as agent:
            found = wait_until(lambda: series(agent), "the container")
            self.assertEqual(found, [{"container_name": "shop", "expvar_url": f"http://127.0.0.1:{self.pages.port}/debug/vars",
                                      "image_name": "registry.test:5000/team/shop", "image_tag": "1.2", "short_image": "shop"}])
            self.assertEqual(value(agent, "heapwatch_discovery_refused_targets"), 0)
            self.docker.containers = []
            wait_until(lambda: not series(agent), "its end")

    def test_a_container_asks_for_a_check_of_itself_and_of_nothing_else(self):
        asks = {"com.datadoghq.ad.checks": json.dumps({"go_expvar": {"instances": [{
            "expvar_url": "http://%%host%%:%%port_0%%/debug/vars", "tags": ["asked:yes"]}]}})}
        evil = {"com.datadoghq.ad.checks": json.dumps({"go_expvar": {"instances": [{"expvar_url": f"http://localhost:{self.pages.port}/debug/vars"}]}})}
        self.docker.containers = [container("good", "a", self.pages.port, **asks), container("evil", "b", self.pages.port, **evil),
                                  container("silent", "c", self.pages.port)]
        self.fleet.template(f"init_config:\ninstances:\n  - namespace: found\n{INTERVAL}    discover:\n      ad_annotations: true\n{self.sources}")
        with self.fleet.agent() as agent:
            wait_until(lambda: seen(agent, "container_name") == ["good"], "the container")
            self.assertEqual(seen(agent, "asked"), ["yes"])
            wait_until(lambda: value(agent, "heapwatch_discovery_refused_targets") == 1, "the refusal")
            status = wait_until(lambda: run(Fleet.program, "-c", agent.config_file, "status").stdout, "the status")
            self.assertIn("is not the container, nor among the allowed_targets", status)

    def test_processes_are_watched_by_the_check_memory_while_there_are_any(self):
        program = self.fleet.root / "hw-found"
        shutil.copy("/bin/sleep", program)
        self.fleet.write("memory.d/conf.yaml", "init_config:\ninstances:\n  - min_collection_interval: 0.5\n    leak: false\n    discover:\n"
                         f"      processes: [{{pattern: '{self.fleet.root}/hw', by: process_name, refresh_interval: 1s}}]\n"
                         "      relabel_configs: [{source_labels: [__meta_process_name], target_label: service_name}]\n")
        with self.fleet.agent() as agent:
            def watched():
                return [one for one in series(agent, "process_memory_rss") if one.get("process_name") == "hw-found"]
            with subprocess.Popen([program, "300"]) as process:
                try:
                    found = wait_until(watched, "the process")
                    self.assertEqual(found[0]["service_name"], "hw-found")
                finally:
                    process.kill()
            wait_until(lambda: not watched() and value(agent, "heapwatch_discovery_instances", check="memory") == 0, "its end")


if __name__ == "__main__":
    Fleet.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()

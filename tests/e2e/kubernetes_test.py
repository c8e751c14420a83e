"""Pods as targets: recorded answers and streams of an API server, served over TLS, and what the running agent makes of them."""
import http.server
import json
import os
import pathlib
import queue
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import run, wait_until  # noqa: E402
from certificates import server_and_client  # noqa: E402
from fleet import INTERVAL, Fleet, seen, value  # noqa: E402
from pages import Pages  # noqa: E402

END = object()  # of a stream


def pod(name, port, namespace="store", version="1", address="127.0.0.1", **annotations):
    return {"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": version,
                         "labels": {"app.kubernetes.io/name": "shop"}, "annotations": annotations,
                         "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-1", "controller": True}]},
            "spec": {"nodeName": "node-7", "containers": [{"name": "shop", "image": "shop:1",
                                                           "ports": [{"name": "debug", "containerPort": port, "protocol": "TCP"}]}]},
            "status": {"phase": "Running", "podIP": address, "hostIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]}}


class ApiServer:
    """Answers lists as it is told, and holds each watch open for what is put into it."""

    def __init__(self, context):
        self.lists, self.token, self.asked, self.lock = {}, "first", [], threading.Lock()
        self.watches = queue.Queue()  # each (query, queue of events)
        self.watch_status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                with outer.lock:
                    outer.asked.append((url.path, query))
                    token = outer.token
                if self.headers["Authorization"] != f"Bearer {token}":
                    self.answer(401, {"kind": "Status", "code": 401})
                elif "watch" in query and outer.watch_status != 200:
                    self.answer(outer.watch_status, {"kind": "Status", "code": outer.watch_status})
                elif "watch" in query:
                    self.stream(url.path, query)
                else:
                    self.answer(*outer.list(url.path, query))

            def answer(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def stream(self, path, query):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.flush()
                events = queue.Queue()
                outer.watches.put((path, query, events))
                while True:
                    event = events.get()
                    if event is END:
                        break
                    text = (json.dumps(event) + "\n").encode()
                    for part in (text[:40], text[40:]):  # a line comes in pieces
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def list(self, path, query):
        found = self.lists.get((path, query.get("continue", "")))
        if found is None:
            return 403, {"kind": "Status", "code": 403}
        if isinstance(found, int):
            return found, {"kind": "Status", "code": found}
        return 200, found

    def set(self, version, *pods, path="/api/v1/pods", rest="", at=""):
        self.lists[(path, at)] = {"kind": "PodList", "metadata": {"resourceVersion": version, "continue": rest}, "items": list(pods)}

    def watch(self):
        """The next watch that is begun."""
        return self.watches.get(timeout=60)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class KubernetesTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.certificates = server_and_client()
        cls.addClassCleanup(cls.certificates.close)

    def setUp(self):
        self.pages = Pages({"/debug/vars": b'{"n": 5}'})
        self.addCleanup(self.pages.close)
        self.port = self.pages.port
        self.api = ApiServer(self.certificates.server("server"))
        self.addCleanup(self.api.close)
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        account = self.fleet.root / "account"
        account.mkdir()
        (account / "token").write_text("first\n")
        (account / "ca.crt").write_text(pathlib.Path(self.certificates.file("ca.pem")).read_text())
        (account / "namespace").write_text("own")
        self.account = account

    def template(self, more=""):
        self.fleet.template(f"init_config:\ninstances:\n  - namespace: found\n{INTERVAL}    discover:\n      kubernetes_sd_configs:\n"
                            f"        - {{role: pod, api_server: 'https://127.0.0.1:{self.api.port}', service_account: {self.account}, node: node-7{more}}}\n"
                            "      relabel_configs:\n"
                            "        - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: debug, action: keep}\n"
                            "        - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}\n"
                            "        - {action: labelmap, regex: '__meta_kubernetes_pod_label_(.+)'}\n")

    def pod(self, name, **more):
        return pod(name, self.port, **more)

    def test_pods_come_and_go_with_the_stream(self):
        self.api.set("100", self.pod("a"), self.pod("b"))
        self.template()
        with self.fleet.agent() as agent:
            path, query, events = self.api.watch()
            self.assertEqual([path, query], ["/api/v1/pods", {
                "fieldSelector": "spec.nodeName=node-7", "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "100",
                "timeoutSeconds": "300"}])
            wait_until(lambda: seen(agent, "pod") == ["a", "b"], "the pods of the list")
            self.assertEqual(seen(agent, "app_kubernetes_io_name"), ["shop", "shop"])
            instances = agent.vars()["checks"]["go_expvar"]["instances"]
            events.put({"type": "ADDED", "object": self.pod("c", version="101")})
            events.put({"type": "DELETED", "object": self.pod("b", version="102")})
            wait_until(lambda: seen(agent, "pod") == ["a", "c"], "the change")
            later = agent.vars()["checks"]["go_expvar"]["instances"]
            self.assertEqual(len(instances.keys() & later.keys()), 1, "the one that stays is not touched")
            waiting = self.pod("d", version="103", address="")
            events.put({"type": "ADDED", "object": waiting})
            events.put({"type": "MODIFIED", "object": self.pod("d", version="104")})
            wait_until(lambda: seen(agent, "pod") == ["a", "c", "d"], "the pod that got its address")
            # A watch ends as it likes; the next begins where it ended, which a bookmark may have said.
            events.put({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "900"}}})
            events.put(END)
            _, query, events = self.api.watch()
            self.assertEqual(query["resourceVersion"], "900")
            events.put({"type": "DELETED", "object": self.pod("d", version="901")})
            wait_until(lambda: seen(agent, "pod") == ["a", "c"], "the end of a pod")
            self.assertEqual(len([one for one in self.api.asked if "watch" not in one[1]]), 1, "it was listed once")
            self.assertEqual(value(agent, "heapwatch_discovery_failures_total"), 0)
            events.put(END)

    def test_all_is_listed_anew_when_the_version_is_gone(self):
        self.api.set("100", self.pod("a"), self.pod("b"))
        self.template()
        with self.fleet.agent() as agent:
            _, _, events = self.api.watch()
            wait_until(lambda: seen(agent, "pod") == ["a", "b"], "the pods")
            self.api.set("500", self.pod("b"), self.pod("c"))
            events.put({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410,
                                                    "message": "too old resource version: 100 (500)"}})
            events.put(END)
            _, query, events = self.api.watch()
            self.assertEqual(query["resourceVersion"], "500")
            wait_until(lambda: seen(agent, "pod") == ["b", "c"], "what the new list says")
            # The same said by the status of the answer.
            self.api.set("700", self.pod("c"))
            self.api.watch_status = 410
            events.put(END)
            wait_until(lambda: seen(agent, "pod") == ["c"], "the third list")
            self.api.watch_status = 200
            _, query, events = self.api.watch()
            self.assertEqual(query["resourceVersion"], "700")
            self.assertEqual(value(agent, "heapwatch_discovery_failures_total"), 0)
            events.put(END)

    def test_a_token_that_changes_is_read_again_and_what_is_known_stays_meanwhile(self):
        self.api.set("100", self.pod("a"))
        self.template()
        with self.fleet.agent() as agent:
            _, _, events = self.api.watch()
            wait_until(lambda: seen(agent, "pod") == ["a"], "the pod")
            with self.api.lock:
                self.api.token = "second"
            events.put(END)
            wait_until(lambda: (value(agent, "heapwatch_discovery_failures_total") or 0) > 0, "the refusal")
            self.assertEqual(seen(agent, "pod"), ["a"])
            status = wait_until(lambda: run(Fleet.program, "-c", agent.config_file, "status").stdout, "the status")
            self.assertIn("answered 401 Unauthorized", status)
            self.assertNotIn("first", agent.log() + status)
            (self.account / "token").write_text("second\n")
            _, query, events = self.api.watch()
            self.assertEqual(query["resourceVersion"], "100")
            events.put({"type": "ADDED", "object": self.pod("b", version="101")})
            wait_until(lambda: seen(agent, "pod") == ["a", "b"], "what came since")
            events.put(END)

    def test_a_long_list_comes_in_parts(self):
        self.api.set("100", self.pod("a"), rest="tok/2+=")
        self.api.set("100", self.pod("b"), at="tok/2+=")
        self.template()
        with self.fleet.agent() as agent:
            _, _, events = self.api.watch()
            wait_until(lambda: seen(agent, "pod") == ["a", "b"], "both parts")
            self.assertEqual([query.get("limit") for _, query in self.api.asked if "watch" not in query], ["250", "250"])
            events.put(END)

    def test_namespaces_are_followed_one_by_one_and_one_that_may_not_be_read_holds_up_no_other(self):
        self.api.set("100", self.pod("a"), path="/api/v1/namespaces/store/pods")
        self.api.set("100", self.pod("o", namespace="own"), path="/api/v1/namespaces/own/pods")
        self.template(", namespaces: {names: [store, secret], own_namespace: true}")
        with self.fleet.agent() as agent:
            wait_until(lambda: seen(agent, "pod") == ["a", "o"], "the pods of both")
            wait_until(lambda: (value(agent, "heapwatch_discovery_failures_total") or 0) > 0, "the refusal")
            status = wait_until(lambda: run(Fleet.program, "-c", agent.config_file, "status").stdout, "the status")
            self.assertIn("/api/v1/namespaces/secret/pods: answered 403 Forbidden", status)
            for _ in range(2):
                self.api.watch()[2].put(END)

    def test_a_server_whose_certificate_is_of_another_authority_is_not_told_the_token(self):
        (self.account / "ca.crt").write_text(pathlib.Path(self.certificates.file("stranger.pem")).read_text())
        self.api.set("100", self.pod("a"))
        self.template()
        with self.fleet.agent() as agent:
            wait_until(lambda: (value(agent, "heapwatch_discovery_failures_total") or 0) > 0, "the failure")
            self.assertEqual(self.api.asked, [])
            self.assertEqual(agent.stop()[0], 0)

    def test_what_was_known_holds_over_a_restart_without_a_server(self):
        self.api.set("100", self.pod("a"))
        self.template()
        with self.fleet.agent() as agent:
            _, _, events = self.api.watch()
            wait_until(lambda: seen(agent, "pod") == ["a"], "the pod")
            events.put(END)
            self.assertEqual(agent.stop()[0], 0)
        self.api.lists = {("/api/v1/pods", ""): 503}
        with self.fleet.agent() as agent:
            wait_until(lambda: seen(agent, "pod") == ["a"], "the pod that was known")
            self.api.set("200", self.pod("b"))
            wait_until(lambda: seen(agent, "pod") == ["b"], "the new list")
            self.api.watch()[2].put(END)

    def test_the_agent_ends_soon_while_a_watch_is_open(self):
        self.api.set("100", self.pod("a"))
        self.template()
        with self.fleet.agent() as agent:
            _, _, events = self.api.watch()
            code, seconds = agent.stop()
            self.assertEqual(code, 0, agent.log())
            self.assertLess(seconds, 10)
            events.put(END)


if __name__ == "__main__":
    Fleet.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()

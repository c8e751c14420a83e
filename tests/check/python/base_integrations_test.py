"""Small checks of the shapes that common integrations have, over our base package: a status page read by patterns (nginx), a page
of JSON asked for with parameters and a ping (php_fpm), a page of CSV (haproxy), whatever answers over HTTP (http_check), a client
library of its own (mcache), and a database with columns, versions and custom queries (mysql, postgres)."""
import csv
import http.server
import json
import pathlib
import re
import sys
import threading
import types
import unittest
from urllib.parse import parse_qs, urlparse

PACKAGES = pathlib.Path(sys.argv.pop(1))
sys.path[:0] = [str(PACKAGES / "base"), str(PACKAGES / "spawned")]

import aggregator  # noqa: E402
import datadog_agent  # noqa: E402

SUBMITTED, METADATA = [], {}
TYPES = {value: name.lower() for name, value in vars(aggregator).items() if name.isupper()}
aggregator.submit_metric = lambda _check, _id, kind, name, value, tags, _host, _first: SUBMITTED.append((TYPES[kind], name, value, tags))
aggregator.submit_service_check = lambda _check, _id, name, status, tags, _host, _message: SUBMITTED.append(("service", name, status, tags))
datadog_agent.set_check_metadata = lambda _id, name, value: METADATA.update({name: value})

from datadog_checks.base import AgentCheck, ConfigurationError, ensure_unicode, is_affirmative, to_native_string  # noqa: E402
from datadog_checks.base.errors import CheckException  # noqa: E402
from datadog_checks.base.utils.db import QueryManager  # noqa: E402
from datadog_checks.base.utils.db.utils import default_json_event_encoding, resolve_db_host  # noqa: E402
from datadog_checks.base.utils.serialization import json as base_json  # noqa: E402
from datadog_checks.base.utils.time import get_timestamp  # noqa: E402
from datadog_checks.base.utils.tracking import tracked_method  # noqa: E402


class StatusPage(AgentCheck):
    """nginx."""

    HTTP_CONFIG_REMAPPER = {"ssl_validation": {"name": "tls_verify"}, "user": {"name": "username"}}
    WORDS = {"connections": (r"Active connections:\s+(\d+)", "gauge"), "requests": (r"\n\s*\d+\s+\d+\s+(\d+)", "rate")}

    def check(self, instance):
        if "url" not in instance:
            raise ConfigurationError("the instance needs url")
        parts = urlparse(instance["url"])
        tags = instance.get("tags", []) + [f"host:{parts.hostname}", f"port:{parts.port or 80}"]
        try:
            response = self.http.get(instance["url"])
            response.raise_for_status()
        except Exception as error:
            self.service_check("web.can_connect", AgentCheck.CRITICAL, tags=tags, message=str(error))
            raise
        self.service_check("web.can_connect", AgentCheck.OK, tags=tags)
        if server := response.headers.get("Server", "").partition("/")[2].strip():
            self.set_metadata("version", server)
        for name, (pattern, method) in self.WORDS.items():
            if found := re.search(pattern, to_native_string(response.content)):
                getattr(self, method)(f"web.{name}", int(found[1]), tags=tags)


class JsonPage(AgentCheck):
    """php_fpm."""

    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.http.options["headers"]["X-Asked-By"] = "check"

    def check(self, instance):
        reply = self.http.get(instance["status_url"], params={"json": ""}, timeout=5, extra_headers={"X-More": "1"})
        data = reply.json()
        tags = [f"pool:{data['pool']}"] if is_affirmative(instance.get("pool_tag", "yes")) else []
        for key in ("idle processes", "accepted conn"):
            method = self.monotonic_count if key.startswith("accepted") else self.gauge
            method(self.normalize(key, "php"), data[key], tags=tags)
        answers = ensure_unicode(self.http.get(instance["ping_url"]).text) == "pong"
        self.service_check("php.can_ping", self.OK if answers else self.CRITICAL, tags=tags)


class CsvPage(AgentCheck):
    """haproxy."""

    def check(self, instance):
        lines = self.http.get(instance["url"] + ";csv").text.lstrip("# ").splitlines()
        for row in csv.DictReader(lines):
            tags = [f"service:{row['pxname']}", f"type:{row['svname'].upper()}"]
            self.rate("proxy.bytes.in_rate", float(row["bin"]), tags=tags)
            self.count("proxy.lines", 1, tags=tags)
        if not lines:
            raise CheckException("the page is empty")


class Answers(AgentCheck):
    """http_check."""

    def check(self, instance):
        began = get_timestamp()
        method = getattr(self.http, instance.get("method", "get").lower())
        tags = [f"url:{instance['url']}", f"instance:{instance['name']}"]
        try:
            reply = method(instance["url"], persist=True, stream=True, json=instance.get("data"), allow_redirects=False)
        except Exception as error:
            self.log.debug("%s is down: %s", instance["url"], error)
            self.service_check("http.can_connect", AgentCheck.CRITICAL, tags, message=ensure_unicode(str(error)))
            return
        self.gauge("http.status", reply.status_code, tags=tags)
        self.gauge("http.took_long", get_timestamp() - began > 60 or reply.elapsed.total_seconds() > 60, tags=tags)
        good = re.match(instance.get("expects", "2.."), str(reply.status_code)) and instance.get("content", "") in reply.text
        self.service_check("http.can_connect", AgentCheck.OK if good else AgentCheck.CRITICAL, tags)


class Library(AgentCheck):
    """mcache."""

    SERVICE_CHECK = "cache.can_connect"

    def check(self, instance):
        import house_of_caches

        server, port = instance.get("url"), int(instance.get("port", 11211))
        if not server:
            raise ConfigurationError('either "url" or "socket" must be configured')
        client = house_of_caches.Client(f"{server}:{port}")
        try:
            for name, value in client.stats().items():
                getattr(self, "rate" if name.startswith("get_") else "gauge")(f"cache.{name}", value, tags=[f"url:{server}:{port}"])
            self.service_check(self.SERVICE_CHECK, AgentCheck.OK)
        finally:
            client.disconnect_all()


class Rows(AgentCheck):
    """mysql, postgres."""

    __NAMESPACE__ = "rows"

    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.host = resolve_db_host(self.instance["host"])
        self.queries = QueryManager(self, self.ask, tags=[f"server:{self.host}"], hostname=self.host, queries=[
            {"name": "threads", "query": "SELECT state, n", "columns": [{"name": "state", "type": "tag"}, {"name": "threads", "type": "gauge"}]}])
        self.check_initializations.append(self.queries.compile_queries)

    def debug_stats_kwargs(self):
        return {}

    @tracked_method(agent_check_getter=lambda self: self)
    def ask(self, query):
        return {"SELECT state, n": [("idle", 3), ("busy", 1)], "SELECT mine": [(7,)]}[query]

    def check(self, _):
        self.set_metadata("version", "8.0.1+log")
        self.queries.execute()
        self.database_monitoring_metadata(base_json.dumps({"at": 1}, default=default_json_event_encoding))
        self.service_check("can_connect", AgentCheck.OK, tags=[f"server:{self.host}"], hostname=self.host)


class Handler(http.server.BaseHTTPRequestHandler):
    server_version, sys_version = "nginx/1.22.1", ""

    def do_GET(self):
        path = urlparse(self.path)
        asked = (parse_qs(path.query, keep_blank_values=True), self.headers.get("X-Asked-By"), self.headers.get("X-More"))
        body = {"/nginx_status": "Active connections: 5 \nserver accepts handled requests\n 10 10 21 \nReading: 0 Writing: 1 Waiting: 4\n",
                "/status": json.dumps({"pool": "www", "idle processes": 2, "accepted conn": 9}) if asked == ({"json": [""]}, "check", "1")
                else "asked otherwise", "/ping": "pong",
                "/stats;csv": "# pxname,svname,bin\na,FRONTEND,10\na,backend,20\n"}.get(self.path.partition("?")[0])
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or "")))
        self.end_headers()
        self.wfile.write((body or "").encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Integrations(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        cls.port = cls.server.server_address[1]
        cls.url = f"http://127.0.0.1:{cls.port}"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self):
        SUBMITTED.clear()
        METADATA.clear()

    def run_of(self, kind, instance):
        return kind("c", {}, [instance]).run()

    def test_a_status_page_read_by_patterns(self):
        self.assertEqual(self.run_of(StatusPage, {"url": self.url + "/nginx_status", "ssl_validation": False, "tags": ["a:b"]}), "")
        tags = ["a:b", "host:127.0.0.1", f"port:{self.port}"]
        self.assertEqual(SUBMITTED, [("service", "web.can_connect", 0, tags), ("gauge", "web.connections", 5.0, tags),
                                     ("rate", "web.requests", 21.0, tags)])
        self.assertEqual(METADATA, {"version": "1.22.1"})
        SUBMITTED.clear()
        self.assertIn("404", self.run_of(StatusPage, {"url": self.url + "/nothing"}))
        self.assertEqual([entry[:3] for entry in SUBMITTED], [("service", "web.can_connect", 2)])
        self.assertIn("the instance needs url", self.run_of(StatusPage, {}))

    def test_a_page_of_json_and_a_ping(self):
        instance = {"status_url": self.url + "/status", "ping_url": self.url + "/ping"}
        self.assertEqual(self.run_of(JsonPage, instance), "")
        self.assertEqual(SUBMITTED, [("gauge", "php.idle_processes", 2.0, ["pool:www"]), ("monotonic_count", "php.accepted_conn", 9.0, ["pool:www"]),
                                     ("service", "php.can_ping", 0, ["pool:www"])])

    def test_a_page_of_csv(self):
        self.assertEqual(self.run_of(CsvPage, {"url": self.url + "/stats"}), "")
        front, back = ["service:a", "type:FRONTEND"], ["service:a", "type:BACKEND"]
        self.assertEqual(SUBMITTED, [("rate", "proxy.bytes.in_rate", 10.0, front), ("count", "proxy.lines", 1.0, front),
                                     ("rate", "proxy.bytes.in_rate", 20.0, back), ("count", "proxy.lines", 1.0, back)])
        self.assertIn("the page is empty", self.run_of(CsvPage, {"url": self.url + "/none"}))

    def test_whatever_answers(self):
        cases = (({"url": self.url + "/ping", "content": "pong"}, 200, 0), ({"url": self.url + "/none"}, 404, 2),
                 ({"url": self.url + "/", "method": "POST", "data": {"a": [1]}, "expects": "201", "content": '"a"'}, 201, 0))
        for instance, status, service in cases:
            with self.subTest(instance):
                SUBMITTED.clear()
                self.assertEqual(self.run_of(Answers, {"name": "n", **instance}), "")
                self.assertEqual([entry[:3] for entry in SUBMITTED],
                                 [("gauge", "http.status", float(status)), ("gauge", "http.took_long", 0.0), ("service", "http.can_connect", service)])
        SUBMITTED.clear()
        self.assertEqual(self.run_of(Answers, {"name": "n", "url": "http://127.0.0.1:1/"}), "")
        self.assertEqual([entry[:3] for entry in SUBMITTED], [("service", "http.can_connect", 2)])

    def test_a_library_of_its_own(self):
        left = []
        client = types.SimpleNamespace(stats=lambda: {"get_hits": 3, "bytes": 4.5}, disconnect_all=lambda: left.append(True))
        sys.modules["house_of_caches"] = types.SimpleNamespace(Client=lambda _: client)
        self.addCleanup(sys.modules.pop, "house_of_caches")
        self.assertEqual(self.run_of(Library, {"url": "h", "port": "5"}), "")
        self.assertEqual(SUBMITTED, [("rate", "cache.get_hits", 3.0, ["url:h:5"]), ("gauge", "cache.bytes", 4.5, ["url:h:5"]),
                                     ("service", "cache.can_connect", 0, [])])
        self.assertEqual(left, [True])
        self.assertIn("must be configured", self.run_of(Library, {}))

    def test_rows_of_a_database(self):
        instance = {"host": "127.0.0.2", "custom_queries": [{"query": "SELECT mine", "columns": [{"name": "mine", "type": "count"}], "tags": ["q:1"]}]}
        self.assertEqual(self.run_of(Rows, instance), "")
        tag = "server:127.0.0.2"
        self.assertEqual({entry[0] for entry in SUBMITTED if entry[1] == "dd.c.operation.time"}, {"histogram"})  # of tracked_method
        SUBMITTED[:] = [entry for entry in SUBMITTED if not entry[1].startswith("dd.")]
        self.assertEqual(SUBMITTED, [("gauge", "rows.threads", 3.0, [tag, "state:idle"]), ("gauge", "rows.threads", 1.0, [tag, "state:busy"]),
                                     ("count", "rows.mine", 7.0, [tag, "q:1"]), ("service", "rows.can_connect", 0, [tag])])
        self.assertEqual(METADATA, {"version": "8.0.1+log"})


if __name__ == "__main__":
    unittest.main()

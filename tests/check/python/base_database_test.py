"""Queries as data (utils.db), the older names of modules, and small checks that use our base package as integrations do."""
import datetime
import decimal
import pathlib
import socket
import sys
import threading
import unittest

PACKAGES = pathlib.Path(sys.argv.pop(1))
sys.path[:0] = [str(PACKAGES / "base"), str(PACKAGES / "spawned")]

import aggregator  # noqa: E402

SUBMITTED = []
TYPES = {value: name.lower() for name, value in vars(aggregator).items() if name.isupper()}
aggregator.submit_metric = lambda _check, _id, kind, name, value, tags, host, _first: SUBMITTED.append(
    (TYPES[kind], name, value, tags) + ((host,) if host else ()))
aggregator.submit_service_check = lambda _check, _id, name, status, tags, _host, message: SUBMITTED.append(
    ("service_check", name, status, tags, message))

import datadog_agent  # noqa: E402

METADATA = {}
datadog_agent.set_check_metadata = lambda _id, name, value: METADATA.update({name: value})

from datadog_checks.base import AgentCheck  # noqa: E402
from datadog_checks.base.utils.db import QueryExecutor, QueryManager  # noqa: E402
from datadog_checks.base.utils.db import utils as db_utils  # noqa: E402


class Database(AgentCheck):
    """As checks of databases are: the queries are class-level data, and a run is execute()."""

    __NAMESPACE__ = "db"

    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.asked = []
        self.manager = QueryManager(self, self.ask, queries=[self.instance["query"]] if "query" in self.instance else [],
                                    tags=["a:b"], error_handler=lambda text: text.replace("hunter2", "***"))
        self.check_initializations.append(self.manager.compile_queries)

    def ask(self, query):
        self.asked.append(query)
        rows = self.instance.get("rows", [])
        if isinstance(rows, str):
            raise RuntimeError(rows)
        yield from rows

    def check(self, _):
        self.manager.execute(extra_tags=["extra:1"])


class Queries(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        SUBMITTED.clear()
        METADATA.clear()

    def submitted(self, columns, rows, **query):
        query = {"name": "q", "query": "SELECT", "columns": columns, **query}
        check = Database("db", {}, [{"query": query, "rows": rows}])
        self.assertEqual(check.run(), "")
        return list(SUBMITTED)

    def error_of(self, columns=({"name": "a", "type": "gauge"},), **query):
        query = {"name": "q", "query": "SELECT", "columns": list(columns), **query}
        return Database("db", {}, [{"query": query}]).run()

    def test_columns_are_submitted_with_the_tags_of_their_row(self):
        got = self.submitted([{"name": "size", "type": "gauge"}, None, {"name": "table", "type": "tag"},
                              {"name": "up", "type": "tag", "boolean": True}, {"name": "group", "type": "tag_list"},
                              {"name": "none", "type": "tag_not_null"}, {"name": "reads", "type": "monotonic_count"}],
                             [(5, "left out", "t", 1, "x, y", None, 7), (6, "", "u", 0, ["z"], "n", 8)], tags=["q:1"])
        first = ["a:b", "extra:1", "q:1", "table:t", "up:true", "group:x", "group:y"]
        second = ["a:b", "extra:1", "q:1", "table:u", "up:false", "group:z", "none:n"]
        self.assertEqual(got, [("gauge", "db.size", 5.0, first), ("monotonic_count", "db.reads", 7.0, first),
                               ("gauge", "db.size", 6.0, second), ("monotonic_count", "db.reads", 8.0, second)])

    def test_types_of_columns(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        got = self.submitted([{"name": "m", "type": "monotonic_gauge"}, {"name": "p", "type": "temporal_percent", "scale": "millisecond"},
                              {"name": "s", "type": "service_check", "status_map": {"on": "OK", "off": "critical"}},
                              {"name": "since", "type": "time_elapsed"},
                              {"name": "day", "type": "time_elapsed", "format": "%Y-%m-%d"}, {"name": "version", "type": "metadata"}],
                             [(1, 500, "on", now - datetime.timedelta(seconds=30), "1970-01-02", "8.0")])
        tags = ["a:b", "extra:1"]
        self.assertEqual(got[:4], [("gauge", "db.m.total", 1.0, tags), ("monotonic_count", "db.m.count", 1.0, tags),
                                   ("rate", "db.p", 50.0, tags), ("service_check", "db.s", 0, tags, "")])
        self.assertAlmostEqual(got[4][2], 30, delta=20)
        self.assertGreater(got[5][2], 1e9)
        self.assertEqual(METADATA, {"version": "8.0"})

    def test_a_match_takes_its_value_from_another_column(self):
        got = self.submitted([{"name": "value", "type": "source"}, {"name": "other", "type": "source"},
                              {"name": "metric", "type": "match", "source": "value", "items": {
                                  "x": {"name": "of.x", "type": "gauge"},
                                  "y": {"name": "of.y", "type": "monotonic_gauge", "source": "other"}}}],
                             [(1, 2, "x"), (3, 4, "y"), (5, 6, "nothing")])
        self.assertEqual([entry[:3] for entry in got],
                         [("gauge", "db.of.x", 1.0), ("gauge", "db.of.y.total", 4.0), ("monotonic_count", "db.of.y.count", 4.0)])

    def test_extras_are_calculated_from_what_stands_before_them(self):
        got = self.submitted([{"name": "disk.total", "type": "gauge"}, {"name": "disk.used", "type": "source"}],
                             [(10, 4), (0, 0)],
                             extras=[{"name": "disk.free", "expression": "disk.total - disk.used", "submit_type": "gauge"},
                                     {"name": "used", "type": "percent", "part": "disk.used", "total": "disk.total"},
                                     {"name": "twice", "expression": "max(2 * disk.free, len('disk.free'))"},
                                     {"name": "out", "type": "rate", "source": "twice"},
                                     {"name": "failed", "expression": "1 / disk.total", "submit_type": "gauge"}])
        self.assertEqual([entry[:3] for entry in got],
                         [("gauge", "db.disk.total", 10.0), ("gauge", "db.disk.free", 6.0), ("gauge", "db.used", 40.0),
                          ("rate", "db.out", 12.0), ("gauge", "db.failed", 0.1),
                          ("gauge", "db.disk.total", 0.0), ("gauge", "db.disk.free", 0.0), ("gauge", "db.used", 0.0),
                          ("rate", "db.out", 9.0)])

    def test_a_prefix_stands_for_the_namespace(self):
        got = self.submitted([{"name": "a", "type": "gauge"}, {"name": "t", "type": "tag"}], [(1, 2)], metric_prefix="other.place",
                             extras=[{"name": "b", "expression": "a + 1", "submit_type": "count"}])
        self.assertEqual([entry[:2] for entry in got], [("gauge", "other.place.a"), ("count", "b")])
        self.assertIn("t:2", got[0][3])

    def test_a_query_with_an_interval_of_its_own_sits_runs_out(self):
        check = Database("db", {}, [{"rows": [(1,)], "query": {"name": "q", "query": "SELECT", "collection_interval": 3600,
                                                               "columns": [{"name": "a", "type": "gauge"}]}}])
        self.assertEqual((check.run(), check.run(), check.asked), ("", "", ["SELECT"]))

    def test_queries_that_fail_and_rows_that_do_not_fit_are_logged(self):
        import logging

        columns = [{"name": "a", "type": "gauge"}]
        for rows, said in (("no hunter2", "Error querying q: no ***"), ([(1, 2)], "Query q expected 1 column, got 2")):
            check = Database("db", {}, [{"rows": rows, "query": {"name": "q", "query": "SELECT", "columns": columns}}])
            records = []
            handler = logging.Handler()
            handler.emit = records.append
            check.log.addHandler(handler)
            check.log.propagate = False
            self.assertEqual(check.run(), "")
            check.log.removeHandler(handler)
            check.log.propagate = True
            self.assertEqual([record.getMessage() for record in records], [said])
        self.assertEqual(SUBMITTED, [])

    def test_custom_queries_of_the_instance_and_of_all(self):
        def named(*names):
            return [{"query": name, "columns": [{"name": "a", "type": "gauge"}]} for name in names]

        own = {"name": "q", "query": "own", "columns": [{"name": "a", "type": "gauge"}]}
        for instance, asked in (({"custom_queries": named("x", "x")}, ["own", "x"]),
                                ({}, ["own", "all"]),
                                ({"use_global_custom_queries": False}, ["own"]),
                                ({"use_global_custom_queries": "extend", "custom_queries": named("x")}, ["own", "x", "all"]),
                                ({"only_custom_queries": True}, ["all"])):
            with self.subTest(instance):
                check = Database("db", {"global_custom_queries": named("all")}, [{"query": own, "rows": [(1,)], **instance}])
                self.assertEqual((check.run(), check.asked), ("", asked))

    def test_what_is_wrong_with_a_query_is_said_before_it_is_asked(self):
        column = {"name": "a", "type": "gauge"}
        for changes, said in (({"name": ""}, "query field `name` is required"), ({"query": 5}, "field `query` for q must be a string"),
                              ({"columns": []}, "field `columns` for q is required"),
                              ({"columns": [5]}, "column #1 of q is not a mapping"),
                              ({"columns": [{"type": "gauge"}]}, "field `name` for column #1 of q is required"),
                              ({"columns": [{"name": "a", "type": "odd"}]}, "unknown type `odd` for column #1 of q, a"),
                              ({"columns": [column, column]}, "the name a of column #2 of q was already defined in column #1 of q"),
                              ({"columns": [{"name": "a", "type": "temporal_percent", "scale": "day"}]},
                               "error compiling type `temporal_percent` for column #1 of q, a: the `scale` parameter must be one of"),
                              ({"extras": [{"name": "b"}]}, "field `type` for extra #1 of q, b, is required"),
                              ({"extras": [{"name": "b", "type": "gauge"}]}, "field `source` for extra #1 of q, b, is required"),
                              ({"extras": [{"name": "b", "type": "percent", "part": "a", "total": "c"}]}, "`c` is not an available"),
                              ({"collection_interval": -1}, "`collection_interval` for q must be a positive number"),
                              ({"tags": "x"}, "field `tags` for q must be a list")):
            with self.subTest(said):
                self.assertIn(said, self.error_of(**changes))

    def test_expressions_reach_no_more_than_their_sources(self):
        import logging

        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        got = self.submitted([{"name": "a", "type": "source"}], [(1,)],
                             extras=[{"name": "b", "expression": "__import__('os').getpid()", "submit_type": "gauge"},
                                     {"name": "c", "expression": "open('/etc/hostname').read()", "submit_type": "gauge"}])
        self.assertEqual(got, [])

    def test_an_executor_submits_to_whoever_has_the_methods(self):
        with self.assertRaisesRegex(ValueError, "no method `gauge`"):
            QueryExecutor(lambda _: [], object())
        executor = QueryExecutor(lambda query: [(query,)], AgentCheck("c", {}, [{}]), hostname="h",
                                 queries=[{"name": "q", "query": 7, "columns": [{"name": "a", "type": "gauge"}]}])
        self.assertRaises(ValueError, executor.compile_queries)
        executor = QueryExecutor(lambda _: None, AgentCheck("c", {}, [{}]),
                                 queries=[{"name": "q", "query": lambda: 7, "columns": [{"name": "a", "type": "gauge"}]}])
        executor.compile_queries()
        executor.execute()
        self.assertEqual(SUBMITTED, [])


class Helpers(unittest.TestCase):
    def test_hosts_of_databases(self):
        datadog_agent.get_hostname = lambda: "agent-host"
        self.assertEqual([db_utils.resolve_db_host(host) for host in ("", "localhost", "127.0.0.1", "/run/db.sock", "no.such.host.invalid")],
                         ["agent-host"] * 5)
        self.assertEqual(db_utils.resolve_db_host("127.0.0.2"), "127.0.0.2")

    def test_values_of_databases_as_json(self):
        encode = db_utils.default_json_event_encoding
        self.assertEqual((encode(decimal.Decimal("1.5")), encode(datetime.date(2020, 1, 2))), (1.5, "2020-01-02"))
        self.assertRaises(TypeError, encode, object())

    def test_a_rate_limiter_waits_between_two(self):
        import time

        limiter = db_utils.ConstantRateLimiter(20)
        began = time.monotonic()
        for _ in range(3):
            limiter.sleep()
        self.assertGreaterEqual(time.monotonic() - began, 0.09)
        db_utils.ConstantRateLimiter(0).sleep()

    def test_files_and_processes_are_pythons_own(self):
        import tempfile

        safe_os = AgentCheck("c", {}, [{}]).safe_os
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/file"
            with safe_os.open(path, "w") as file:
                file.write("abc")
            self.assertTrue(safe_os.exists(path) and safe_os.isfile(path) and safe_os.isdir(folder) and not safe_os.islink(path))
            self.assertEqual((safe_os.getsize(path), safe_os.stat(path).st_size, safe_os.listdir(folder)), (3, 3, ["file"]))
            self.assertEqual([entry.name for entry in safe_os.scandir(folder)], ["file"])
            self.assertEqual([files for _, _, files in safe_os.walk(folder)], [["file"]])
            self.assertEqual((safe_os.glob(f"{folder}/f*"), safe_os.validate_path(path)), ([path], path))
        self.assertEqual(safe_os.run(["echo", "x"], capture_output=True, text=True).stdout, "x\n")
        self.assertEqual(safe_os.which("sh"), __import__("shutil").which("sh"))

    def test_proxies_as_requests_takes_them(self):
        check = AgentCheck("c", {}, [{}])
        self.assertIsNone(check.get_instance_proxy({}, "http://h/"))
        given = {"http": "http://p:1", "no_proxy": ["in.side"]}
        self.assertEqual(check.get_instance_proxy({"proxy": given}, "http://h/"), {"http": "http://p:1"})
        self.assertEqual(check.get_instance_proxy({}, "http://h/", proxies=given), {"http": "http://p:1"})
        self.assertEqual(check.get_instance_proxy({"proxy": given}, "http://in.side/"), {})
        self.assertEqual(check.get_instance_proxy({"proxy": given, "skip_proxy": True}, "http://h/"), {"http": "", "https": ""})


class OlderNames(unittest.TestCase):
    def setUp(self):
        SUBMITTED.clear()

    def test_both_names_are_one_module(self):
        import datadog_checks.base.utils.headers as now
        import datadog_checks.utils.headers as once
        from datadog_checks.base.checks import network
        from datadog_checks.checks.network import NetworkCheck
        from datadog_checks.checks.openmetrics import OpenMetricsBaseCheck
        from datadog_checks.checks.openmetrics.base_check import OpenMetricsBaseCheck as by_its_module
        from datadog_checks.checks.prometheus import GenericPrometheusCheck
        from datadog_checks.utils.db.core import QueryManager as once_managed

        self.assertIs(once, now)
        self.assertEqual((now.__spec__.name, now.__name__), ("datadog_checks.base.utils.headers",) * 2)
        self.assertIs(NetworkCheck, network.NetworkCheck)
        self.assertIs(by_its_module, OpenMetricsBaseCheck)
        self.assertTrue(issubclass(GenericPrometheusCheck, OpenMetricsBaseCheck))
        self.assertIs(once_managed, QueryManager)
        self.assertRaises(ModuleNotFoundError, __import__, "datadog_checks.utils.nothing")

    def test_the_lines_by_which_integrations_import(self):
        for line in ("from datadog_checks.checks import AgentCheck, NetworkCheck, OpenMetricsBaseCheck, Status",
                     "from datadog_checks.utils.platform import Platform", "from datadog_checks.utils.common import ensure_bytes",
                     "from datadog_checks.utils.tracing import traced_class",
                     "from datadog_checks.base.checks.openmetrics.base_check import OpenMetricsBaseCheck",
                     "from datadog_checks.base.utils.constants import MICROSECOND",
                     "from datadog_checks.base.utils.db import Query, QueryExecutor, QueryManager",
                     "from datadog_checks.base.utils.db.utils import default_json_event_encoding, resolve_db_host",
                     "from datadog_checks.base.utils.safe_os import safe_os"):
            with self.subTest(line):
                exec(line, {})

    def test_a_check_of_the_network_says_what_answers(self):
        from datadog_checks.checks import NetworkCheck, Status

        class Port(NetworkCheck):
            def __init__(self, name, init_config, agentConfig, instances=None):
                NetworkCheck.__init__(self, name, init_config, agentConfig, instances)

            def _check(self, instance):
                try:
                    socket.create_connection(("127.0.0.1", instance["port"]), 5).close()
                except OSError as error:
                    return [("port.up", Status.DOWN, type(error).__name__)]
                return Status.UP, "answers"

            def report_as_service_check(self, sc_name, status, instance, msg=None):
                self.service_check(sc_name or "port", self.STATUS_TO_SERVICE_CHECK[status], tags=[f"port:{instance['port']}"], message=msg)

        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            thread = threading.Thread(target=lambda: server.accept()[0].close())
            thread.start()
            check = Port(name="p", init_config={}, agentConfig={}, instances=[{"port": port}])
            self.assertEqual(check.run(), "")
            thread.join()
        self.assertEqual(check.run(), "")
        self.assertEqual(SUBMITTED, [("service_check", "port", 0, [f"port:{port}"], "answers"),
                                     ("service_check", "port.up", 2, [f"port:{port}"], "ConnectionRefusedError")])
        broken = type("Broken", (Port,), {"_check": lambda *_: 1 / 0})
        import logging
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.assertEqual(broken(name="p", init_config={}, agentConfig={}, instances=[{}]).run(), "")


if __name__ == "__main__":
    unittest.main()

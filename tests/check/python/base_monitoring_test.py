"""Small checks of the shapes that checks of databases with monitoring have, over our base package: jobs between the runs, what
statements did since the last run, samples of statements with their plans, and the tags and events that go with them."""
import datetime
import decimal
import ipaddress
import itertools
import json
import logging
import pathlib
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

PACKAGES = pathlib.Path(sys.argv.pop(1))
sys.dont_write_bytecode = True
sys.path[:0] = [str(PACKAGES / "base"), str(PACKAGES / "spawned")]

import aggregator  # noqa: E402
import datadog_agent  # noqa: E402

SUBMITTED, EVENTS = [], []
TYPES = {value: name.lower() for name, value in vars(aggregator).items() if name.isupper()}
aggregator.submit_metric = lambda _check, _id, kind, name, value, tags, _host, _first: SUBMITTED.append((TYPES[kind], name, value, tags))
aggregator.submit_service_check = lambda _check, _id, name, status, tags, _host, _message: SUBMITTED.append(("service", name, status, tags))
aggregator.submit_event_platform_event = lambda _check, _id, event, track: EVENTS.append((track, json.loads(event)))
sys.path.append(str(PACKAGES / "support" / "heapwatch_support"))
import obfuscation  # noqa: E402

datadog_agent.obfuscate_sql = lambda query, options="": obfuscation.sql(query, options)
datadog_agent.obfuscate_sql_exec_plan = lambda plan, normalize=False: obfuscation.sql_plan(plan, normalize)

from datadog_checks.base import AgentCheck, is_affirmative  # noqa: E402
from datadog_checks.base.checks.db import DatabaseCheck  # noqa: E402
from datadog_checks.base.log import get_check_logger  # noqa: E402
from datadog_checks.base.utils.aws import rds_parse_tags_from_endpoint  # noqa: E402
from datadog_checks.base.utils.common import to_native_string  # noqa: E402
from datadog_checks.base.utils.db import QueryExecutor, QueryManager  # noqa: E402
from datadog_checks.base.utils.db.health import Health, HealthEvent, HealthStatus  # noqa: E402
from datadog_checks.base.utils.db.sql import compute_exec_plan_signature, compute_sql_signature, normalize_query_tag  # noqa: E402
from datadog_checks.base.utils.db.statement_metrics import StatementMetrics, apply_row_limits  # noqa: E402
from datadog_checks.base.utils.db.timed_cache import TimedCache  # noqa: E402
from datadog_checks.base.utils.db.utils import (  # noqa: E402
    ConstantRateLimiter, DBMAsyncJob, DbRow, RateLimitingTTLCache, TagManager, TagType, default_json_event_encoding,
    get_agent_host_tags, obfuscate_sql_with_metadata, tracked_query)
from datadog_checks.base.utils.diagnose import Diagnosis  # noqa: E402
from datadog_checks.base.utils.discovery import Discovery  # noqa: E402
from datadog_checks.base.utils.serialization import json as base_json  # noqa: E402
from datadog_checks.base.utils.tracking import tracked_method  # noqa: E402


class QueryMetrics(DBMAsyncJob):
    """What a job of statement metrics is: read the table, leave out values, tell what grew."""

    def __init__(self, check, options):
        super().__init__(check, config_host="localhost", min_collection_interval=15, dbms="ourdb", rate_limit=options.get("rate", 0),
                         run_sync=is_affirmative(options.get("run_sync", False)), enabled=is_affirmative(options.get("enabled", True)),
                         expected_db_exceptions=(LookupError,), shutdown_callback=lambda: check.closed.set(), job_name="query-metrics")
        self._state = StatementMetrics()
        self._options = to_native_string(base_json.dumps({"dbms": "mysql", "return_json_metadata": True, "table_names": True,
                                                          "collect_commands": True}))
        self._full_text = RateLimitingTTLCache(maxsize=100, ttl=3600)

    @tracked_method(agent_check_getter=lambda self: self._check)
    def rows(self):
        return self._check.statements()

    def run_job(self):
        rows = []
        for row in self.rows():
            statement = obfuscate_sql_with_metadata(row["query"], self._options)
            rows.append({**row, "query": statement["query"], "dd_tables": statement["metadata"]["tables"],
                         "query_signature": compute_sql_signature(statement["query"])})
        rows = self._state.compute_derivative_rows(rows, {"calls", "time"}, key=lambda row: row["query_signature"],
                                                   execution_indicators=["calls"])
        for row in rows:
            if self._full_text.acquire(row["query_signature"]):
                self._check.database_monitoring_query_sample(base_json.dumps({"dbm_type": "fqt", "statement": row["query"]}))
        payload = {"host": self._db_hostname, "rows": rows, "tags": self._tags, "ddagentversion": datadog_agent.get_version()}
        self._check.database_monitoring_query_metrics(base_json.dumps(payload, default=default_json_event_encoding))


class OurDb(DatabaseCheck):
    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.closed = threading.Event()
        self.tables = iter(self.instance["tables"])
        self.tag_manager = TagManager(normalizer=self.normalize_tag)
        self.tag_manager.set_tags_from_list(self.instance.get("tags", []), replace=True)
        self.health = Health(self)
        self.job = QueryMetrics(self, self.instance.get("query_metrics") or {})
        self.query_manager = QueryManager(self, lambda _query: [("a", 1)], queries=[
            {"name": "up", "query": "SELECT", "columns": [{"name": "who", "type": "tag"}, {"name": "ourdb.up", "type": "gauge"}]}])
        self.check_initializations.append(self.query_manager.compile_queries)

    def debug_stats_kwargs(self):
        return {"tags": ["agent_hostname:here"]}

    def statements(self):
        table = next(self.tables)
        if isinstance(table, Exception):
            raise table
        return table

    def cancel(self):
        self.job.cancel()

    def check(self, _):
        if self.instance.get("user"):
            self._log_deprecation("_config_renamed", "user", "username")
        self.tag_manager.set_tag("server", "db 1", replace=True, normalize=True)
        with tracked_query(self, operation="version", tags=["q:1"]):
            self.set_metadata("version", "8.0")
        self.query_manager.execute()
        if is_affirmative(self.instance.get("dbm")):
            self.job.run_job_loop(self.tag_manager.get_tags())


def row(query, calls, spent):
    return {"query": query, "calls": calls, "time": decimal.Decimal(spent), "since": datetime.datetime(2024, 5, 6)}


class Monitoring(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        SUBMITTED.clear()
        EVENTS.clear()

    def wait_for(self, what):
        deadline = time.monotonic() + 30
        while not what():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def submitted(self, name):
        return [entry for entry in list(SUBMITTED) if entry[1] == name]

    def test_a_check_with_its_job_in_the_run(self):
        tables = [[row("SELECT a FROM t WHERE b = 7", 5, 50), row("SELECT 1", 1, 1)],
                  [row("SELECT a FROM t WHERE b = 8", 7, 90), row("SELECT 1", 1, 2)]]
        check = OurDb("ourdb", {}, [{"dbm": True, "tables": tables, "query_metrics": {"run_sync": True}, "user": "u",
                                     "tags": ["env:x", "alone", "env:y", "env:x"]}])
        self.assertEqual((check.run(), check.run()), ("", ""))
        tags = ["env:x", "env:y", "alone", "server:db_1"]
        # SELECT 1 took time without being called: nobody ran it.
        grown = {"query": "SELECT a FROM t WHERE b = ?", "calls": 2, "time": 40.0, "since": "2024-05-06T00:00:00", "dd_tables": ["t"],
                 "query_signature": compute_sql_signature("SELECT a FROM t WHERE b = ?")}
        own = {"host": datadog_agent.get_hostname(), "tags": tags, "ddagentversion": datadog_agent.get_version()}
        self.assertEqual(EVENTS, [("dbm-metrics", {**own, "rows": []}),
                                  ("dbm-samples", {"dbm_type": "fqt", "statement": "SELECT a FROM t WHERE b = ?"}),
                                  ("dbm-metrics", {**own, "rows": [grown]})])
        self.assertEqual(len([text for text in check.get_warnings() if "`user`" in text and "`username`" in text]), 1)
        self.assertEqual(self.submitted("ourdb.up"), [("gauge", "ourdb.up", 1.0, ["who:a"])] * 2)
        self.assertEqual([entry[0] + " " + " ".join(entry[3]) for entry in self.submitted("dd.ourdb.operation.time")[:2]],
                         ["histogram agent_hostname:here operation:version q:1", "histogram agent_hostname:here operation:rows"])

    def test_a_job_goes_on_between_runs_until_it_is_cancelled(self):
        check = OurDb("ourdb", {}, [{"dbm": True, "tables": itertools.repeat([])}])
        self.assertEqual(check.run(), "")
        self.wait_for(lambda: len(EVENTS) > 3)
        loop = check.job._job_loop_future
        self.assertEqual(check.run(), "")
        self.assertIs(check.job._job_loop_future, loop)  # it runs: there is no second one
        check.cancel()
        self.assertTrue(check.closed.wait(30))
        self.wait_for(loop.done)
        self.assertEqual(self.submitted("dd.ourdb.async_job.cancel"),
                         [("count", "dd.ourdb.async_job.cancel", 1.0, ["server:db_1", "job:query-metrics"])])

    def test_a_cancelled_job_does_not_sleep_its_interval_out(self):
        check = OurDb("ourdb", {}, [{"dbm": True, "tables": itertools.repeat([]), "query_metrics": {"rate": 1 / 3600}}])
        check.job._rate_limiter.last_event = time.time()
        self.assertEqual(check.run(), "")
        self.wait_for(lambda: EVENTS)
        check.cancel()
        self.assertTrue(check.closed.wait(30))

    def test_the_loop_ends_when_the_check_does_not_run_any_more(self):
        check = OurDb("ourdb", {}, [{"dbm": True, "tables": itertools.repeat([])}])
        check.job._min_collection_interval = -1
        self.assertEqual(check.run(), "")
        self.assertTrue(check.closed.wait(30))
        self.assertEqual(len(self.submitted("dd.ourdb.async_job.inactive_stop")), 1)

    def test_errors_end_the_loop_and_the_next_run_begins_it_again(self):
        for error, tag in ((KeyError("gone"), "error:database-<class 'KeyError'>"), (ValueError("no"), "error:crash-<class 'ValueError'>")):
            SUBMITTED.clear()
            logged, handler = [], logging.Handler()
            handler.emit = logged.append
            check = OurDb("ourdb", {}, [{"dbm": True, "tables": itertools.chain([error], itertools.repeat([]))}])
            check.log.addHandler(handler)
            self.assertEqual(check.run(), "")
            self.assertTrue(check.closed.wait(30))
            self.wait_for(check.job._job_loop_future.done)
            self.assertEqual([entry[3][-1] for entry in self.submitted("dd.ourdb.async_job.error")], [tag])
            self.assertEqual([entry[3][-1] for entry in self.submitted("dd.ourdb.operation.error")], [f"error:{type(error)}"])
            self.assertEqual([record.levelname for record in logged if record.levelno > logging.INFO],
                             ["WARNING" if isinstance(error, LookupError) else "ERROR"])
            EVENTS.clear()
            self.assertEqual(check.run(), "")
            self.wait_for(lambda: EVENTS)
            check.cancel()
            self.wait_for(check.job._job_loop_future.done)
            check.log.removeHandler(handler)

    def test_a_job_that_is_switched_off_or_defines_nothing(self):
        check = OurDb("ourdb", {}, [{"dbm": True, "tables": [], "query_metrics": {"enabled": "no"}}])
        self.assertEqual((check.run(), EVENTS, check.job._job_loop_future), ("", [], None))
        with self.assertRaisesRegex(NotImplementedError, "run_job"):
            DBMAsyncJob(check, run_sync=True, job_name="none").run_job_loop([])

    def test_a_job_that_hangs_does_not_hold_the_program_up(self):
        """Threads of jobs end with it, whatever they do."""
        program = ("import sys, time\n"
                   f"sys.path[:0] = {sys.path[:2]!r}\n"
                   "from datadog_checks.base import AgentCheck\n"
                   "from datadog_checks.base.utils.db.utils import DBMAsyncJob\n"
                   "class Hangs(DBMAsyncJob):\n"
                   "    def run_job(self):\n"
                   "        print('hangs', flush=True)\n"
                   "        time.sleep(3600)\n"
                   "job = Hangs(AgentCheck('c', {}, [{}]), job_name='h')\n"
                   "job.run_job_loop([])\n"
                   "time.sleep(0.1)\n")
        done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "hangs"), done.stderr)

    def test_samples_of_statements_with_their_plans(self):
        plans = [json.dumps({"Plan": {"Node Type": "Seq Scan", "Filter": f"(a = {value})", "Total Cost": cost}}) for value, cost in
                 ((1, 5.0), (2, 9.0))]
        signatures = {compute_exec_plan_signature(datadog_agent.obfuscate_sql_exec_plan(plan, normalize=True)) for plan in plans}
        self.assertEqual(len(signatures), 1)
        self.assertEqual(compute_exec_plan_signature('{"a": 1, "b": 2}'), compute_exec_plan_signature('{"b":2,"a":1}'))
        self.assertNotEqual(compute_exec_plan_signature('{"a": 1, "b": 2}'), compute_exec_plan_signature('{"a": 2, "b": 1}'))
        self.assertEqual((compute_exec_plan_signature(""), compute_sql_signature(None)), (None, None))
        self.assertEqual(normalize_query_tag("SELECT a, b,c"), "SELECT a， b，c")

    def test_signatures_are_those_of_the_known_hash(self):
        """MurmurHash3, x64, 128 bits, seed 0: the first half. "foo" is the example of a library for it; the others are values of a
        version of this code that gives the verification value 0x6384BA69 of the hash's own test suite."""
        self.assertEqual(compute_sql_signature("foo"), format(16316970633193145697, "x"))
        self.assertEqual([compute_sql_signature("a" * length) for length in (1, 8, 9, 15, 16, 17, 33)],
                         ["85555565f6597889", "27a18daf3713439", "f7bae17878687f64", "7d07a8dbfd2e7fbc", "f2c1180d62aaa6ce",
                          "6f7214c7cef2d698", "e02ec376f433d4bd"])

    def test_what_statements_did_since_the_last_run(self):
        state, key = StatementMetrics(), lambda one: one["q"]

        def told(*rows, **options):
            return state.compute_derivative_rows([dict(zip(("q", "n", "t"), one)) for one in rows], ["n", "t"], key, **options)

        self.assertEqual(told(("a", 1, 10), ("b", 1, 10), ("c", 5, 5)), [])
        self.assertEqual(told(("a", 3, 10), ("b", 1, 10), ("c", 4, 9), ("new", 1, 1)), [{"q": "a", "n": 2, "t": 0}])
        # c was counted from the beginning; two rows of one statement are one.
        self.assertEqual(told(("a", 3, 11), ("c", 6, 10), ("new", 1, 1), ("new", 2, 3)),
                         [{"q": "a", "n": 0, "t": 1}, {"q": "c", "n": 2, "t": 1}, {"q": "new", "n": 2, "t": 3}])
        self.assertEqual(told(("a", 3, 12), ("c", 7, 11), execution_indicators=["n"]), [{"q": "c", "n": 1, "t": 1}])
        self.assertEqual((told(), told(("a", 9, 99))), ([], []))  # a was gone, so nothing is known of it

    def test_the_highest_and_the_lowest_rows_of_each_metric(self):
        rows = [{"q": q, "n": n, "t": t} for q, n, t in (("a", 1, 5), ("b", 2, 5), ("c", 3, 0), ("d", 4, 0), ("e", 5, 0))]

        def kept(limits, reverse=False):
            return sorted(one["q"] for one in apply_row_limits(rows, limits, "n", reverse, key=lambda one: one["q"]))

        self.assertEqual(kept({"n": (1, 1)}), ["a", "e"])
        self.assertEqual(kept({"t": (1, 1), "unknown": (9, 9)}), ["b", "c"])
        self.assertEqual(kept({"t": (1, 1)}, reverse=True), ["a", "e"])
        self.assertEqual(kept({"t": (0, 0)}), [])
        self.assertEqual(apply_row_limits([], {"t": (1, 1)}, "n", False, key=None), [])

    def test_statements_without_their_values(self):
        self.assertEqual(obfuscate_sql_with_metadata(""), {"query": "", "metadata": {}})
        self.assertEqual(obfuscate_sql_with_metadata("SELECT 1"), {"query": "SELECT ?", "metadata": {}})
        got = obfuscate_sql_with_metadata("SELECT\0 x FROM a, b JOIN c", '{"return_json_metadata": true, "table_names": true}', True)
        self.assertEqual((got["query"], got["metadata"]["tables"]), ("SELECT x FROM a, b JOIN c", ["a", "c"]))
        self.assertEqual(obfuscate_sql_with_metadata("SELECT 1", '{"return_json_metadata": true}')["metadata"]["tables"], None)
        wrapped = DbRow({"a": 1}, {"tables_csv": "x,y"})
        self.assertEqual((wrapped.data, wrapped.metadata.parse_tables_csv(), DbRow({}).metadata.commands), ({"a": 1}, ["x", "y"], None))

    def test_values_for_json(self):
        values = [decimal.Decimal("1.5"), datetime.date(2024, 1, 2), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1"),
                  b"a\xff", memoryview(b"b")]
        self.assertEqual(json.loads(json.dumps(values, default=default_json_event_encoding)),
                         [1.5, "2024-01-02", "10.0.0.1", "::1", "a�", "b"])
        with self.assertRaisesRegex(TypeError, "object is not for JSON"):
            json.dumps([object()], default=default_json_event_encoding)

    def test_limits_by_key_and_time(self):
        now = [0]
        cache = RateLimitingTTLCache(maxsize=2, ttl=10, timer=lambda: now[0])
        self.assertEqual([cache.acquire(key) for key in "aabc"], [True, False, True, False])
        now[0] = 9
        self.assertEqual((cache.acquire("c"), len(cache), "a" in cache, cache.get("z", 5)), (False, 2, True, 5))
        now[0] = 10
        self.assertEqual((cache.acquire("c"), len(cache), "a" in cache, list(cache)), (True, 1, False, ["c"]))
        cache["d"], cache["e"] = 1, 2  # values put in by hand drive the oldest out
        self.assertEqual((list(cache), cache["e"]), (["d", "e"], 2))
        timed = TimedCache(3600)
        self.assertFalse(timed)
        timed["a"] = 1
        self.assertEqual((bool(timed), timed.get("a"), timed.get("b"), timed.is_expired()), (True, 1, None, False))
        timed._began -= 3600
        self.assertEqual((bool(timed), timed["a"], timed.is_expired()), (False, 1, True))
        timed.clear()
        self.assertEqual((timed.get("a"), timed.is_expired()), (None, False))
        limiter = ConstantRateLimiter(1 / 3600)
        self.assertTrue(limiter.shall_execute())
        limiter.update_last_time()
        self.assertFalse(limiter.shall_execute())

    def test_tags_by_key(self):
        tags = TagManager(normalizer=str.lower)
        tags.set_tag("a", "1")
        tags.set_tag("a", "2")
        tags.set_tag("a", "1")
        tags.set_tag(None, "Alone", normalize=True)
        tags.set_tag("dd.internal.resource", "r")
        self.assertEqual(tags.get_tags(), ["a:1", "a:2", "alone", "dd.internal.resource:r"])
        self.assertEqual(tags.get_tags(include_internal=False), ["a:1", "a:2", "alone"])
        self.assertEqual([tags.delete_tag("a", "2"), tags.delete_tag("a", "2"), tags.delete_tag(None), tags.delete_tag("none")],
                         [True, False, True, False])
        tags.set_tag("a", "3", replace=True)
        tags.set_tags_from_list(["b:x:y", "c"])
        self.assertEqual(tags.get_tags(False), ["a:3", "b:x:y", "c"])
        tags.set_tags_from_list(["d:1"], replace=True)
        self.assertEqual((tags.get_tags(), TagType.KEYLESS in tags._tags), (["d:1"], False))

    def test_the_tags_of_the_machine(self):
        for said, tags in (("", []), ("{}", []), ('{"system": ["a:b"], "cloud": ["c"], "none": null}', ["a:b", "c"])):
            with mock.patch.object(datadog_agent, "get_host_tags", lambda said=said: said):
                self.assertEqual(get_agent_host_tags(), tags)
        for said in ("{", "[1]", '{"a": 1}'):
            with mock.patch.object(datadog_agent, "get_host_tags", lambda said=said: said):
                self.assertRaisesRegex(ValueError, "not a map of lists", get_agent_host_tags)

    def test_hosts_at_amazon(self):
        one, cluster = "c-04.cfx.us-west-2.rds.amazonaws.com", "m.cluster-ro-cfx.ap-east-1.rds.amazonaws.com"
        self.assertEqual(rds_parse_tags_from_endpoint(f" {one}"), ["dbinstanceidentifier:c-04", f"hostname:{one}", "region:us-west-2"])
        self.assertEqual(rds_parse_tags_from_endpoint(cluster), ["dbclusteridentifier:m", "region:ap-east-1"])
        for other in (None, "", "localhost", "a.b.c.rds.example.com", "rds.amazonaws.com"):
            self.assertEqual(rds_parse_tags_from_endpoint(other), [])

    def test_what_a_check_of_a_database_says_of_itself(self):
        check = OurDb("ourdb", {}, [{"tables": []}])
        check.check_id = "ourdb:1"
        for _ in range(2):
            check.health.submit_health_event(HealthEvent.INITIALIZATION, HealthStatus.OK, tags=["a"], cooldown=True, data={"x": 1})
        check.health.submit_health_event("other", HealthStatus.ERROR, cause="c")
        self.assertEqual([(track, event["name"], event["status"], event["tags"], event["data"], event["category"], event["check_id"])
                          for track, event in EVENTS],
                         [("dbm-health", "initialization", "ok", ["a"], {"x": 1}, "OurDb", "ourdb:1"),
                          ("dbm-health", "other", "error", [], {"cause": "c"}, "OurDb", "ourdb:1")])
        self.assertEqual((check.dbms, check.database_identifier, check.cloud_metadata), ("ourdb", "ourdb", {}))

    def test_items_are_chosen_by_patterns(self):
        asked = []

        def items():
            asked.append(1)
            return ["db_a", "db_b", "other", "db_x"]

        chosen = Discovery(items, limit=2, include={"^db_b": {"n": 1}, "^db_": None}, exclude=["x$", "q"], interval=3600)
        for _ in range(2):
            self.assertEqual(list(chosen.get_items()), [("^db_b", "db_b", "db_b", {"n": 1}), ("^db_", "db_a", "db_a", None)])
        self.assertEqual(len(asked), 1)
        self.assertEqual(list(Discovery(items, include=None).get_items()), [])
        by_key = Discovery(lambda: [{"name": "a"}, {"name": "b"}], include={".*": {}}, key=lambda item: item["name"])
        self.assertEqual([text for _, text, _, _ in by_key.get_items()], ["a", "b"])

    def test_diagnoses(self):
        check = AgentCheck("c", {}, [{}])
        check.register_secret("hunter2")
        check.diagnosis.register(lambda: check.diagnosis.fail("n", "d", remediation="not hunter2"), lambda: 1 / 0)
        check.diagnosis.success("kept", "fine", category="c")
        found = json.loads(check.get_diagnoses())
        self.assertEqual([(one["result"], one["name"], one["remediation"]) for one in found],
                         [(Diagnosis.DIAGNOSIS_SUCCESS, "kept", None), (Diagnosis.DIAGNOSIS_FAIL, "n", "not ********"),
                          (Diagnosis.DIAGNOSIS_UNEXPECTED_ERROR, "", None)])
        self.assertEqual((len(check.diagnosis.diagnoses), found[2]["rawerror"]), (1, "division by zero"))

    def test_the_log_of_the_check_that_calls(self):
        class Part:
            def __init__(self):
                self.log = get_check_logger()

        class Whole(AgentCheck):
            def check(self, _):
                self.part = Part()

        check = Whole("whole", {}, [{}])
        self.assertEqual(check.run(), "")
        self.assertIs(check.part.log, check.log)
        other = logging.getLogger("other")
        self.assertIs(get_check_logger(other), other)
        self.assertTrue(hasattr(get_check_logger(), "info"))

    def test_an_executor_tells_how_long_its_queries_take(self):
        check = OurDb("ourdb", {}, [{"tables": []}])
        executor = QueryExecutor(lambda _query: [(1,)], check, track_operation_time=True, tags=["t:1"], hostname="h", queries=[
            {"name": "q", "query": "SELECT", "columns": [{"name": "a", "type": "gauge"}]}])
        executor.compile_queries()
        executor.execute()
        self.assertEqual([(kind, name, tags) for kind, name, _, tags in SUBMITTED],
                         [("histogram", "dd.ourdb.operation.time", ["agent_hostname:here", "operation:q"]), ("gauge", "a", ["t:1"])])

    def test_lengths_of_results_are_told_when_asked_for(self):
        class Lists(AgentCheck):
            @tracked_method("ns", track_result_length=True)
            def many(self):
                return [1, 2, 3]

            def check(self, _):
                self.many()

        self.assertEqual(Lists("lists", {}, [{}]).run(), "")
        self.assertEqual([(kind, name) for kind, name, _, _ in SUBMITTED],
                         [("histogram", "dd.ns.operation.time"), ("gauge", "dd.ns.operation.result.length")])
        SUBMITTED.clear()
        with mock.patch.dict("os.environ", {"DD_DISABLE_TRACKED_METHOD": "true"}):
            self.assertEqual(Lists("lists", {}, [{}]).run(), "")
        self.assertEqual(SUBMITTED, [])


if __name__ == "__main__":
    unittest.main()

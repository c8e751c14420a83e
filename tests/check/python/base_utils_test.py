"""The parts of our base package that need no agent, in a Python of their own."""
import http.server
import pathlib
import ssl
import sys
import tempfile
import threading
import time
import types
import unittest

PACKAGES = pathlib.Path(sys.argv.pop(1))
sys.path[:0] = [str(PACKAGES / "base"), str(PACKAGES / "spawned")]

import aggregator  # noqa: E402

SUBMITTED = []


def record(kind):
    def submit(_check, _id, *args):
        SUBMITTED.append((kind, *args))
    return submit


TYPES = {value: name.lower() for name, value in vars(aggregator).items() if name.isupper()}
aggregator.submit_metric = lambda _check, _id, kind, name, value, tags, host, first: SUBMITTED.append(
    (TYPES[kind], name, value, sorted(tags), host, first))
aggregator.submit_service_check = record("service_check")
aggregator.submit_histogram_bucket = record("bucket")

from datadog_checks import base  # noqa: E402
from datadog_checks.base import AgentCheck, OpenMetricsBaseCheck, OpenMetricsBaseCheckV2  # noqa: E402
from datadog_checks.base.checks.openmetrics.parser import parse  # noqa: E402

PAGE = """\
# HELP jobs_done_total Jobs.
# TYPE jobs_done_total counter
jobs_done_total{queue="a"} 5
jobs_done_total{queue="b",host="h1"} 7 1700000000000
# TYPE temperature gauge
temperature{place="with \\"quotes\\", a \\\\ and a } brace"} -1.5
temperature NaN
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.5"} 1
latency_seconds_bucket{le="1"} 3 # {trace_id="x"} 0.7
latency_seconds_bucket{le="+Inf"} 4
latency_seconds_sum 2.5
latency_seconds_count 4
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 10
size_bytes_sum 100
size_bytes_count 9
no_type 1
# TYPE build info
build_info{version="1.2.3"} 1
# EOF
"""


class Served:
    """A page at a URL, which counts how often it was asked for."""

    def __init__(self, body, status=200):
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                served.accept = self.headers["Accept"]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"
        self.accept = None

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Common(unittest.TestCase):
    def test_numbers_and_filters(self):
        from datadog_checks.base.utils.common import (compute_percent, exclude_undefined_keys, pattern_filter, round_value,
                                                      total_time_to_temporal_percent)

        self.assertEqual((round_value(2.5), round_value(2.345, 2), round_value(-1.5)), (3.0, 2.35, -2.0))
        self.assertEqual((compute_percent(1, 4), compute_percent(1, 0)), (25, 0))
        self.assertEqual(total_time_to_temporal_percent(500), 50)
        self.assertEqual(exclude_undefined_keys({"a": 1, "b": None}), {"a": 1})
        items = ["abc", "abd", "xyz"]
        self.assertEqual(pattern_filter(items), items)
        self.assertEqual(pattern_filter(items, whitelist=["^ab"]), ["abc", "abd"])
        self.assertEqual(pattern_filter(items, blacklist=["c$", "z"]), ["abd"])
        self.assertEqual(pattern_filter(items, whitelist=["^a"], blacklist=["d"]), ["abc"])
        self.assertEqual(pattern_filter([{"n": "a"}, {"n": "b"}], ["b"], key=lambda item: item["n"]), [{"n": "b"}])

    def test_containers(self):
        from datadog_checks.base.utils.containers import hash_mutable, iter_unique

        self.assertEqual(hash_mutable({"a": [1, {"b": 2}], "c": {3}}), hash_mutable({"c": {3}, "a": [{"b": 2}, 1]}))
        self.assertNotEqual(hash_mutable({"a": 1}), hash_mutable({"a": 2}))
        self.assertEqual(list(iter_unique([{"a": 1}, {"a": 2}], [{"a": 1}])), [{"a": 1}, {"a": 2}])

    def test_time(self):
        from datetime import datetime

        from datadog_checks.base.utils.time import EPOCH, UTC, ensure_aware_datetime, get_current_datetime, get_timestamp

        self.assertEqual(get_timestamp(datetime(1970, 1, 2)), 86400)
        self.assertAlmostEqual(get_timestamp(), time.time(), delta=60)
        self.assertEqual(ensure_aware_datetime(datetime(1970, 1, 1)), EPOCH)
        self.assertIs(get_current_datetime().tzinfo, UTC)

    def test_platform(self):
        from datadog_checks.base.utils.platform import Platform

        self.assertTrue(Platform.is_linux() and Platform.is_unix())
        self.assertFalse(Platform.is_windows() or Platform.is_win32() or Platform.is_mac() or Platform.is_darwin())
        self.assertEqual(Platform.python_version(), 3)

    def test_a_call_that_takes_too_long_is_given_up(self):
        from datadog_checks.base.utils.timeout import TimeoutException, timeout

        release = threading.Event()

        @timeout(0.05)
        def waits(answer):
            if answer == "wait":
                release.wait(30)
            if answer == "raise":
                raise KeyError("x")
            return answer

        self.assertEqual(waits(5), 5)
        with self.assertRaises(KeyError):
            waits("raise")
        with self.assertRaises(TimeoutException):
            waits("wait")
        release.set()

    def test_tls_contexts(self):
        check = AgentCheck("c", {}, [{"tls_verify": False}])
        self.assertEqual(check.get_tls_context().verify_mode, ssl.CERT_NONE)
        self.assertIs(check.get_tls_context(), check.get_tls_context())
        self.assertEqual(check.get_tls_context(overrides={"tls_verify": True}).verify_mode, ssl.CERT_REQUIRED)

    def test_tls_options_by_other_names(self):
        class Renamed(AgentCheck):
            TLS_CONFIG_REMAPPER = {"validate_cert": {"name": "tls_verify"}, "insecure_name": {"name": "tls_validate_hostname", "invert": True}}

        def context(instance):
            return Renamed("c", {}, [instance]).get_tls_context()

        self.assertEqual(context({"validate_cert": False}).verify_mode, ssl.CERT_NONE)
        found = context({"insecure_name": True, "tls_ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]})
        self.assertEqual((found.verify_mode, found.check_hostname), (ssl.CERT_REQUIRED, False))
        self.assertIn("ECDHE-RSA-AES128-GCM-SHA256", [cipher["name"] for cipher in found.get_ciphers()])
        self.assertNotIn("ECDHE-RSA-AES256-GCM-SHA384", [cipher["name"] for cipher in found.get_ciphers()])
        # The first is meant for sockets alone, the second for self.http as well.
        self.assertEqual(context({"_tls_context_tls_verify": False, "tls_verify": True}).verify_mode, ssl.CERT_NONE)
        with tempfile.TemporaryDirectory() as folder:  # a folder of certificates
            self.assertEqual(context({"tls_ca_cert": folder}).get_ca_certs(), [])
        with self.assertRaises(FileNotFoundError):
            context({"tls_ca_cert": "~/no/such/file"})

    def test_a_notice_is_given_once(self):
        check = AgentCheck("c", {}, [{}])
        check._deprecations["own"] = (False, "own: %s")
        for _ in range(2):
            check._log_deprecation("_config_renamed", "old", "new")
            check._log_deprecation("own", 1)
        self.assertEqual(check.get_warnings(), ["DEPRECATION NOTICE: The `old` config option has been renamed to `new` and will be "
                                                "removed in a future release.", "own: 1"])

    def test_an_error_of_tls_is_one_of_its_own(self):
        from datadog_checks.base.utils.http import ConnectionError, Http, SSLError

        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.handle_request, daemon=True).start()
        with self.assertRaises(SSLError) as caught:
            Http({}).get(f"https://127.0.0.1:{server.server_port}/")
        self.assertIsInstance(caught.exception, ConnectionError)

    def test_dates_as_services_write_them(self):
        from datadog_checks.base.utils.date import UTC, format_rfc3339, parse_rfc3339

        for given, formatted in (("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"), ("2024-05-06 07:08:09.25", "2024-05-06T07:08:09Z"),
                                 ("2024-05-06t07:08:09+02:30", "2024-05-06T04:38:09Z"), ("2024-05-06T07:08:09-1", "2024-05-06T08:08:09Z")):
            self.assertEqual(format_rfc3339(given), formatted)
        moment = parse_rfc3339("2024-05-06T07:08:09.123456789Z")
        self.assertEqual((moment.microsecond, moment.tzinfo), (123456, UTC))
        self.assertEqual(parse_rfc3339(moment), moment)
        self.assertRaisesRegex(ValueError, "'no' is no date", parse_rfc3339, "no")

    def test_imports_of_common_integrations(self):
        for line in ("from datadog_checks.base import AgentCheck, CheckException, ConfigurationError, ensure_unicode, is_affirmative",
                     "from datadog_checks.base.constants import ServiceCheck; assert ServiceCheck.CRITICAL == 2",
                     "from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2",
                     "from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper",
                     "from datadog_checks.base.checks.base import ServiceCheck",
                     "from datadog_checks.base.utils.functions import identity, no_op, predicate",
                     "from datadog_checks.base.utils.headers import headers; assert 'User-Agent' in headers({})",
                     "from datadog_checks.base.utils.http import RequestsWrapper",
                     "from datadog_checks.base.utils.serialization import json",
                     "from datadog_checks.base.utils.subprocess_output import get_subprocess_output",
                     "from datadog_checks.base.utils.tagging import tagger",
                     "from datadog_checks.base.utils.tracking import tracked_method",
                     "from datadog_checks.base.checks.db import DatabaseCheck",
                     "from datadog_checks.base.log import get_check_logger",
                     "from datadog_checks.base.types import Event, InitConfigType, InstanceType, ServiceCheckStatus, ServiceCheck",
                     "from datadog_checks.base.utils.aws import rds_parse_tags_from_endpoint",
                     "from datadog_checks.base.utils.db import QueryExecutor, QueryManager, Query",
                     "from datadog_checks.base.utils.db.core import QueryExecutor, QueryManager",
                     "from datadog_checks.base.utils.db.health import Health, HealthEvent, HealthStatus",
                     "from datadog_checks.base.utils.db.sql import compute_exec_plan_signature, compute_sql_signature, normalize_query_tag",
                     "from datadog_checks.base.utils.db.statement_metrics import StatementMetrics, apply_row_limits",
                     "from datadog_checks.base.utils.db.timed_cache import TimedCache",
                     "from datadog_checks.base.utils.db.types import QueriesExecutor, QueriesSubmitter, Transformer",
                     "from datadog_checks.base.utils.db.utils import ConstantRateLimiter, DBMAsyncJob, DbRow, RateLimitingTTLCache, "
                     "TagManager, default_json_event_encoding, get_agent_host_tags, obfuscate_sql_with_metadata, resolve_db_host, "
                     "tracked_query, now_ms",
                     "from datadog_checks.base.utils.diagnose import Diagnosis",
                     "from datadog_checks.base.utils.discovery import Discovery",
                     "from datadog_checks.base.utils.format import json; assert json.encode({'b': 1, 'a': 'é'}, sort_keys=True) == "
                     "'{\"a\":1,\"b\":1}'.replace('1', '\"é\"', 1); assert json.decode(json.encode_bytes([1])) == [1]",
                     "from datadog_checks.base.utils.http import AuthTokenOAuthReader",
                     "from datadog_checks.base.utils.http_exceptions import HTTPError, SSLError",
                     "from datadog_checks.base.utils.models.fields import get_default_field_value",
                     "from datadog_checks.base.utils.serialization import json, sort_keys_kwargs",
                     "from datadog_checks.checks import AgentCheck", "from datadog_checks.config import is_affirmative"):
            with self.subTest(line):
                exec(line, {})
        self.assertRaises(ImportError, exec, "from datadog_checks.base import nothing", {})


class Check(unittest.TestCase):
    def test_a_logger_takes_handlers_and_is_all_that_its_logger_is(self):
        import copy
        import logging

        log = AgentCheck("named", {}, [{}]).log
        records = []
        handler = logging.Handler()
        handler.emit = records.append
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.warn("a %s", "b")
        try:
            raise ValueError("v")
        except ValueError:
            log.exception("c")
        log.removeHandler(handler)
        log.error("gone")
        self.assertEqual([record.getMessage() for record in records], ["a b", "c"])
        self.assertIsNotNone(records[1].exc_info)
        self.assertFalse(log.logger.propagate)
        self.assertEqual((log.handlers, log.level, log.getChild("x").name), ([], logging.DEBUG, log.name + ".x"))
        self.assertTrue(log.isEnabledFor(logging.INFO) and log.hasHandlers() in (True, False))
        self.assertIs(copy.copy(log).logger, log.logger)
        self.assertRaises(AttributeError, lambda: log.nothing_of_that_name)

    def test_metadata_entry_points_run_when_metadata_is_wanted(self):
        class Wanted(AgentCheck):
            @AgentCheck.metadata_entrypoint
            def collect(self, value):
                self.set_metadata("version", value, scheme="semver")
                return value

        self.assertEqual(Wanted("c", {}, [{}]).collect("1.2"), "1.2")

    def test_initializations_can_be_put_first(self):
        check = AgentCheck("c", {}, [{}])
        order = []
        check.check = lambda _: order.append("check")
        check.check_initializations.append(lambda: order.append("second"))
        check.check_initializations.appendleft(lambda: order.append("first"))
        self.assertEqual((check.run(), check.run(), order), ("", "", ["first", "second", "check", "check"]))

    def test_http_options_under_other_names(self):
        class Renamed(AgentCheck):
            HTTP_CONFIG_REMAPPER = {"ssl_validation": {"name": "tls_verify"}, "user": {"name": "username"},
                                    "disable_ssl": {"name": "tls_verify", "invert": True, "default": False}}

        http_client = Renamed("c", {}, [{"ssl_validation": False, "user": "u", "password": "p"}]).http
        self.assertEqual((http_client.options["verify"], http_client.options["auth"]), (False, ("u", "p")))
        self.assertEqual(Renamed("c", {}, [{"disable_ssl": True}]).http.options["verify"], False)
        self.assertEqual(AgentCheck("c", {}, [{"timeout": 3}]).http.options["timeout"], (3.0, 3.0))

    def test_an_answer_is_read_in_lines_and_in_pieces(self):
        with Served("ab\nc\u00e4") as page:
            response = AgentCheck("c", {}, [{}]).http.get(page.url)
        self.assertEqual(list(response.iter_lines(decode_unicode=True)), ["ab", "c\u00e4"])
        self.assertEqual(b"".join(response.iter_content(2)), response.content)
        self.assertEqual(list(response.iter_content(4, decode_unicode=True)), ["ab\nc", "\u00e4"])
        self.assertEqual(list(response.iter_content()), [response.content])

    def test_errors_are_also_those_of_requests_where_a_check_uses_it(self):
        class RequestsError(OSError):
            def __init__(self, *args, **kwargs):
                self.response = kwargs.pop("response", None)
                super().__init__(*args)

        exceptions = types.ModuleType("requests.exceptions")
        exceptions.RequestException = RequestsError
        for name in ("ConnectionError", "ReadTimeout", "HTTPError"):
            setattr(exceptions, name, type(name, (RequestsError,), {}))
        sys.modules["requests"] = types.SimpleNamespace(exceptions=exceptions)
        try:
            with Served("no", 503) as page:
                with self.assertRaises(exceptions.HTTPError) as caught:
                    AgentCheck("c", {}, [{}]).http.get(page.url).raise_for_status()
                self.assertEqual(caught.exception.response.status_code, 503)
                self.assertIn("503 Server Error", str(caught.exception))
                self.assertGreater(caught.exception.response.elapsed.total_seconds(), 0)
            with self.assertRaises(exceptions.ConnectionError):
                AgentCheck("c", {}, [{}]).http.get(page.url)
        finally:
            del sys.modules["requests"]


class OpenMetrics(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        SUBMITTED.clear()

    def run_v2(self, options, body=PAGE, runs=1, cls=OpenMetricsBaseCheckV2):
        with Served(body) as page:
            check = cls("openmetrics", {}, [{"openmetrics_endpoint": page.url, "namespace": "ns", "tag_by_endpoint": False, **options}])
            for _ in range(runs):
                SUBMITTED.clear()
                self.assertEqual(check.run(), "")
            self.accept = page.accept
        return [entry for entry in SUBMITTED if entry[0] != "service_check"]

    def test_a_page_is_read_as_families(self):
        families = {family.name: (family.type, [(one.name, one.labels, one.value) for one in family.samples])
                    for family in parse(PAGE.split("\n"))}
        self.assertEqual(list(families), ["jobs_done", "temperature", "latency_seconds", "size_bytes", "no_type", "build"])
        self.assertEqual(families["jobs_done"], ("counter", [("jobs_done_total", {"queue": "a"}, 5.0),
                                                             ("jobs_done_total", {"queue": "b", "host": "h1"}, 7.0)]))
        self.assertEqual(families["temperature"][1][0][1], {"place": 'with "quotes", a \\ and a } brace'})
        self.assertEqual(families["latency_seconds"][1][1][1:], ({"le": "1"}, 3.0))
        self.assertEqual(families["no_type"][0], "unknown")

    def test_what_is_no_sample_is_an_error_that_shows_it(self):
        for line in ("a b c d e", 'a{b="c} 1', "{} 1", 'a{b=c} 1'):
            with self.subTest(line), self.assertRaises(ValueError):
                list(parse([line]))

    def test_each_type_becomes_what_it_is(self):
        got = self.run_v2({"metrics": [".+"]}, runs=2)
        self.assertEqual(got, [
            ("monotonic_count", "ns.jobs_done.count", 5.0, ["queue:a"], "", True),
            ("monotonic_count", "ns.jobs_done.count", 7.0, ["host:h1", "queue:b"], "", True),
            ("gauge", "ns.temperature", -1.5, ['place:with "quotes", a \\ and a } brace'], "", False),
            ("monotonic_count", "ns.latency_seconds.sum", 2.5, [], "", True),
            ("monotonic_count", "ns.latency_seconds.count", 4.0, [], "", True),
            ("monotonic_count", "ns.latency_seconds.bucket", 1.0, ["upper_bound:0.5"], "", True),
            ("monotonic_count", "ns.latency_seconds.bucket", 3.0, ["upper_bound:1.0"], "", True),
            ("monotonic_count", "ns.latency_seconds.bucket", 4.0, ["upper_bound:inf"], "", True),
            ("gauge", "ns.size_bytes.quantile", 10.0, ["quantile:0.5"], "", False),
            ("monotonic_count", "ns.size_bytes.sum", 100.0, [], "", True),
            ("monotonic_count", "ns.size_bytes.count", 9.0, [], "", True),
            ("gauge", "ns.build", 1.0, ["version:1.2.3"], "", False)])
        self.assertIn("application/openmetrics-text", self.accept)

    def test_the_first_scrape_counts_from_itself(self):
        self.assertEqual([entry[-1] for entry in self.run_v2({"metrics": ["jobs_done"]})], [False, False])

    def test_metrics_are_renamed_typed_and_left_out(self):
        got = self.run_v2({"metrics": [{"jobs_done": {"name": "jobs", "type": "gauge"}}, {"no_type": {"type": "gauge"}},
                                       {"temperature": "t"}],
                           "exclude_metrics": ["^temp"], "exclude_metrics_by_labels": {"queue": ["b"]},
                           "rename_labels": {"queue": "q"}, "tags": ["a:b"]})
        self.assertEqual(got, [("gauge", "ns.jobs", 5.0, ["a:b", "q:a"], "", False), ("gauge", "ns.no_type", 1.0, ["a:b"], "", False)])

    def test_labels_become_hosts_and_are_left_out(self):
        got = self.run_v2({"metrics": ["jobs_done"], "hostname_label": "host", "hostname_format": "x-<HOSTNAME>",
                           "exclude_labels": ["host"]})
        self.assertEqual([entry[3:5] for entry in got], [(["queue:a"], ""), (["queue:b"], "x-h1")])

    def test_labels_are_shared_with_families_that_come_after(self):
        page = '# TYPE info gauge\ninfo{id="1",name="n"} 1\n# TYPE use gauge\nuse{id="1"} 2\nuse{id="2"} 3\n'
        got = self.run_v2({"metrics": ["use"], "share_labels": {"info": {"match": ["id"], "labels": ["name"]}}}, page)
        self.assertEqual([entry[3] for entry in got], [["id:1", "name:n"], ["id:2"]])

    def test_buckets_can_stand_alone_or_be_distributions(self):
        got = self.run_v2({"metrics": ["latency_seconds"], "non_cumulative_histogram_buckets": True})
        self.assertEqual([entry[2:4] for entry in got if entry[1].endswith("bucket")],
                         [(1.0, ["lower_bound:0.0", "upper_bound:0.5"]), (2.0, ["lower_bound:0.5", "upper_bound:1.0"]),
                          (1.0, ["lower_bound:1.0", "upper_bound:inf"])])
        got = self.run_v2({"metrics": ["latency_seconds"], "histogram_buckets_as_distributions": True})
        self.assertEqual([entry[:5] for entry in got],
                         [("bucket", "ns.latency_seconds", 1, 0.0, 0.5), ("bucket", "ns.latency_seconds", 2, 0.5, 1.0),
                          ("bucket", "ns.latency_seconds", 1, 1.0, float("inf"))])

    def test_the_health_of_the_endpoint_is_a_service_check(self):
        self.run_v2({"metrics": ["temperature"]})
        self.assertEqual([entry[1:4] for entry in SUBMITTED if entry[0] == "service_check"], [("ns.openmetrics.health", 0, [])])
        SUBMITTED.clear()
        with Served("x", 500) as page:
            check = OpenMetricsBaseCheckV2("c", {}, [{"openmetrics_endpoint": page.url, "namespace": "ns", "metrics": []}])
            self.assertIn("500 Server Error", check.run())
        self.assertEqual([entry[1:4] for entry in SUBMITTED], [("ns.openmetrics.health", 2, [f"endpoint:{page.url}"])])

    def test_a_check_builds_on_it(self):
        class Derived(OpenMetricsBaseCheckV2):
            __NAMESPACE__ = "derived"

            def __init__(self, name, init_config, instances):
                super().__init__(name, init_config, instances)
                self.check_initializations.appendleft(self.parse)

            def parse(self):
                self.scraper_configs = [{**self.instance, "metrics": [{"temperature": "t"}, {"no_type": {"name": "u"}}]}]

            def create_scraper(self, config):
                scraper = super().create_scraper(config)
                scraper.metric_transformer.add_custom_transformer("no_type", self.own)
                scraper.set_dynamic_tags("dynamic:1")
                return scraper

            def own(self, metric, sample_data, runtime_data):
                for sample, tags, _ in sample_data:
                    self.gauge("own", sample.value + 1, tags=tags)

        self.assertEqual(self.run_v2({}, cls=Derived)[1:], [("gauge", "derived.own", 2.0, ["dynamic:1"], "", False)])

    def test_wrong_configurations_say_what_is_wrong(self):
        for options, said in (({"openmetrics_endpoint": ""}, "`openmetrics_endpoint` is required"),
                              ({"openmetrics_endpoint": "http://h", "metrics": 5}, "`metrics` must be an array"),
                              ({"openmetrics_endpoint": "http://h", "metrics": [{"a": {"type": "odd"}}]}, "unknown type `odd`"),
                              ({"openmetrics_endpoint": "http://h", "exclude_labels": [5]}, "`exclude_labels` must be a string")):
            with self.subTest(said):
                self.assertIn(said, OpenMetricsBaseCheckV2("c", {}, [options]).run())

    def test_the_older_base_keeps_the_older_names(self):
        with Served(PAGE) as page:
            check = OpenMetricsBaseCheck("c", {}, [{"prometheus_url": page.url, "namespace": "ns", "tags": ["a:b"],
                                                    "metrics": [{"jobs_done_total": "jobs", "temperature": "t"}, "latency_seconds",
                                                                "size_bytes"]}])
            self.assertEqual(check.run(), "")
        tags = ["a:b"]
        self.assertEqual(SUBMITTED[0][:4], ("service_check", "ns.prometheus.health", 0, [*tags, f"endpoint:{page.url}"]))
        self.assertEqual([entry[:4] for entry in SUBMITTED[1:]], [
            ("monotonic_count", "ns.jobs", 5.0, ["a:b", "queue:a"]),
            ("monotonic_count", "ns.jobs", 7.0, ["a:b", "host:h1", "queue:b"]),
            ("gauge", "ns.t", -1.5, ["a:b", 'place:with "quotes", a \\ and a } brace']),
            ("gauge", "ns.latency_seconds.count", 1.0, ["a:b", "upper_bound:0.5"]),
            ("gauge", "ns.latency_seconds.count", 3.0, ["a:b", "upper_bound:1"]),
            ("gauge", "ns.latency_seconds.sum", 2.5, tags),
            ("gauge", "ns.latency_seconds.count", 4.0, ["a:b", "upper_bound:none"]),
            ("gauge", "ns.size_bytes.quantile", 10.0, ["a:b", "quantile:0.5"]),
            ("gauge", "ns.size_bytes.sum", 100.0, tags),
            ("gauge", "ns.size_bytes.count", 9.0, tags)])

    def test_the_base_loads_them_only_for_those_who_ask(self):
        import subprocess
        code = ("import sys; import datadog_checks.base; "
                "assert not any('openmetrics' in name for name in sys.modules), 'loaded'")
        done = subprocess.run([sys.executable, "-B", "-c", code], env={"PYTHONPATH": f"{PACKAGES / 'base'}:{PACKAGES / 'spawned'}"},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(base.__version__)


if __name__ == "__main__":
    unittest.main()

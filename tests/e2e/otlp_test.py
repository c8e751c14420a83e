"""OTLP over HTTP, read by protobuf of others: every value to the last bit, what begins anew, what ends, and a receiver that goes wrong."""
import json
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, run, wait_until  # noqa: E402
from certificates import server_and_client  # noqa: E402
from otlp import NO_RECORDED_VALUE, Receiver, Response  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
HISTOGRAM_CHECK = """
from datadog_checks.base import AgentCheck


class Spread(AgentCheck):
    def check(self, instance):
        for value in (1, 2, 3, 10):
            self.histogram("spread", value, tags=["bare", "a:1", "a:2"])
"""


class Target:
    """A page that says what it is told."""

    def __init__(self, **values):
        self.values = values
        self.pages = Pages({"/debug/vars": self._answer})
        self.url = self.pages.url()

    def _answer(self, handler):
        if not self.values:
            handler.send_error(503)
            return
        body = json.dumps(self.values).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def conf(self, metrics):
        return ("init_config:\ninstances:\n"
                f"  - expvar_url: {self.url}\n    memstats: false\n    namespace: shop\n    min_collection_interval: 0.2\n"
                f"    tags: ['team:a b', bare]\n    metrics: {metrics}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pages.close()


def otlp(url, more="", queue="batch_send_deadline: 100ms, disk_max_size: 0"):
    return f"otlp:\n  - url: {url}\n    queue_config: {{{queue}}}\n{more}"


class OtlpTest(unittest.TestCase):
    maxDiff = None

    def test_integers_are_exact_and_counters_say_since_when_they_count(self):
        big = 2**62 + 1
        with Target(n=big, gone=-(2**63), third=1 / 3, huge=2**64 - 1) as target, Receiver() as receiver, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml",
                         target.conf("[{path: n, type: monotonic_counter}, {path: gone}, {path: third}, {path: huge}]"))
            with Agent(PROGRAM, folder, "tags: ['zone:eu-1']\nenv: prod\nhostname: web-1\n"
                       + otlp(receiver.url, "    resource_attributes: {cluster: c1}\n")):
                wait_until(lambda: len(receiver.of("shop.n")) >= 2, "two points")
                first, second = receiver.of("shop.n")[:2]
                self.assertEqual((first["kind"], first["value"], second["value"]), ("sum", big, big))
                self.assertEqual((first["start"], second["start"]), (first["time"], first["time"]))
                self.assertLess(first["time"], second["time"])
                self.assertLess(abs(first["time"] / 1e9 - time.time()), 60)
                self.assertEqual(first["attributes"], {"team": "a b", "bare": "true", "expvar_url": target.url})
                self.assertEqual(first["help"], "expvar path n")
                self.assertEqual([receiver.of("shop.gone")[0][key] for key in ("kind", "value", "start")], ["gauge", -(2**63), 0])
                self.assertEqual(receiver.of("shop.third")[0]["value"], 1 / 3)
                self.assertEqual(receiver.of("shop.huge")[0]["value"], float(2**64 - 1))  # of more than 63 bits a double is all there is
                self.assertEqual(receiver.of("heapwatch_target_up")[0]["value"], 1)
                self.assertTrue(receiver.of("heapwatch_build_info"), "what heapwatch counts of itself")
                self.assertEqual(receiver.resources[0], {"service.name": "heapwatch", "host.name": "web-1", "zone": "eu-1", "cluster": "c1",
                                                         "deployment.environment": "prod"})

                target.values["n"] = 5  # the target begins anew
                fallen = wait_until(lambda: [one for one in receiver.of("shop.n") if one["value"] == 5], "a lower value")[0]
                before = [one for one in receiver.of("shop.n") if one["value"] == big][-1]
                self.assertEqual(fallen["start"], before["time"])

                del target.values["gone"]
                ended = wait_until(lambda: [one for one in receiver.of("shop.gone") if one["flags"]], "the end of a series")[0]
                self.assertEqual((ended["flags"], "value" in ended), (NO_RECORDED_VALUE, False))
                target.values.clear()  # the run fails: all of its series end, and what is said about it stays
                wait_until(lambda: [one for one in receiver.of("shop.n") if one["flags"]], "the end of all series")
                wait_until(lambda: receiver.of("heapwatch_target_up")[-1]["value"] == 0, "a target that is down")
            self.assertEqual(receiver.problems, [])
            self.assertEqual({path for path, _ in receiver.heads}, {"/v1/metrics"})
            self.assertRegex(receiver.heads[0][1]["User-Agent"], r"^heapwatch/\d")

    def test_a_target_with_very_many_series_is_sent_whole_in_several_messages(self):
        values = {f"n{i}": i for i in range(3000)}  # so many are published in slices
        with Target(**values) as target, Receiver() as receiver, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n"
                         f"  - expvar_url: {target.url}\n    memstats: false\n    auto: true\n    namespace: shop\n"
                         "    max_returned_metrics: 10000\n")
            with Agent(PROGRAM, folder, otlp(receiver.url, queue="batch_send_deadline: 100ms, disk_max_size: 0, max_samples_per_send: 500")):
                wait_until(lambda: receiver.of("shop.n2999"), "the last of them")
            got = {one["name"]: one["value"] for one in receiver.points if one["name"].startswith("shop.n")}
            self.assertEqual(got, {f"shop.{name}": value for name, value in values.items()})
            self.assertGreater(len(receiver.heads), 5)
            self.assertEqual(receiver.problems, [])

    def test_a_distribution_is_a_summary(self):
        with Receiver() as receiver, Confd() as folder:
            (folder.root / "checks.d").mkdir()
            (folder.root / "checks.d/spread.py").write_text(HISTOGRAM_CHECK)
            folder.write("spread.d/conf.yaml", "init_config:\ninstances:\n  - min_collection_interval: 0.2\n")
            with Agent(PROGRAM, folder, otlp(receiver.url)):
                points = wait_until(lambda: (lambda found: found if len(found) >= 2 else [])(receiver.of("spread")), "two points")
            first, second = points[:2]
            self.assertEqual((first["kind"], first["count"], first["sum"], second["count"], second["sum"]), ("summary", 4, 16.0, 8, 32.0))
            self.assertEqual(first["quantiles"], {0.5: 2.0, 0.95: 10.0, 1.0: 10.0})
            self.assertEqual(first["attributes"], {"a": "1,2", "bare": "true"})
            self.assertEqual(second["start"], first["start"])
            self.assertEqual(receiver.problems, [])

    def test_nothing_is_lost_while_a_receiver_has_no_time_and_what_it_refuses_is_told(self):
        said = Response()
        said.partial_success.rejected_data_points = 1
        said.partial_success.error_message = "one is too old"
        down = threading.Event()
        down.set()

        def answer(number, _):
            if down.is_set():
                return (503 if number % 2 else 429), {"Retry-After": "1"} if number == 0 else {}, b"later"
            return 200, {}, said.SerializeToString() if number % 7 == 0 else b""

        with Target(n=1) as target, Receiver(answer) as receiver, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", target.conf("[{path: n}]"))
            with Agent(PROGRAM, folder, otlp(receiver.url, queue="batch_send_deadline: 100ms, max_backoff: 200ms")
                       + f"run_path: {folder.root}/run\n") as agent:
                wait_until(lambda: len(receiver.heads) >= 3, "three tries")
                self.assertEqual(receiver.points, [])
                own = agent.metrics()
                self.assertIn('heapwatch_otlp_reachable{endpoint="127.0.0.1:%d"} 0' % receiver.port, own)
                down.clear()
                wait_until(lambda: len(receiver.of("shop.n")) >= 10, "points")
                wait_until(lambda: 'reason="refused"} 0' not in next(
                    line for line in agent.metrics().splitlines()
                    if line.startswith("heapwatch_otlp_samples_dropped_total") and "refused" in line), "points that were rejected")
                self.assertGreater(agent.vars()["otlp"]["samples_sent"], 0)
                self.assertTrue(list((pathlib.Path(folder.root) / "run/otlp").iterdir()), "a queue on the disk")
                self.assertIn("one is too old", agent.log())
            times = [one["time"] for one in receiver.of("shop.n")]
            self.assertEqual(times, sorted(set(times)))
            self.assertLess(max(b - a for a, b in zip(times, times[1:])), 5e9, "none of the outage is missing")
            self.assertEqual(receiver.problems, [])

    def test_it_shows_who_it_is_over_tls(self):
        made = server_and_client()
        self.addCleanup(made.close)
        with Confd() as folder, Receiver(context=made.server("server", "ca.pem")) as receiver, Target(n=1) as target:
            (folder.root / "token").write_text("t0ken\n")
            folder.write("go_expvar.d/conf.yaml", target.conf("[{path: n}]"))
            with Agent(PROGRAM, folder, otlp(receiver.url, "    authorization: {credentials_file: token}\n    headers: {X-Scope-OrgID: team-a}\n"
                                             f"    tls_config: {{ca_file: {made.file('ca.pem')}, cert_file: {made.file('client.pem')}, "
                                             f"key_file: {made.file('client.key')}}}\n")) as agent:
                wait_until(lambda: receiver.of("shop.n"), "a point")
                self.assertNotIn("t0ken", agent.log() + agent.metrics())
            head = receiver.heads[0][1]
            self.assertEqual((head["Authorization"], head["X-Scope-OrgID"]), ("Bearer t0ken", "team-a"))

    def test_what_is_wrong_is_said_with_its_place(self):
        with Confd() as folder:
            config = folder.config("otlp:\n  - url: ftp://a\n    resource_attributes: [a]\n    external_labels: {a: b}\n")
            shown = run(PROGRAM, "--config", config, "configcheck")
            text = shown.stdout + shown.stderr
            self.assertNotEqual(shown.returncode, 0)
            self.assertIn("heapwatch.yaml:2:10: otlp -> 1 -> url must be an http or https URL", text)
            self.assertIn("resource_attributes", text)
            self.assertIn("external_labels", text)  # of remote write; here resource_attributes


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

"""Remote write: a real Prometheus and VictoriaMetrics that are queried back to the sample, and a receiver that goes wrong in every way."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import Program, query  # noqa: E402
from agent import Agent, Confd, fetch, run, wait_until  # noqa: E402
from certificates import server_and_client  # noqa: E402
from pages import Pages  # noqa: E402
from remote_write import STALE_BITS, Receiver, bits_of  # noqa: E402

PROGRAM = ""


class Counting:
    """A target whose page has another number each time, and which knows what it has served."""

    def __init__(self, start=0):
        self.value, self.served, self.lock = start, [], threading.Lock()
        self.pages = Pages({"/debug/vars": self._answer})
        self.url = self.pages.url()
        self.is_down = False

    def _answer(self, handler):
        with self.lock:
            if self.is_down:
                handler.send_error(503)
                return
            self.value += 1
            body = json.dumps({"n": self.value, "third": self.value / 3, "fixed": -7}).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            self.served.append(self.value)

    def conf(self, interval=0.2):
        return ("init_config:\ninstances:\n"
                f"  - expvar_url: {self.url}\n    memstats: false\n    min_collection_interval: {interval}\n    tags: ['team:a b', bare]\n"
                "    metrics: [{path: n}, {path: third}, {path: fixed}]\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pages.close()


def remote(url, more="", queue="batch_send_deadline: 200ms"):
    return f"remote_write:\n  - url: {url}\n    queue_config: {{{queue}}}\n{more}"


def run_path(folder):
    return f"run_path: {folder.root}/run\n"


def prometheus_receiver(port=None):
    def command(program):
        if port:
            program.port = port
        (program.root / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
        return ["prometheus", f"--config.file={program.root}/prometheus.yml", f"--storage.tsdb.path={program.root}/tsdb",
                f"--web.listen-address=127.0.0.1:{program.port}", "--web.enable-remote-write-receiver"]

    return Program(command, "/-/ready")


def victoria_metrics():
    def command(program):
        return ["victoria-metrics", f"-storageDataPath={program.root}/data", f"-httpListenAddr=127.0.0.1:{program.port}",
                "-search.latencyOffset=0s", "-search.disableCache"]

    return Program(command, "/health")


def samples(server, selector):
    """All samples of the last five minutes: labels (as a tuple of pairs) to [(seconds, value)]."""
    answer = json.loads(fetch(server.url("/api/v1/query?query=" + urllib.parse.quote(f"{selector}[5m]"))))
    return {tuple(sorted(one["metric"].items())): [(at, float(value)) for at, value in one["values"]] for one in answer["data"]["result"]}


def values_of(found):
    assert len(found) == 1, found
    return [value for _, value in next(iter(found.values()))]


class RealReceivers(unittest.TestCase):
    maxDiff = 4000

    @staticmethod
    def at_least(found, count):
        """What is found, when that is enough."""
        return found if found and len(values_of(found)) >= count else None

    def is_sent_back_to_the_sample(self, server, path, is_exact=True):
        with Counting() as target, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", target.conf())
            with Agent(PROGRAM, folder, run_path(folder) + remote(server.url(path))) as agent:
                wait_until(lambda: len(target.served) >= 12, "runs")
                page = agent.metrics()
            # The agent has ended: what it had is sent, but for a run that came too late for it.
            found = wait_until(lambda: self.at_least(samples(server, "go_expvar_n"), 11), "the samples")
            values = values_of(found)
            self.assertEqual(values, [float(value) for value in target.served[:len(values)]])
            thirds = values_of(wait_until(lambda: self.at_least(samples(server, "go_expvar_third"), len(values)), "the others"))
            if is_exact:
                self.assertEqual(thirds, [value / 3 for value in values])
            for value, third in zip(values, thirds, strict=True):
                self.assertAlmostEqual(value / 3, third, places=11)
            labels = dict(next(iter(found)))
            self.assertEqual(labels.pop("__name__"), "go_expvar_n")
            line = re.search(r"^go_expvar_n\{(.*)\} ", page, re.M).group(1)
            self.assertEqual(labels, dict(re.findall(r'(\w+)="([^"]*)"', line)))
            up = samples(server, "heapwatch_target_up")
            self.assertEqual({value for _, value in next(iter(up.values()))}, {1.0})
            times = [at for at, _ in next(iter(samples(server, "go_expvar_fixed").values()))]
            self.assertEqual(times, [at for at, _ in next(iter(found.values()))])  # of the run
            self.assertIn("heapwatch_build_info", json.dumps([list(labels) for labels in samples(server, "heapwatch_build_info")]))

    def test_prometheus_has_what_was_measured(self):
        with prometheus_receiver() as server:
            self.is_sent_back_to_the_sample(server, "/api/v1/write")

    def test_victoria_metrics_has_what_was_measured(self):
        self.assertTrue(shutil.which("victoria-metrics"), "scripts/setup installs it")
        with victoria_metrics() as server:  # which keeps values as decimal numbers
            self.is_sent_back_to_the_sample(server, "/api/v1/write", is_exact=False)

    def test_a_series_ends_at_once_in_prometheus_when_its_target_fails(self):
        with prometheus_receiver() as server, Counting() as target, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", target.conf())
            with Agent(PROGRAM, folder, run_path(folder) + remote(server.url("/api/v1/write"))):
                wait_until(lambda: query(server, "go_expvar_n"), "the series")
                with target.lock:
                    target.is_down = True
                wait_until(lambda: not query(server, "go_expvar_n") and query(server, "heapwatch_target_up == 0"), "its end", 20)
                with target.lock:
                    target.is_down = False
                wait_until(lambda: query(server, "go_expvar_n"), "the series again")

    def test_a_prometheus_that_was_away_gets_what_it_missed(self):
        with Counting() as target, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", target.conf())
            with prometheus_receiver() as first:
                port = first.port
            with Agent(PROGRAM, folder, run_path(folder) + remote(f"http://127.0.0.1:{port}/api/v1/write")) as agent:
                wait_until(lambda: len(target.served) >= 10, "runs without a receiver")
                self.assertIn("heapwatch_remote_write_reachable{endpoint=\"127.0.0.1:%d\"} 0" % port, agent.metrics())
                with prometheus_receiver(port) as server:
                    wait_until(lambda: samples(server, "go_expvar_n") and len(values_of(samples(server, "go_expvar_n"))) >= 12, "all")
                    values = values_of(samples(server, "go_expvar_n"))
                    self.assertEqual(values, [float(value) for value in range(1, len(values) + 1)])
                    wait_until(lambda: "heapwatch_remote_write_reachable{endpoint=\"127.0.0.1:%d\"} 1" % port in agent.metrics(), "it")


class Temper(unittest.TestCase):
    """A receiver that is told how to behave."""
    maxDiff = 4000

    def setUp(self):
        folder = Confd()
        self.addCleanup(folder.close)
        self.folder = folder
        self.target = Counting()
        self.addCleanup(self.target.pages.close)
        folder.write("go_expvar.d/conf.yaml", self.target.conf())

    def receiver(self, **how):
        receiver = Receiver(**how)
        self.addCleanup(receiver.close)
        return receiver

    def agent(self, config, env=None):
        agent = Agent(PROGRAM, self.folder, run_path(self.folder) + config, env=env)
        self.addCleanup(agent.stop, signal.SIGKILL)
        return agent

    def numbers(self, receiver):
        found = receiver.named("go_expvar_n")
        return [bits for _, bits in next(iter(found.values()))] if found else []

    def is_whole(self, receiver, least):
        """Nothing is missing, twice or out of order."""
        wait_until(lambda: len(self.numbers(receiver)) >= least, f"{least} samples")
        self.assertEqual(receiver.problems, [])
        numbers = self.numbers(receiver)
        self.assertEqual(numbers, [bits_of(float(value)) for value in self.target.served[:len(numbers)]])

    def test_errors_of_every_kind_lose_nothing(self):
        chance = random.Random(4)

        def answer(number, request):
            return chance.choice([(204, {}), (200, {}), (500, {}), (503, {"Retry-After": "1"}), (429, {}), (502, {})])

        receiver = self.receiver(answer=answer)
        self.agent(remote(receiver.url()))
        self.is_whole(receiver, 20)

    def test_a_refusal_costs_its_samples_alone_and_is_counted(self):
        receiver = self.receiver(answer=lambda number, request: (400, {}) if number == 2 else (204, {}))
        agent = self.agent(remote(receiver.url()))
        wait_until(lambda: len(self.numbers(receiver)) >= 12, "samples")
        self.assertEqual(receiver.problems, [])
        dropped = re.search(r'heapwatch_remote_write_samples_dropped_total\{[^}]*reason="refused"\} (\d+)', agent.metrics())
        self.assertGreater(int(dropped.group(1)), 0)
        self.assertIn("samples dropped: it answers 400 Bad Request", agent.log())
        missing = set(self.target.served[:len(self.numbers(receiver))]) - {round(number) for number in map(self.value, self.numbers(receiver))}
        self.assertGreater(len(missing), 0)

    @staticmethod
    def value(bits):
        import struct
        return struct.unpack("<d", struct.pack("<Q", bits))[0]

    def test_a_receiver_of_version_1_is_found_out_and_one_of_version_2_too(self):
        for versions, config, spoken in ((["0.1.0"], "    protobuf_message: io.prometheus.write.v2.Request\n", "0.1.0"),
                                         (["2.0.0"], "", "2.0.0"),
                                         (["0.1.0", "2.0.0"], "    protobuf_message: io.prometheus.write.v2.Request\n", "2.0.0")):
            with self.subTest(versions), Counting() as self.target:
                self.folder.write("go_expvar.d/conf.yaml", self.target.conf())
                shutil.rmtree(self.folder.root / "run", ignore_errors=True)
                receiver = self.receiver(versions=versions)
                agent = self.agent(remote(receiver.url(), config))
                self.is_whole(receiver, 8)
                self.assertEqual(receiver.heads[-1][1]["X-Prometheus-Remote-Write-Version"], spoken)
                agent.stop()

    def test_kills_of_the_agent_lose_nothing_that_was_in_the_queue_and_repeat_nothing_older(self):
        away = threading.Event()
        receiver = self.receiver(answer=lambda number, request: (503, {}) if away.is_set() else (204, {}))
        chance = random.Random(9)
        config = remote(receiver.url(), queue="batch_send_deadline: 50ms, max_backoff: 100ms")
        self.folder.write("go_expvar.d/conf.yaml", self.target.conf(0.1))
        kills = int(os.environ.get("HEAPWATCH_KILLS", "8"))
        gaps = 0
        for kill in range(kills):
            away.set() if kill % 2 else away.clear()
            before = len(self.target.served)
            agent = self.agent(config)
            wait_until(lambda: len(self.target.served) >= before + 3 + chance.randrange(4), "runs")
            agent.stop(signal.SIGKILL)
            gaps += 1
        away.clear()
        self.agent(config)
        total = len(self.target.served)
        wait_until(lambda: self.numbers(receiver) and self.value(self.numbers(receiver)[-1]) > total, "what was kept")
        self.assertEqual(receiver.problems, [])
        got = {round(self.value(bits)) for bits in self.numbers(receiver)}
        missing = set(self.target.served[:total]) - got
        # What was measured in the last moments before a kill had not reached the queue: two runs, or three, of each life.
        self.assertLessEqual(len(missing), 4 * gaps, sorted(missing))
        self.assertGreater(len(got), 2 * kills)

    def test_a_stop_keeps_on_the_disk_what_is_not_sent(self):
        receiver = self.receiver(answer=lambda number, request: (503, {}))
        agent = self.agent(remote(receiver.url(), queue="batch_send_deadline: 1m"))
        wait_until(lambda: len(self.target.served) >= 6, "runs")
        status, _ = agent.stop()
        self.assertEqual(status, 0)
        total = len(self.target.served)
        receiver.answer = lambda number, request: (204, {})
        self.agent(remote(receiver.url()))
        self.is_whole(receiver, total)

    def test_credentials_tenants_and_certificates_are_sent_and_only_there(self):
        made = server_and_client()
        receiver = self.receiver(context=made.server("server", "ca.pem"))
        (self.folder.root / "token").write_text("t0ken\n")
        agent = self.agent(remote(receiver.url(), "    headers: {X-Scope-OrgID: team-a}\n"
                                  "    external_labels: {cluster: c1, __replica__: r1}\n"
                                  "    authorization: {credentials_file: token}\n"
                                  f"    tls_config: {{ca_file: {made.file('ca.pem')}, cert_file: {made.file('client.pem')}, "
                                  f"key_file: {made.file('client.key')}}}\n"))
        self.is_whole(receiver, 5)
        path, headers = receiver.heads[0]
        self.assertEqual((path, headers["Authorization"], headers["X-Scope-OrgID"]), ("/api/v1/write", "Bearer t0ken", "team-a"))
        labels = dict(next(iter(receiver.named("go_expvar_n"))))
        self.assertEqual((labels["cluster"], labels["__replica__"]), ("c1", "r1"))
        for text in (agent.log(), agent.metrics(), json.dumps(agent.vars())):
            self.assertNotIn("t0ken", text)

    def test_rules_say_what_is_sent_and_a_wrong_one_is_told_with_its_place(self):
        receiver = self.receiver()
        rules = ("    external_labels: {cluster: c1}\n    write_relabel_configs:\n"
                 "      - {source_labels: [__name__], regex: 'go_expvar_.*', action: keep}\n"
                 "      - {source_labels: [__name__], regex: go_expvar_third, action: drop}\n"
                 "      - {source_labels: [cluster], target_label: place}\n"
                 "      - {regex: expvar_url, action: labeldrop}\n")
        self.agent(remote(receiver.url(), rules))
        self.is_whole(receiver, 5)
        named = {labels["__name__"]: labels for labels in map(dict, receiver.series)}
        self.assertEqual(set(named), {"go_expvar_n", "go_expvar_fixed"})
        self.assertEqual(named["go_expvar_n"], {"__name__": "go_expvar_n", "bare": "true", "cluster": "c1", "place": "c1", "team": "a b"})
        config = self.folder.config(remote(receiver.url(), "    write_relabel_configs: [{action: kep}]\n"))
        checked = run(PROGRAM, "-c", config, "configcheck")
        self.assertNotEqual(checked.returncode, 0)
        self.assertRegex(checked.stdout + checked.stderr, r"heapwatch.yaml:4:\d+: .*write_relabel_configs.*kep.*keep")

    def test_a_token_of_oauth2_is_fetched(self):
        asked = []

        def token(handler):
            asked.append((handler.headers["Authorization"], handler.rfile.read(int(handler.headers["Content-Length"])).decode()))
            body = b'{"access_token": "abc", "expires_in": 3600}'
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        receiver = self.receiver()
        with TokenServer(token) as tokens:
            self.agent(remote(receiver.url(), f"    oauth2: {{client_id: me, client_secret: s3cret, token_url: {tokens.url}, scopes: [w]}}\n"))
            self.is_whole(receiver, 5)
        self.assertEqual(asked, [("Basic bWU6czNjcmV0", "grant_type=client_credentials&scope=w")])
        self.assertEqual(receiver.heads[0][1]["Authorization"], "Bearer abc")

    def test_endpoints_do_not_hold_each_other_up(self):
        good, bad = self.receiver(), self.receiver(answer=lambda number, request: (503, {}))
        agent = self.agent("remote_write:\n"
                           f"  - {{name: bad, url: '{bad.url()}', queue_config: {{batch_send_deadline: 100ms}}}}\n"
                           f"  - {{name: good, url: '{good.url()}', queue_config: {{batch_send_deadline: 100ms}}}}\n"
                           "  - {name: nobody, url: 'http://127.0.0.1:1/', queue_config: {batch_send_deadline: 100ms}}\n")
        self.is_whole(good, 8)
        page = agent.metrics()
        for name, reachable in (("bad", 0), ("good", 1), ("nobody", 0)):
            self.assertIn(f'heapwatch_remote_write_reachable{{endpoint="{name}"}} {reachable}', page)
        self.assertGreater(float(re.search(r'heapwatch_remote_write_lag_seconds\{endpoint="bad"\} (\S+)', page).group(1)), 0.5)
        self.assertEqual(self.numbers(bad), [])

    def test_an_instance_that_goes_with_a_reload_ends_its_series(self):
        receiver = self.receiver()
        self.agent(remote(receiver.url()))
        self.is_whole(receiver, 4)
        (self.folder.confd / "go_expvar.d/conf.yaml").unlink()
        wait_until(lambda: self.numbers(receiver)[-1] == STALE_BITS, "the stale marker")
        self.assertEqual(receiver.problems, [])


class TokenServer:
    def __init__(self, answer):
        import http.server

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Configuration(unittest.TestCase):
    def test_what_is_wrong_is_said_with_its_place_before_anything_starts(self):
        with Confd() as folder:
            config = folder.config(f"confd_path: {folder.confd}\nremote_write:\n  - url: ftp://x/\n    remote_timout: 5s\n")
            done = run(PROGRAM, "-c", config, "configcheck")
            self.assertEqual(done.returncode, 1, done.stdout)
            said = done.stdout + done.stderr
            self.assertIn(f"{config}:3:10: remote_write -> 1 -> url must be an http or https URL", said)
            self.assertIn('unknown key "remote_timout"; did you mean "remote_timeout"?', said)
            started = run(PROGRAM, "-c", config, "run")
            self.assertEqual(started.returncode, 1)
            self.assertIn("remote_write -> 1 -> url must be", started.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

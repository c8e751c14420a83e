"""Names that targets and checks choose to harm us: their cost is bounded, and others do not notice.

HEAPWATCH_ATTACK=full: pages up to the 15 MB that an instance takes, and more runs. The short form has a fifth of that,
and bounds that are as tight for what it sends.
"""
import contextlib
import http.server
import json
import os
import pathlib
import re
import resource
import socket
import sys
import textwrap
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402

PROGRAM = ""
MIB = 1024 * 1024
IS_FULL = os.environ.get("HEAPWATCH_ATTACK") == "full"
SCALE = 5 if IS_FULL else 1


def is_sanitized():
    return b"__asan_init" in pathlib.Path(PROGRAM).read_bytes()


class Pages:
    """Serves what `pages[path]()` returns."""

    def __init__(self, pages):
        self.pages = pages
        self.counts = {path: 0 for path in pages}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.counts[self.path] += 1
                body = outer.pages[self.path](outer.counts[self.path])
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # who asked may go
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def instance(url, name, more="auto: true", interval=0.1):
    return (f"  - expvar_url: {url}\n    namespace: {name}\n    memstats: false\n    min_collection_interval: {interval}\n"
            f"    {more}\n")


def good(_count):
    return b'{"n": 42}'


def memory_mb(pid, field="VmRSS"):
    return int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def value(page, series):
    found = re.search(rf"(?m)^{series}(?:{{[^}}]*}})? (\S+)$", page)
    return float(found[1]) if found else None


def page_of(agent):
    """Nothing where it is not up yet, or there is no memory for it."""
    with contextlib.suppress(OSError):
        return agent.metrics()
    return ""


class HostileNamesTest(unittest.TestCase):
    maxDiff = None

    def watch(self, pages, folder, instances, extra="", env=None):
        folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instances + instance(pages.url("/good"), "good"))
        return Agent(PROGRAM, folder, extra, env=env)

    def runs(self, pages, path, count, patience_s=120):
        wanted = pages.counts[path] + count
        wait_until(lambda: pages.counts[path] >= wanted, f"{count} runs of {path}", patience_s)

    def test_fresh_keys_of_40_kb_are_left_out(self):
        keys, runs = 70 * SCALE, 12

        def fresh(count):
            return json.dumps({f"{count:06}_{i:03}_" + "k" * 40_000: i for i in range(keys)}).encode()

        # What a sanitizer keeps of freed memory is not ours.
        env = {"ASAN_OPTIONS": "quarantine_size_mb=1"} if is_sanitized() else None
        with Pages({"/bad": fresh, "/good": good}) as pages, Confd() as folder:
            with self.watch(pages, folder, instance(pages.url("/bad"), "bad"), env=env) as agent:
                self.runs(pages, "/bad", 3)
                before = memory_mb(agent.process.pid)
                self.runs(pages, "/bad", runs)
                sent_mb = runs * keys * 40_000 / MIB
                self.assertLess(memory_mb(agent.process.pid) - before, sent_mb / 2)
                page = agent.metrics()
                self.assertLess(len(page), 100_000)
                self.assertLess(value(page, "heapwatch_remembered_bytes"), 200_000)
                self.assertIn("good_n{", page)
                self.assertRegex(page, r'heapwatch_check_samples_dropped_total\{check="go_expvar",reason="long_key"\} [1-9]')
                told = [line for line in agent.log().splitlines() if "left out: a key has at most 1024 bytes" in line]
                self.assertEqual(len(told), 1, told)
                self.assertIn("kkkkk... (40011 bytes)", told[0])

    def test_fresh_keys_that_are_allowed_are_remembered_within_the_budget(self):
        def fresh(count):
            # Names do not begin with digits: without a letter before them all would come to one.
            return json.dumps({f"k{count}_{i}_" + "k" * 900: i for i in range(400 * SCALE)}).encode()

        of_instance, of_process = 2 * SCALE * MIB, 8 * SCALE * MIB
        of_a_run = 400 * SCALE * 16_000  # on its way, and as it is published, before the limit is seen
        # UDP that nobody reads: what DogStatsD keeps counts, too.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                Pages({"/bad": fresh, "/good": good}) as pages, Confd() as folder:
            server.bind(("127.0.0.1", 0))
            bad = instance(pages.url("/bad"), "bad", f"max_returned_metrics: {400 * SCALE}\n"
                           "    metrics: [{path: '.*', type: monotonic_counter}]")
            limits = (f"dogstatsd_url: udp://127.0.0.1:{server.getsockname()[1]}\n"
                      f"limits: {{instance_bytes_max: {of_instance}, process_bytes_max: {of_process}}}\n")
            with self.watch(pages, folder, bad, limits) as agent:
                peaks = []
                for _ in range(8):
                    self.runs(pages, "/bad", 2)
                    page = agent.metrics()
                    peaks.append(value(page, "heapwatch_remembered_bytes"))
                    self.assertIn("good_n{", page)
                self.assertLess(max(peaks), of_process + of_a_run, peaks)
                self.assertRegex(page, r'samples_dropped_total\{check="go_expvar",reason="(instance|process)_bytes"\} [1-9]')
                # What is gone is forgotten when others need the room, and all of it when it is too much.
                pages.pages["/bad"] = good
                wait_until(lambda: value(agent.metrics(), "heapwatch_remembered_bytes") <= of_process, "room for others")
                status, seconds = agent.stop()
                self.assertEqual(status, 0, agent.log())
                self.assertLess(seconds, 10)

    def test_keys_of_15_mb_and_colliding_ones_of_7_mb_cost_a_line_of_the_log(self):
        def key(letter, size):
            return letter * (size * SCALE)

        pages_of = {"/one": lambda _: f'{{"a": 1, "{key("k", 3_000_000)}": 1}}'.encode(),
                    "/two": lambda _: f'{{"{key("k", 1_400_000)}.a": 1, "{key("k", 1_400_000)}_.a": 2}}'.encode(),
                    "/text": lambda _: f'{{"a": {{"{key("k", 200_000)}": "text"}}}}'.encode(),
                    "/good": good}
        with Pages(pages_of) as pages, Confd() as folder:
            bad = (instance(pages.url("/one"), "one", interval=0.3) + instance(pages.url("/two"), "two", interval=0.3) +
                   instance(pages.url("/text"), "text", "metrics: [{path: 'a/.*'}, {path: 'b'}]", interval=0.3))
            with self.watch(pages, folder, bad) as agent:
                for path in pages_of:
                    self.runs(pages, path, 3)
                page = agent.metrics()
                self.assertLess(len(page), 100_000)
                self.assertIn("one_a{", page)
                self.assertLess(max(map(len, agent.log().splitlines())), 2_000)
                self.assertLess(len(json.dumps(agent.vars())), 200_000)

    def test_submissions_of_python_checks_have_the_same_limits(self):
        with Pages({"/good": good}) as pages, Confd() as folder:
            checks = folder.root / "checks.d"
            checks.mkdir()
            (checks / "loud.py").write_text(textwrap.dedent("""
                from datadog_checks.base import AgentCheck


                class LoudCheck(AgentCheck):
                    def check(self, instance):
                        self.gauge("loud.fine", 1)
                        self.gauge("loud." + "n" * 1_000_000, 1)
                        self.gauge("loud.tagged", 1, tags=["t:" + "v" * 1_000_000])
                        self.service_check("loud." + "s" * 1_000_000, 0)
                        self.service_check("loud.up", 0, message="m" * 1_000_000)
                        self.event({"msg_title": "t" * 1_000_000, "msg_text": "x" * 1_000_000, "tags": ["e:" + "v" * 1_000_000]})
                        self.warning("w" * 1_000_000)
                        self.log.warning("l" * 1_000_000)
            """))
            folder.write("loud.d/conf.yaml", "init_config:\ninstances: [{min_collection_interval: 0.1}]\n")
            with self.watch(pages, folder, "") as agent:
                wait_until(lambda: agent.vars()["checks"].get("loud", {}).get("runs", 0) >= 5, "five runs")
                page = agent.metrics()
                self.assertIn("loud_fine", page)
                self.assertLess(len(page), 100_000)
                for reason, least in (("long_name", 10), ("long_tag", 10)):
                    dropped = re.search(rf'samples_dropped_total{{check="loud",reason="{reason}"}} (\d+)', page)
                    self.assertIsNotNone(dropped, reason)
                    self.assertGreaterEqual(int(dropped[1]), least, reason)
                self.assertLess(max(map(len, agent.log().splitlines())), 20_000)
                self.assertLess(len(json.dumps(agent.vars())), 200_000)

    def test_what_checks_tell_beside_what_they_measure_is_bounded_too(self):
        """Tags of other hosts, what is known of a check, figures of its own, and issues."""
        with Pages({"/good": good}) as pages, Confd() as folder:
            checks = folder.root / "checks.d"
            checks.mkdir()
            (checks / "tells.py").write_text(textwrap.dedent("""
                import datadog_agent
                from datadog_checks.base import AgentCheck


                class TellsCheck(AgentCheck):
                    n = 0

                    def check(self, instance):
                        for _ in range(10):
                            self.n += 1
                            self.set_external_tags([(f"host{self.n}", {"source": ["t:" + "v" * 1_000_000]})])
                            self.set_metadata(f"name{self.n}", "m" * 1_000_000)
                            datadog_agent.set_check_metadata(f"made up {self.n}", "name", "m" * 1_000_000)
                            datadog_agent.emit_agent_telemetry("tells", f"figure{self.n}" + "f" * 3_000, 1, "counter")
                            datadog_agent.report_issue(f"tells{self.n}", "i" * 1_000_000)
            """))
            folder.write("tells.d/conf.yaml", "init_config:\ninstances: [{min_collection_interval: 0.1}]\n")
            with self.watch(pages, folder, "") as agent:
                def runs():
                    return agent.vars()["checks"].get("tells", {}).get("runs", 0)

                wait_until(lambda: runs() >= 5, "five runs")
                before = len(json.dumps(agent.vars()))
                wait_until(lambda: runs() >= 15 * SCALE, "more runs")
                self.assertLess(before, 40 * MIB)
                self.assertLess(len(json.dumps(agent.vars())), 40 * MIB)
                self.assertEqual(agent.log().count("what checks tell beside what they measure is left out"), 1)
                self.assertLess(max(map(len, agent.log().splitlines())), 20_000)
                self.assertIn("good_n{", agent.metrics())

    def test_a_run_for_which_memory_runs_out_fails_alone(self):
        small = b'{"n": 7}'

        def large(_count):
            return b'{"n": 7, "rest": "' + b"x" * 12_000_000 + b'"}'

        if not is_sanitized():
            self.skipTest("only a sanitizer lets one allocation fail; the limit of address space has a test of its own")
        env = {"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=8"}
        with Pages({"/bad": lambda _: small, "/good": good}) as pages, Confd() as folder:
            with self.watch(pages, folder, instance(pages.url("/bad"), "bad", interval=0.2), env=env) as agent:
                wait_until(lambda: "bad_n{" in page_of(agent) and "good_n{" in page_of(agent), "both targets")
                up = r'heapwatch_target_up\{[^}]*check_id="go_expvar:%s:[^}]*\} %d'
                for _ in range(3):
                    pages.pages["/bad"] = large
                    wait_until(lambda: re.search(up % ("bad", 0), agent.metrics()), "up 0 of the bad target")
                    self.runs(pages, "/good", 5)
                    self.assertRegex(agent.metrics(), up % ("good", 1))
                    pages.pages["/bad"] = lambda _: small
                    wait_until(lambda: re.search(up % ("bad", 1), agent.metrics()), "up 1 again")
                    self.assertRegex(agent.metrics(), r"(?m)^bad_n\{[^}]*\} 7$")
                self.assertRegex(agent.log(), r"\| ERROR \| check go_expvar:bad:\w+: .*(no memory for the (run|answer)|out of memory)")
                status, seconds = agent.stop()
                self.assertEqual(status, 0, agent.log())
                self.assertLess(seconds, 10)


    def test_under_a_limit_of_address_space_fresh_keys_cost_runs_of_their_target_only(self):
        sizes = [2, 350, 10, 60, 25, 120]  # keys of 40 KB: up to pages for which there is no room at all

        def fresh(count):
            page = {f"{count}_{i}_" + "k" * 40_000: i for i in range(sizes[count % len(sizes)])}
            page |= {f"n{count}_{i}_" + "n" * 900: i for i in range(200)}
            return json.dumps(page).encode()

        env = {}
        if is_sanitized():  # which cannot run in little address space: single allocations fail instead
            env["ASAN_OPTIONS"] = "allocator_may_return_null=1:max_allocation_size_mb=2:quarantine_size_mb=1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                Pages({"/bad": lambda _: b'{"n": 7}', "/good": good, "/better": good}) as pages, Confd() as folder:
            server.bind(("127.0.0.1", 0))
            instances = (instance(pages.url("/bad"), "bad", "auto: true\n    max_returned_metrics: 100000", 0.2) +
                         instance(pages.url("/better"), "better", interval=0.3))
            extra = (f"dogstatsd_url: udp://127.0.0.1:{server.getsockname()[1]}\n"
                     f"limits: {{instance_bytes_max: {8 * MIB}, process_bytes_max: {32 * MIB}}}\n")
            with self.watch(pages, folder, instances, extra, env) as agent:
                wait_until(lambda: "bad_n{" in page_of(agent) and "good_n{" in page_of(agent), "both targets")
                pid = agent.process.pid
                if not is_sanitized():
                    resource.prlimit(pid, resource.RLIMIT_AS, (int(memory_mb(pid, "VmSize") + 4) * MIB,) * 2)
                pages.pages["/bad"] = fresh
                self.runs(pages, "/bad", (20 if IS_FULL else 2) * len(sizes))
                self.assertIsNone(agent.process.poll(), agent.log())
                for path in ("/good", "/better"):
                    self.runs(pages, path, 5)
                self.assertRegex(agent.log(), r"\| ERROR \| check go_expvar:bad:\w+: .*(no memory for the (run|answer)|out of memory)")
                self.assertNotRegex(agent.log(), r"\| ERROR \| check go_expvar:(good|better)")
                pages.pages["/bad"] = lambda _: b'{"n": 7}'

                wait_until(lambda: re.search(r"(?m)^bad_n\{[^}]*\} 7$", page_of(agent)), "the bad target's series")
                self.assertRegex(page_of(agent), r"(?m)^good_n\{[^}]*\} 42$")
                status, seconds = agent.stop()
                self.assertEqual(status, 0, agent.log())
                self.assertLess(seconds, 10 if is_sanitized() else 3)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

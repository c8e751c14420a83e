"""Heap profiles pushed as Pyroscope wants them, read by protobuf of others: sums against the pages that the profiles are of, and a receiver
that goes wrong in every way."""
import gzip
import pathlib
import re
import subprocess
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import Agent, Confd, clean_environment, fetch, free_port, run, wait_until  # noqa: E402
from certificates import server_and_client  # noqa: E402
from pages import Pages  # noqa: E402
from pyroscope import PprofMessage, Receiver  # noqa: E402

PROGRAM = GO_TARGET = LEAKS = ""
CHECKS = pathlib.Path(__file__).resolve().parents[1] / "check/python/memory"
IN_USE = ("inuse_objects", "inuse_space")
ALLOCATED = ("alloc_objects", "alloc_space")


class Page:
    """The sums of a page of a profile, which has what is not pushed, too: samples without values, and numbers as labels."""

    def __init__(self, url):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as answer:
            message = PprofMessage.FromString(gzip.decompress(answer.read()))
        names = [message.string_table[one.type] for one in message.sample_type]
        self.sums = {name: sum(sample.value[i] for sample in message.sample) for i, name in enumerate(names)}


def sums(profile, names):
    return tuple(profile.sums[name] for name in names)


def push(url, more="", queue="max_backoff: 200ms", interval=1):
    return f"profiles:\n  interval: {interval}\n  push:\n    - url: {url}\n      queue_config: {{{queue}}}\n{more}"


def go_conf(*lines):
    return "init_config:\ninstances:\n" + "".join(f"  - {line}\n" for line in lines)


class PyroscopeTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = self.enterContext(Confd())

    def go(self):
        """A Go program that is watched, and its service."""
        program = self.enterContext(GoProgram(GO_TARGET))
        self.folder.write("go_expvar.d/conf.yaml", go_conf(
            f"{{expvar_url: '{program.url()}', push_profile: true, service: shop, tags: ['zone:eu-1'], min_collection_interval: 0.5}}"))
        return program

    def receiver(self, **how):
        return self.enterContext(Receiver(**how))

    def agent(self, config):
        # The sanitizer's report of what Python holds at its end takes long.
        return self.enterContext(Agent(PROGRAM, self.folder, f"run_path: {self.folder.root}/run\n" + config,
                                       env={"ASAN_OPTIONS": "detect_leaks=0"}))

    def hold(self, program, count):
        for _ in range(count):
            fetch(program.url("/hold"))
        fetch(program.url("/gc"))

    def number(self, agent, name):
        """Of the series with this name and these labels, whatever others it has."""
        family, _, labels = name.rstrip("}").partition("{")
        wanted = set(re.findall(r'\w+="[^"]*"', labels))
        found = re.findall(rf"^{family}(?:\{{(.*)\}})? (\S+)$", agent.metrics(), re.M)
        return float(next(value for has, value in found if wanted <= set(re.findall(r'\w+="[^"]*"', has))))

    def same(self, receiver, program, held=0, pages=None):
        """(profile, page) with the same sums, of a program that holds as much at least. The page is another one after each collection,
        and asking for it may bring one about: all that were seen count. `pages` gets them."""
        pages = [] if pages is None else pages

        def look():
            pages.append(Page(program.url("/debug/pprof/heap")))
            time.sleep(0.2)
            return next(((one, page) for one in receiver.of("shop") for page in pages
                         if page.sums["inuse_space"] >= held and sums(one.profile, IN_USE) == sums(page, IN_USE)), None)

        return wait_until(look, "a profile with the sums of the page")

    @staticmethod
    def before_the_first(pushed, pages, held):
        """What the program had allocated before its first profile, by each page with the sums of a profile: (bytes, bytes of the page)."""
        made, found = 0, []
        for one in pushed:
            made += one.profile.sums["alloc_space"]
            found += [(page.sums["alloc_space"] - made, page.sums["alloc_space"]) for page in pages
                      if page.sums["inuse_space"] >= held and sums(one.profile, IN_USE) == sums(page, IN_USE)]
        return found

    def test_a_go_program_is_pushed_with_the_sums_of_its_page_and_only_when_it_has_changed(self):
        program, receiver = self.go(), self.receiver()
        self.hold(program, 10)
        agent = self.agent("tags: ['cluster:c1']\n" + push(receiver.url, "      external_labels: {replica: r1}\n      headers: {X-Scope-OrgID: a}\n"))
        first = wait_until(lambda: receiver.of("shop"), "a profile")[0]
        self.assertEqual(first.labels, {"service_name": "shop", "service": "shop", "zone": "eu-1", "cluster": "c1", "replica": "r1",
                                        "expvar_url": program.url()})
        pages = []
        self.same(receiver, program, 9 << 20, pages)
        self.assertEqual(sums(first.profile, ALLOCATED), (0, 0), "nobody knows since when")
        self.assertTrue(any(name.startswith("main.main.func") for name in first.profile.functions), first.profile.functions)
        self.assertLess(abs(first.profile.time / 1e9 - time.time()), 60)

        unchanged = 'heapwatch_pyroscope_looks_total{result="unchanged"}'
        before = self.number(agent, unchanged)
        wait_until(lambda: self.number(agent, unchanged) >= before + 3, "looks that find nothing new")

        early = self.before_the_first(receiver.of("shop"), pages, 9 << 20)
        self.hold(program, 7)
        last, _ = self.same(receiver, program, 15 << 20, pages)
        late = self.before_the_first(receiver.of("shop"), pages, 15 << 20)
        self.assertTrue(any(abs(one - other) <= total / 100 for one, _ in early for other, total in late),
                        f"what was allocated does not add up: {early} {late}")
        self.assertGreater(last.profile.duration, 5e8)
        self.assertEqual({path for path, _ in receiver.heads}, {"/push.v1.PusherService/Push"})
        self.assertEqual(receiver.heads[0][1]["X-Scope-OrgID"], "a")
        self.assertRegex(receiver.heads[0][1]["User-Agent"], r"^heapwatch/\d")
        self.assertEqual(receiver.problems, [])
        status = run(PROGRAM, "-c", agent.config_file, "status").stdout
        self.assertIn(f"  Pyroscope: {receiver.url}/push.v1.PusherService/Push\n", status)
        self.assertRegex(status, r"Pyroscope\n=+\n\n(  \w+: \d+\n)*  profiles_sent: [1-9]")
        self.assertGreater(agent.vars()["pyroscope"]["profiles_unchanged"], 0)

    def test_heapwatch_itself_is_pushed_with_the_sums_of_its_page(self):
        receiver = self.receiver()
        self.folder.write("sampled.d/conf.yaml", f"init_config:\ninstances:\n  - does: as_tracemalloc\n    oracle: {self.folder.root}/oracle\n"
                          "    min_collection_interval: 1\n")
        agent = self.agent(f"profiler: sampled\nmemtrack_sample_interval: 4096\nadditional_checksd: {CHECKS}\n" + push(receiver.url))
        wait_until(lambda: (self.folder.root / "oracle").exists(), "a run")

        def same():
            page = sums(Page(f"http://127.0.0.1:{agent.port}/debug/pprof/heap"), IN_USE)
            return next((one for one in receiver.of("heapwatch") if sums(one.profile, IN_USE) == page), None)

        found = wait_until(same, "a profile with the sums of the page")
        self.assertEqual(found.labels, {"service_name": "heapwatch"})
        self.assertLessEqual({"space", "component", "check"}, found.profile.labels)
        self.assertNotIn("thread", found.profile.labels)
        self.assertGreater(found.profile.by_label["space", "python"]["inuse_space"], 100_003)
        self.assertTrue(any("corpus" in name for name in found.profile.functions), sorted(found.profile.functions)[:50])
        self.assertEqual(receiver.problems, [])

    def test_a_program_under_exec_is_pushed_with_the_sums_of_its_page(self):
        receiver, port = self.receiver(), free_port()
        program = subprocess.Popen([PROGRAM, "exec", "--listen", f"127.0.0.1:{port}", "--", LEAKS, "leak_malloc", "1", "2000000"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment())
        self.addCleanup(program.communicate)
        program.stdout.readline()
        children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        (self.folder.root / "pid").write_text(children[0])
        self.folder.write("memory.d/conf.yaml", "init_config: {walk_interval: 1, cpu_budget: 100, leak: false}\ninstances:\n"
                          f"  - pid_file: {self.folder.root}/pid\n    name: leaks\n    tags: ['team:a']\n    min_collection_interval: 0.5\n")
        self.agent(push(receiver.url))
        first = wait_until(lambda: receiver.of("leaks"), "a profile")[0]
        self.assertEqual(first.labels, {"service_name": "leaks", "process_name": "leaks", "team": "a", **{
            name: value for name, value in first.labels.items() if name in ("systemd_unit", "container_id", "pod_uid")}})
        page = Page(f"http://127.0.0.1:{port}/debug/pprof/heap")
        wait_until(lambda: receiver.of("leaks")[-1].profile.sums["inuse_space"] >= page.sums["inuse_space"], "what the page had")
        wait_until(lambda: len(receiver.of("leaks")) >= 3, "more")
        later = Page(f"http://127.0.0.1:{port}/debug/pprof/heap")
        wait_until(lambda: receiver.of("leaks")[-1].profile.sums["inuse_space"] >= later.sums["inuse_space"], "what the later page had")
        held = [one.profile.sums["inuse_space"] for one in receiver.of("leaks")]
        self.assertEqual(held, sorted(held))
        # From the first profile that has what the page had to the one that has what the later page had: between the pages, and a step around.
        begin = next(i for i, size in enumerate(held) if size >= page.sums["inuse_space"])
        end = next(i for i, size in enumerate(held) if size >= later.sums["inuse_space"])
        allocated = [one.profile.sums["alloc_space"] for one in receiver.of("leaks")]
        between_pages = later.sums["alloc_space"] - page.sums["alloc_space"]
        self.assertLessEqual(sum(allocated[begin + 1:end]), between_pages * 1.02)
        self.assertGreaterEqual(sum(allocated[begin:end + 1]), between_pages * 0.98)
        self.assertTrue(any("leak" in name for name in first.profile.functions), first.profile.functions)
        self.assertEqual(receiver.problems, [])

    def test_the_older_api_gets_the_same_with_a_query_or_a_form(self):
        program, receiver = self.go(), self.receiver()
        self.hold(program, 3)
        for api, has_format in (("ingest", True), ("ingest_form", False)):
            with self.subTest(api):
                receiver.pushed.clear()
                with Agent(PROGRAM, self.folder, push(receiver.url + "/", f"      api: {api}\n      external_labels: {{a: 'b,c'}}\n")) as agent:
                    pushed, _ = self.same(receiver, program)
                    self.assertIn(f"  Pyroscope: {receiver.url}/ingest\n", run(PROGRAM, "-c", agent.config_file, "status").stdout)
                self.assertEqual(pushed.labels, {"service_name": "shop", "service": "shop", "zone": "eu-1", "a": "b_c",
                                                 "expvar_url": program.url()})
                self.assertEqual(pushed.query["spyName"], "gospy")
                self.assertEqual(pushed.query.get("format"), "pprof" if has_format else None)
        self.assertEqual(receiver.problems, [])

    def test_nothing_of_a_target_is_asked_that_does_not_say_so(self):
        receiver = self.receiver()
        silent = self.enterContext(Pages({"/debug/vars": b'{"n": 1}'}))
        spoken = self.enterContext(Pages({"/app/debug/vars": b'{"n": 1}', "/app/debug/pprof/heap": b"no profile"}))
        self.folder.write("go_expvar.d/conf.yaml", go_conf(
            f"{{expvar_url: '{silent.url()}', memstats: false, auto: true, min_collection_interval: 0.3}}",
            f"{{expvar_url: '{spoken.url('/app/debug/vars')}', memstats: false, auto: true, min_collection_interval: 0.3, push_profile: true,"
            " headers: {X-Key: k}}"))
        agent = self.agent(push(receiver.url))
        wait_until(lambda: self.number(agent, 'heapwatch_pyroscope_looks_total{result="failed"}') >= 2, "two looks")
        self.assertEqual({path for path, _ in silent.requests}, {"/debug/vars"})
        self.assertEqual({path for path, _ in spoken.requests}, {"/app/debug/vars", "/app/debug/pprof/heap"})
        self.assertEqual({headers.get("X-Key") for _, headers in spoken.requests}, {"k"})
        said = [line for line in agent.log().splitlines() if "no profile of" in line]
        self.assertEqual(len(said), 1, "once, not at each look")
        self.assertIn(f"no profile of 127.0.0.1:{spoken.port}: its answer is no profile", said[0])
        # A reload that no longer asks for it is obeyed.
        self.folder.write("go_expvar.d/conf.yaml", go_conf(
            f"{{expvar_url: '{silent.url()}', memstats: false, auto: true, min_collection_interval: 0.3}}",
            f"{{expvar_url: '{spoken.url('/app/debug/vars')}', memstats: false, auto: true, min_collection_interval: 0.3}}"))
        wait_until(lambda: self.number(agent, "heapwatch_pyroscope_programs") == 1, "only heapwatch itself")
        wait_until(lambda: spoken.requests[-1][0] == "/app/debug/vars", "a run")
        asked = len([path for path, _ in spoken.requests if "pprof" in path])
        runs = len(spoken.requests)
        wait_until(lambda: len(spoken.requests) >= runs + 6, "further runs")
        self.assertEqual(len([path for path, _ in spoken.requests if "pprof" in path]), asked)

    def test_a_target_that_never_answers_holds_up_no_other(self):
        program, receiver = self.go(), self.receiver()
        hung = self.enterContext(Pages({"/debug/vars": b'{"n": 1}', "/debug/pprof/heap": lambda handler: time.sleep(3)}))
        conf = (self.folder.confd / "go_expvar.d/conf.yaml").read_text()
        self.folder.write("go_expvar.d/conf.yaml", conf + f"  - {{expvar_url: '{hung.url()}', memstats: false, auto: true, "
                          "min_collection_interval: 0.5, push_profile: true, timeout: 2}\n")
        agent = self.agent(push(receiver.url))
        for count in range(1, 4):
            self.hold(program, count)
            self.same(receiver, program, count << 20)
        wait_until(lambda: f"no profile of 127.0.0.1:{hung.port}: " in agent.log(), "a line of the log")

    def test_a_receiver_that_is_busy_broken_or_away_gets_all_later_and_one_that_is_slow_costs_nothing(self):
        program = self.go()
        answers = iter([(429, {"Retry-After": "1"}, b"slow down"), (503, {}, b""), (500, {}, b"")])
        receiver = self.receiver(answer=lambda number, request: next(answers, (200, {}, b"")))
        self.hold(program, 2)
        with self.subTest("429 and 5xx"):
            agent = self.agent(push(receiver.url, queue="max_backoff: 100ms"))
            self.same(receiver, program, 1 << 20)
            self.assertGreaterEqual(len(receiver.heads), 4)
            self.assertIn("does not take profiles, which wait: it answers 429 Too Many Requests: slow down", agent.log())
            wait_until(lambda: "takes profiles again" in agent.log(), "a line of the log")
        with self.subTest("killed"):
            port = receiver.port
            receiver.close()
            self.hold(program, 3)
            name = f'heapwatch_pyroscope_reachable{{endpoint="127.0.0.1:{port}"}}'
            wait_until(lambda: self.number(agent, name) == 0, "it to be missed")
            again = self.enterContext(Receiver(port=port))
            self.same(again, program, 4 << 20)
            wait_until(lambda: self.number(agent, name) == 1, "it to be there")
            self.assertEqual(again.problems, [])
        with self.subTest("slow"):
            again.answer = lambda number, request: None
            before = len(again.heads)
            self.hold(program, 1)
            wait_until(lambda: len(again.heads) > before, "a request that gets no answer")
            began = time.monotonic()
            self.assertGreater(agent.vars()["scheduler"]["instances"], 0)
            self.assertLess(time.monotonic() - began, 20)
            status, seconds = agent.stop()
            self.assertEqual(status, 0, agent.log())
            self.assertLess(seconds, 20, "an end does not wait for it")

    def test_what_a_receiver_refuses_is_dropped_with_a_line_and_what_is_too_old_too(self):
        program = self.go()
        for status, said in ((401, "it answers 401 Unauthorized: who are you"), (400, "it answers 400 Bad Request: who are you")):
            with self.subTest(status):
                receiver = self.receiver(answer=lambda number, request, status=status: (status, {}, b"who are you"))
                with Agent(PROGRAM, self.folder, push(receiver.url)) as agent:
                    self.hold(program, 1)
                    wait_until(lambda: receiver.heads, "a try")
                    dropped = f'heapwatch_pyroscope_profiles_dropped_total{{endpoint="127.0.0.1:{receiver.port}",reason="refused"}}'
                    wait_until(lambda: self.number(agent, dropped) >= 1, "a profile that is dropped")
                    self.assertRegex(agent.log(), f"profiles? dropped: {said}")
                    wait_until(lambda: len(receiver.heads) == self.number(agent, dropped), "each request to be one profile less")
        with self.subTest("full"):
            receiver = self.receiver(answer=lambda number, request: (507, {}, b"no room"))
            with Agent(PROGRAM, self.folder, push(receiver.url, queue="max_backoff: 100ms, sample_age_limit: 1s")) as agent:
                label = f'endpoint="127.0.0.1:{receiver.port}"'
                for _ in range(3):
                    before = self.number(agent, 'heapwatch_pyroscope_looks_total{result="sent"}')
                    self.hold(program, 1)
                    wait_until(lambda: self.number(agent, 'heapwatch_pyroscope_looks_total{result="sent"}') > before, "one more")
                wait_until(lambda: self.number(agent, f'heapwatch_pyroscope_profiles_dropped_total{{{label},reason="too_old"}}') >= 2,
                           "those that are too old")
                self.assertLessEqual(self.number(agent, f"heapwatch_pyroscope_queue_profiles{{{label}}}"), 3)
                self.assertEqual(self.number(agent, f"heapwatch_pyroscope_profiles_sent_total{{{label}}}"), 0)

    def test_it_shows_who_it_is_over_tls_and_tells_nobody_else(self):
        made = server_and_client()
        self.addCleanup(made.close)
        program = self.go()
        self.hold(program, 1)
        receiver = self.receiver(context=made.server("server", "ca.pem"))
        (self.folder.root / "token").write_text("t0ken\n")
        agent = self.agent(push(receiver.url, "      authorization: {credentials_file: token}\n      headers: {X-Scope-OrgID: team-a}\n"
                                f"      tls_config: {{ca_file: {made.file('ca.pem')}, cert_file: {made.file('client.pem')}, "
                                f"key_file: {made.file('client.key')}}}\n"))
        wait_until(lambda: receiver.of("shop"), "a profile")
        head = receiver.heads[0][1]
        self.assertEqual((head["Authorization"], head["X-Scope-OrgID"]), ("Bearer t0ken", "team-a"))
        self.assertNotIn("t0ken", agent.log() + agent.metrics())

    def test_what_is_wrong_is_said_with_its_place(self):
        config = self.folder.config("profiles:\n  interval: 0\n  push:\n    - url: ftp://a\n      api: pushh\n    - url: http://a/?b=c\n  pusch: 1\n")
        shown = run(PROGRAM, "--config", config, "configcheck")
        text = shown.stdout + shown.stderr
        self.assertNotEqual(shown.returncode, 0)
        self.assertIn("heapwatch.yaml:4:12: profiles -> push -> 1 -> url must be an http or https URL", text)
        self.assertRegex(text, r'heapwatch.yaml:5:12: .*"pushh".*push, ingest, ingest_form')
        self.assertIn("heapwatch.yaml:6:12: profiles -> push -> 2 -> url must have no query", text)
        self.assertRegex(text, r"heapwatch.yaml:2:13: .*interval")
        self.assertIn('unknown key "pusch"; did you mean "push"?', text)

    def test_a_variable_will_do(self):
        program, receiver = self.go(), self.receiver()
        self.hold(program, 1)
        with Agent(PROGRAM, self.folder, env={"DD_PROFILES_PUSH": receiver.url, "DD_PROFILES_INTERVAL": "1"}):
            wait_until(lambda: receiver.of("shop"), "a profile", 30)
        self.assertEqual(receiver.problems, [])


if __name__ == "__main__":
    PROGRAM, GO_TARGET, LEAKS = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()

"""The check `memory` in a running agent, beside real programs; and the agent's own picture."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import Agent, Confd, clean_environment, fetch, free_port, run, wait_until  # noqa: E402

PROGRAM = GO_TARGET = HEAP_PROGRAM = ""
ROOT = pathlib.Path(__file__).resolve().parents[2]
OWN_NAME = f"heap-{os.getpid()}"  # of which this machine has no other
SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
PYTHON = f"""
import sys  # one of the test with the pid {os.getpid()}
things = [{{"n": i, "t": str(i) * 3}} for i in range(60000)]
print("ready", flush=True)
sys.stdin.read()
"""


def samples(page):
    """[(name, labels, value)] of a page of Prometheus' text format."""
    return [(name, dict(LABEL.findall(labels)), float(value)) for name, labels, value in SAMPLE.findall(page)]


def total(found, metric, **labels):
    return sum(value for one, has, value in found if one == metric and labels.items() <= has.items())


def rss(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss: +(\d+) kB", rollup, re.M)[1]) * 1024


class Target:
    """A program that waits; `ready` says when."""

    def __init__(self, *command, ready=None, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=clean_environment(), **options)
        self.pid = self.process.pid
        try:
            if ready:
                wait_until(ready, f"{command[0]} to answer")
            else:
                self.process.stdout.readline()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.process.terminate()  # so that nginx ends its workers, which have the pipes too
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def redis(folder):
    port = free_port()
    return Target("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder,
                  ready=lambda: answers(port)), port


def nginx(folder):
    port = free_port()
    root = pathlib.Path(folder)
    (root / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\nevents {{}}\n"
        f"http {{\n  access_log off;\n  client_body_temp_path {root}/b;\n  proxy_temp_path {root}/p;\n"
        f"  fastcgi_temp_path {root}/f;\n  uwsgi_temp_path {root}/u;\n  scgi_temp_path {root}/s;\n"
        f"  server {{ listen 127.0.0.1:{port}; }}\n}}\n")
    return Target("nginx", "-p", str(root), "-c", str(root / "nginx.conf"), ready=lambda: answers(port)), root / "nginx.pid"


class MemoryCheckTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.heap_program = shutil.copy(HEAP_PROGRAM, f"{folder}/{OWN_NAME}")

    def folder(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def agent(self, instances, init="", more=""):
        folder = Confd()
        self.addCleanup(folder.close)
        folder.write("memory.d/conf.yaml", f"init_config: {{{init}}}\ninstances:\n{instances}")
        agent = Agent(PROGRAM, folder, "min_collection_interval: 0.5\n" + more)
        self.addCleanup(agent.stop)
        return agent

    def found(self, agent, *names):
        """Samples of the page once each of `names` was looked at."""

        def all_there():
            page = []
            with contextlib.suppress(OSError):  # the page of metrics begins after the one that the agent was waited for
                page = samples(agent.metrics("text/plain"))
            looked = {labels["process_name"] for one, labels, _ in page if one == "process_memory_resident"}
            waiting = {labels["process_name"] for one, labels, _ in page if labels.get("owner") == "not looked at yet"}
            return set(names) <= looked - waiting and page

        try:
            return wait_until(all_there, f"a look at {names}")
        except AssertionError as failure:
            raise AssertionError(agent.metrics("text/plain") + agent.log()) from failure

    def assert_adds_up(self, page, name, pids):
        """process.memory.resident over its tags is RSS as /proc has it, for programs that wait."""
        resident = total(page, "process_memory_resident", process_name=name)
        uncertainty = total(page, "process_memory_uncertainty", process_name=name)
        self.assertLessEqual(abs(resident - sum(map(rss, pids))), uncertainty + len(pids) * 64 * 1024, name)
        self.assertEqual(total(page, "process_memory_processes", process_name=name), len(pids))
        self.assertLess(total(page, "process_memory_unexplained", process_name=name), 0.01 * resident, name)
        for _, labels, _ in page:
            self.assertFalse({"pid", "process_id"} & labels.keys())

    def test_the_sum_over_its_tags_is_the_rss_of_real_programs(self):
        store, port = redis(self.folder())
        web, pid_file = nginx(self.folder())
        with store, web, GoProgram(GO_TARGET) as go, Target("/usr/bin/python3", "-c", PYTHON) as python, \
                Target(self.heap_program, "heap", "4") as first, Target(self.heap_program, "heap", "2") as second:
            agent = self.agent(f"  - port: {port}\n    name: redis\n"
                               f"  - pid_file: {pid_file}\n    name: nginx\n"
                               f"  - expvar_url: {go.url()}\n    name: go\n"
                               f"  - pattern: with the pid {os.getpid()}\\b\n    name: python\n"
                               f"  - process_name: {OWN_NAME}\n    name: two\n", "walk_interval: 1, cpu_budget: 100")
            page = self.found(agent, "redis", "nginx", "go", "python", "two")
            self.assert_adds_up(page, "redis", [store.pid])
            self.assert_adds_up(page, "nginx", [web.pid])
            self.assert_adds_up(page, "go", [go.process.pid])
            self.assert_adds_up(page, "python", [python.pid])
            self.assert_adds_up(page, "two", [first.pid, second.pid])
            self.assertGreater(total(page, "process_memory_resident", process_name="python", space="python", state="live"), 5e6)
            self.assertGreater(total(page, "process_memory_resident", process_name="go", space="go"), 500_000)
            self.assertGreater(total(page, "process_memory_resident", process_name="two", owner="glibc", state="live"), 7e6)
            self.assertGreater(total(page, "process_memory_live_blocks", process_name="two", owner="glibc"), 1000)
            self.assertEqual(total(page, "process_memory_rss", process_name="go", expvar_url=go.url()),
                             total(page, "process_memory_rss", process_name="go"))
            self.assertEqual(total(page, "heapwatch_service_check", service_check="process.memory.can_read"), 0)

    def test_a_process_that_ends_leaves_the_page_and_the_others_stay(self):
        with Target(self.heap_program, "heap", "2") as stays:
            with Target(self.heap_program, "heap", "2"), Target("/usr/bin/python3", "-c", PYTHON):
                agent = self.agent(f"  - process_name: {OWN_NAME}\n    name: two\n"
                                   f"  - pattern: with the pid {os.getpid()}\\b\n    name: python\n", "walk_interval: 1, cpu_budget: 100")
                page = self.found(agent, "two", "python")
                self.assertEqual(total(page, "process_memory_processes", process_name="two"), 2)

            def one_left():
                page = samples(agent.metrics("text/plain"))
                return (total(page, "process_memory_processes", process_name="two") == 1 and
                        not any(labels.get("process_name") == "python" for _, labels, _ in page) and page)
            page = wait_until(one_left, "the series of ended processes to go")
            self.assertLessEqual(total(page, "process_memory_rss", process_name="two"), 2 * rss(stays.pid))
            wait_until(lambda: "no process has a command line that matches" in agent.log(), "the reason in the log")
            self.assertEqual(max(value for name, labels, value in samples(agent.metrics("text/plain"))
                                 if name == "heapwatch_service_check" and labels["service_check"] == "process.memory.can_read"), 2)

    @unittest.skipUnless(os.geteuid() == 0, "only root can start a program as another user")
    def test_a_process_of_another_user_is_a_warning_with_what_to_do(self):
        def demote():
            os.setgid(65534)
            os.setuid(65534)
        folder = Confd()
        self.addCleanup(folder.close)
        os.chmod(folder.root, 0o755)
        with Target(self.heap_program, "heap", "2") as target:
            pid_file = folder.root / "pid"
            pid_file.write_text(str(target.pid))
            folder.write("memory.d/conf.yaml", f"init_config:\ninstances:\n  - pid_file: {pid_file}\n    name: theirs\n")
            done = subprocess.run([PROGRAM, "--confd", folder.confd, "check", "memory", "--table"], capture_output=True, text=True,
                                  env=clean_environment(), preexec_fn=demote, cwd="/", check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            said = f"process {target.pid} ({target_name(target.pid)}): its mappings cannot be read: it runs as user 0, not as ours; run heapwatch as root"
            self.assertIn(said, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"process\.memory\.can_read\s+1\s")
            self.assertRegex(done.stdout, r"process\.memory\.rss +\tgauge\t\d+\t\d{6,}")

    def test_it_attaches_to_named_processes_where_both_files_say_so_and_lets_go_at_its_end(self):
        def state(pid):
            listed = run(PROGRAM, "attach", "--list").stdout
            found = re.search(rf"^{pid}\t\S+\t(\w+)", listed, re.M)
            return found and found[1]

        instance = "  - {process_name: %s, attach: true, min_collection_interval: 0.5}\n" % OWN_NAME
        with Target(self.plain_program(), ready=None) as target:
            for signal_number in (signal.SIGTERM, signal.SIGKILL):
                agent = self.agent(instance, more="attach: true\n")
                wait_until(lambda: state(target.pid) == "attached", "the attach")
                wait_until(lambda: f"attached to process {target.pid}" in agent.log(), "the line of the log")
                agent.stop(signal_number)
                wait_until(lambda: state(target.pid) == "dormant", f"the detach after signal {signal_number}")
                self.assertIsNone(target.process.poll())
            folder = Confd()
            self.addCleanup(folder.close)
            folder.write("memory.d/conf.yaml", f"init_config:\ninstances:\n{instance}")
            refused = run(PROGRAM, "-c", folder.config(f"confd_path: {folder.confd}\n"), "configcheck")
            self.assertIn("attach: true needs attach: true in heapwatch.yaml, too", refused.stdout + refused.stderr)

    def plain_program(self):
        """Without a sanitizer, under a name that no other process has; it waits, and says a line first."""
        folder = self.folder()
        source = pathlib.Path(folder, "program.c")
        source.write_text('#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("ready"); fflush(stdout); '
                          "char byte; while (read(0, &byte, 1) > 0) {} return 0; }\n")
        program = f"{folder}/{OWN_NAME}"
        subprocess.run(["cc", "-o", program, str(source)], check=True)
        return program

    def test_the_shipped_configuration_watches_heapwatch(self):
        folder = Confd()
        self.addCleanup(folder.close)
        folder.write("memory.d/conf.yaml", (ROOT / "conf.d/memory.d/conf.yaml").read_text())
        with Agent(PROGRAM, folder, "min_collection_interval: 0.5\n") as agent:
            page = self.found(agent, "heapwatch")
            own = rss(agent.process.pid)
            self.assertLess(abs(total(page, "process_memory_resident", process_name="heapwatch") - own), 0.5 * own)

    def test_every_example_is_valid(self):
        with Confd() as folder:
            folder.write("memory.d/conf.yaml", (ROOT / "conf.d/memory.d/conf.yaml.example").read_text())
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            text = (ROOT / "docs/memory-check.md").read_text()
            folder.write("memory.d/conf.yaml", re.search(r"```yaml\n(.*?)```", text, re.S)[1])
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_agent_shows_its_own_picture(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            url = f"http://127.0.0.1:{agent.port}/debug/memory"
            page = json.loads(fetch(url))
            self.assertEqual((page["schema"], page["pid"]), ("heapwatch.memory/1", agent.process.pid))
            self.assertLessEqual(abs(sum(row["bytes"] for row in page["rows"]) - page["rss_bytes"]), page["rss_uncertainty_bytes"])
            self.assertTrue(fetch(url + "?format=text").startswith(f"pid {agent.process.pid}"))
            self.assertTrue(fetch(url, {"Accept": "text/html"}).startswith(f"pid {agent.process.pid}"))
            done = run(PROGRAM, "-c", agent.config_file, "status")
            self.assertRegex(done.stdout, r"(?s)\nMemory\n======\n\n  RSS: [\d.]+ M\n.*    files mapped: [\d.]+ [KM]\n")

            def of_one_look():  # it is shown for some seconds: what stands on the page before and after, the status has, too
                pictures = [json.loads(fetch(url)),
                            json.loads(run(PROGRAM, "-c", agent.config_file, "status", "--json").stdout)["memory"],
                            json.loads(fetch(url))]
                files = [sum(row["bytes"] for row in picture["rows"] if row["space"] == "files") for picture in pictures]
                return files if files[0] == files[2] else None

            files = wait_until(of_one_look, "a page, the status and the page again, of one look")
            self.assertEqual(files[1], files[0])


def target_name(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


if __name__ == "__main__":
    PROGRAM, GO_TARGET, HEAP_PROGRAM = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()

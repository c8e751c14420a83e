"""`check_isolation: process`: what a check does to its own process costs nobody but its run."""
import os
import pathlib
import re
import signal
import sys
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, fetch, run, wait_until  # noqa: E402

PROGRAM = ""
ISOLATED = "check_isolation: process"


def check_source(body, imports=""):
    return (f"{imports}\nfrom datadog_checks.base import AgentCheck\n\n__version__ = '3.2.1'\n\n\nclass TheCheck(AgentCheck):\n"
            f"    def check(self, instance):\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n")


class Folder(Confd):
    def check(self, name, source, instances="[{}]", init_config=f"{ISOLATED}, min_collection_interval: 0.2"):
        checks = self.root / "checks.d"
        checks.mkdir(exist_ok=True)
        (checks / f"{name}.py").write_text(textwrap.dedent(source))
        self.write(f"{name}.d/conf.yaml", f"init_config: {{{init_config}}}\ninstances: {instances}\n")


EVERYTHING = check_source("""\
    self.gauge("all.pid", os.getpid(), tags=["a:b"])
    self.monotonic_count("all.runs", self.runs + 1)
    self.runs += 1
    self.service_check("all.up", self.OK, tags=["c:d"], message="well")
    self.event({"msg_title": "title", "msg_text": "text", "timestamp": 1700000000, "tags": ["e:f"]})
    self.warning("run %d", self.runs)
    self.log.error("logged by %s", instance["secret"])
    print("printed")
""", "import os").replace("    def check(", "    runs = 0\n\n    def check(")


class HostileIsolatedChecksTest(unittest.TestCase):
    maxDiff = None

    def test_all_that_a_check_submits_comes_back(self):
        with Folder() as folder:
            folder.check("all", EVERYTHING, "[{secret: word}]")
            done = run(PROGRAM, "--confd", folder.confd, "check", "all", "-t", "2", "--dogstatsd")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"all\.pid:\d+\|g\|#a:b\n")
            self.assertIn("all.runs:1|c", done.stdout)
            self.assertRegex(done.stdout, r"_sc\|all\.up\|0\|#c:d\|m:well\n")
            self.assertIn("_e{5,4}:title|text|d:1700000000", done.stdout)
            self.assertRegex(done.stderr, r"\| ERROR \| all:\w+ \| \(all\.py:\d+\) \| logged by word")
            self.assertRegex(done.stderr, r"\| INFO \| check all:\w+: printed")

    def test_the_agent_itself_maps_no_python(self):
        with Folder() as folder:
            folder.check("all", EVERYTHING, "[{secret: word}]")
            with Agent(PROGRAM, folder) as agent:
                page = wait_until(lambda: "all_runs_total" in agent.metrics() and agent.metrics(), "the check's series")
                pid = int(re.search(r'all_pid\{[^}]*a="b"[^}]*\} (\S+)', page)[1].split(".")[0])
                self.assertNotEqual(pid, agent.process.pid)
                self.assertNotIn("libpython", pathlib.Path(f"/proc/{agent.process.pid}/maps").read_text())
                self.assertIn("all (3.2.1)", fetch(f"http://127.0.0.1:{agent.port}/status"))
                self.assertEqual(agent.stop()[0], 0)
                wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the process of the check to end")

    def test_crashes_hangs_floods_and_rubbish_cost_only_the_check(self):
        bodies = {
            "exits": ("os._exit(7)", "ended with status 7"),
            "aborts": ("os.abort()", "ended by SIGABRT"),
            "crashes": ("os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
            "hangs": ("time.sleep(1000)", "did not answer in time"),
            "floods": ("while True: self.gauge('x' * 1000, 1, tags=['y' * 1000])", "more than 67108864 bytes|did not answer in time"),
            "rubbish": ("os.write(3, b'\\xff' * 100000)", "would be right"),
            "wrong_kind": ("os.write(3, b'\\x02\\0\\0\\0\\xfe\\0')", "none of this protocol"),
            "hangs_up": ("os.close(3); os.closerange(3, 20); time.sleep(1000)", ""),
            "prints": ("while True: print('x' * 10000)", "did not answer in time"),
        }
        with Folder() as folder:
            for name, (body, _) in bodies.items():
                folder.check(name, check_source(body, "import os\nimport signal\nimport time"),
                             init_config=f"{ISOLATED}, check_isolation_timeout: 4, min_collection_interval: 0.2")
            folder.check("good", check_source("self.count('good.runs', 1)"))
            with Agent(PROGRAM, folder, "check_runners: 12\n") as agent:
                checks = lambda: agent.vars()["checks"]  # noqa: E731
                for name in bodies:
                    wait_until(lambda name=name: checks()[name]["errors"] > 0, f"an error of {name}", 120)
                before = checks()["good"]["runs"]
                wait_until(lambda: checks()["good"]["runs"] > before + 3, "runs of the good check")
                self.assertEqual(checks()["good"]["errors"], 0)
                log = agent.log()
                for name, (_, said) in bodies.items():
                    if said:
                        self.assertRegex(log, rf"check {name}:\w+.*({said})", name)
                self.assertLess(len(log), 20_000_000)
                stopped, seconds = agent.stop()
                self.assertEqual(stopped, 0)
                self.assertLess(seconds, 15)

    def test_a_process_that_ended_is_started_again_after_a_wait(self):
        with Folder() as folder:
            folder.check("once", check_source("""\
                self.count("once.runs", 1)
                if not os.path.exists(instance["mark"]):
                    open(instance["mark"], "w").close()
                    os._exit(1)
            """, "import os"), f"[{{mark: '{folder.root}/mark'}}]")
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: "started again in a new process" in agent.log(), "a new process")
                page = wait_until(lambda: (lambda one: one["runs"] - one["errors"] > 2 and one)(agent.vars()["checks"]["once"]),
                                  "good runs")
                self.assertGreater(page["errors"], 0)

    def test_processes_end_with_an_agent_that_was_killed_also_in_a_run(self):
        with Folder() as folder:
            folder.check("sleeps", check_source("""\
                child = subprocess.Popen(["sleep", "1000"])
                with open(instance["pids"] + ".part", "w") as file:
                    file.write(f"{os.getpid()} {child.pid}")
                os.rename(instance["pids"] + ".part", instance["pids"])
                time.sleep(1000)
            """, "import os\nimport subprocess\nimport time"), f"[{{pids: '{folder.root}/pids'}}]")
            with Agent(PROGRAM, folder) as agent:
                written = folder.root / "pids"
                wait_until(written.exists, "the check's process")
                pids = [int(pid) for pid in written.read_text().split()]
                agent.process.send_signal(signal.SIGKILL)
                agent.process.wait()
                for pid in pids:
                    wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}")
                               or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[-1], "it to end", 20)

    def test_what_does_not_load_says_why(self):
        with Folder() as folder:
            folder.check("broken", "import nothing_of_that_name\n")
            folder.check("dies", "import os\n\nos._exit(3)\n")
            folder.check("odd", check_source("pass"), init_config="check_isolation: thread")
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
            self.assertEqual(done.returncode, 1)
            said = done.stdout + done.stderr
            self.assertIn("No module named 'nothing_of_that_name'", said)
            self.assertIn("ended with status 3", said)
            self.assertRegex(said, r'odd\.d/conf\.yaml:1:\d+: .*"thread"; one of none, process')

    def test_what_a_check_tells_of_itself_is_on_the_agents_page(self):
        with Folder() as folder:
            folder.check("tells", check_source("""\
                self.set_metadata("version", "9.%d" % self.runs)
                self.set_external_tags([("vm1", {"tells": ["role:db"]})])
                datadog_agent.emit_agent_telemetry("tells", "runs", 1, "counter")
                datadog_agent.emit_agent_telemetry("tells", "size", 40 + self.runs, "gauge")
                if self.runs == 0:
                    datadog_agent.report_issue("tells", '{"id": "first"}')
                elif self.runs == 1:
                    datadog_agent.resolve_issue("first")
                self.runs += 1
                if self.runs == 3 and not os.path.exists(instance["mark"]):
                    open(instance["mark"], "w").close()
                    os._exit(1)
            """, "import os\nimport datadog_agent").replace("    def check(", "    runs = 0\n\n    def check("),
                         f"[{{mark: '{folder.root}/mark'}}]")
            with Agent(PROGRAM, folder) as agent:
                told = lambda: agent.vars()["python"]  # noqa: E731
                first = wait_until(lambda: told()["telemetry"].get("tells.runs") and told(), "what the check tells")
                self.assertEqual(first["external_host_tags"], {"vm1": {"tells": ["role:db"]}})
                ((check_id, metadata),) = first["metadata"].items()
                self.assertRegex(check_id, r"^tells:\w+$")
                self.assertRegex(metadata["version"], r"^9\.\d$")
                # Two runs of the first process, and then those of the second.
                later = wait_until(lambda: (lambda now: now["telemetry"]["tells.runs"] > 5 and now)(told()), "more runs")
                self.assertIn("started again in a new process", agent.log())
                own_runs = later["telemetry"]["tells.size"] - 39
                self.assertEqual(later["telemetry"]["tells.runs"], 2 + own_runs)
                self.assertEqual(later["issues"], {})
                (folder.confd / "tells.d/conf.yaml").unlink()
                wait_until(lambda: not told()["metadata"], "the metadata to go with the check")

    def test_heapwatch_yaml_says_what_is_isolated_where_conf_d_does_not_and_a_reload_moves_it(self):
        own_pid = check_source("self.gauge('%s.pid', os.getpid())", "import os")
        with Folder() as folder:
            for name, init_config in {"one": "", "two": "", "here": "check_isolation: none,", "apart": f"{ISOLATED},"}.items():
                folder.check(name, own_pid % name, init_config=f"{init_config} min_collection_interval: 0.2")
            with Agent(PROGRAM, folder, "check_isolation: process\ncheck_isolation_exclude: [two]\n") as agent:
                def inside():
                    """The checks that run in the agent; nothing while one has not run yet."""
                    pids = dict(re.findall(r"^(\w+)_pid(?:\{[^}]*\})? (\d+)", agent.metrics(), re.M))
                    return {name for name, pid in pids.items() if int(pid) == agent.process.pid} if len(pids) == 4 else None

                wait_until(lambda: inside() == {"two", "here"}, "the checks to run")
                text = agent.config_file.read_text()
                agent.config_file.write_text(text.replace("exclude: [two]", "include: [two, here]"))
                wait_until(lambda: inside() == {"one", "here"}, "the checks to move")
                log = agent.log()
                self.assertRegex(log, r"reload: done; 2 instances go on as they were")
                self.assertNotIn("a restart is needed", log)
                agent.config_file.write_text(text.replace("check_isolation: process", "check_isolation: thread"))
                wait_until(lambda: "one of none, process" in agent.log(), "the error")
                self.assertEqual(inside(), {"one", "here"})

    def test_memory_profiles_come_from_where_the_check_runs(self):
        with Folder() as folder:
            folder.check("keeps", check_source("self.kept = bytes(300 * 1024)"))
            with Agent(PROGRAM, folder, "tracemalloc_debug: true\n") as agent:
                metric = r'datadog_agent_profile_memory_check_run_alloc\{[^}]*check_name="keeps"[^}]*\} (\d+)'
                page = wait_until(lambda: re.search(metric, agent.metrics()) and agent.metrics(), "the profile")
                self.assertGreater(int(re.search(metric, page)[1]), 300 * 1024)
            done = run(PROGRAM, "--confd", folder.confd, "check", "keeps", "-m")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("keeps.py", done.stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

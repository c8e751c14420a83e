"""Python checks in the agent, run as their users run them."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import SOON_S, Agent, Confd, fetch, run, wait_until  # noqa: E402

PROGRAM = ""

TWENTY_LINES = """
    import os

    from datadog_checks.base import AgentCheck

    __version__ = "1.2.3"


    class FilesCheck(AgentCheck):
        def check(self, instance):
            folder = instance["folder"]
            tags = [f"folder:{folder}"] + instance.get("tags", [])
            try:
                entries = list(os.scandir(folder))
            except OSError as error:
                self.service_check("files.can_read", self.CRITICAL, tags=tags, message=str(error))
                raise
            self.service_check("files.can_read", self.OK, tags=tags)
            self.gauge("files.count", len(entries), tags=tags)
            self.gauge("files.bytes", sum(entry.stat().st_size for entry in entries), tags=tags)
"""


def check_source(body, imports=""):
    return (f"{imports}\nfrom datadog_checks.base import AgentCheck\n\n\nclass TheCheck(AgentCheck):\n"
            f"    def check(self, instance):\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n")


class Folder(Confd):
    """conf.d and checks.d side by side."""

    def check(self, name, source, instances="[{min_collection_interval: 0.2}]", init_config="{}"):
        checks = self.root / "checks.d"
        checks.mkdir(exist_ok=True)
        (checks / f"{name}.py").write_text(textwrap.dedent(source))
        self.write(f"{name}.d/conf.yaml", f"init_config: {init_config}\ninstances: {instances}\n")


def maps_python(pid):
    return "libpython" in pathlib.Path(f"/proc/{pid}/maps").read_text()


class PythonTest(unittest.TestCase):
    maxDiff = None

    def check_json(self, folder, name, *options, env=None, status=0):
        done = run(PROGRAM, "--confd", folder.confd, "check", name, "--json", *options, env=env)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout), done.stderr

    def metrics(self, answer):
        return [(one["metric"], one["points"][0][1], one["tags"]) for one in answer[0]["aggregator"]["metrics"]]

    def test_a_check_of_twenty_lines_needs_nothing_but_debians_python(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as watched:
            pathlib.Path(watched, "a").write_text("12345")
            folder.check("files", TWENTY_LINES, f"[{{folder: {watched}, tags: [a:b]}}]")
            answer, _ = self.check_json(folder, "files")
            tags = ["a:b", f"folder:{watched}"]
            self.assertEqual(self.metrics(answer), [("files.count", 1, tags), ("files.bytes", 5, tags)])
            self.assertEqual(answer[0]["runner"]["CheckVersion"], "1.2.3")

    def test_an_agent_without_python_checks_never_maps_libpython(self):
        with Folder() as folder:
            folder.write("go_expvar.d/conf.yaml",
                         "init_config:\ninstances: [{expvar_url: 'http://127.0.0.1:1', min_collection_interval: 0.2}]\n")
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["runs"] > 0, "a run")
                self.assertFalse(maps_python(agent.process.pid))
                page = agent.vars()
                self.assertEqual((page["pymem"], page["pyLoader"], page["pythonInit"]),
                                 ({"Alloc": 0, "Inuse": 0}, {"ConfigureErrors": {}}, {"Errors": []}))

    def test_an_agent_with_one_runs_it_and_shows_it(self):
        with Folder() as folder:
            folder.check("counts", check_source("""\
                self.runs = getattr(self, "runs", 0) + 1
                self.monotonic_count("counts.runs", self.runs)
                self.set_metadata("version", "9.8")
                self.warning("run %d", self.runs)
                print("printed")
            """))
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\n") as agent:
                wait_until(lambda: "counts_runs_total" in agent.metrics(), "the check's series")
                wait_until(lambda: "datadog_agent_pymem_alloc_total" in agent.metrics(), "the interpreter's series")
                self.assertTrue(maps_python(agent.process.pid))
                page = agent.vars()
                self.assertGreater(page["pymem"]["Inuse"], 1 << 20)
                self.assertGreaterEqual(page["pymem"]["Alloc"], page["pymem"]["Inuse"])
                self.assertEqual(list(page["python"]["metadata"].values()), [{"version": "9.8"}])
                status = fetch(f"http://127.0.0.1:{agent.port}/status")
                self.assertRegex(status, r"Python: 3\.11\.\d+, \d+\.\d MiB in use")
                self.assertIn("counts (unversioned)", status)
                self.assertRegex(status, r"Warning: run \d+")
                stopped, seconds = agent.stop()
                self.assertEqual(stopped, 0)
                self.assertLess(seconds, SOON_S)

    def test_telemetry_of_the_interpreter_can_be_switched_off(self):
        with Folder() as folder:
            folder.check("quiet", check_source("pass"))
            with Agent(PROGRAM, folder, "telemetry: {python_memory: false}\nmin_collection_interval: 0.2\n") as agent:
                wait_until(lambda: agent.vars()["checks"]["quiet"]["runs"] > 1, "two runs")
                page = agent.vars()
                self.assertEqual(page["pymem"], {"Alloc": 0, "Inuse": 0})
                self.assertNotIn("pymem", page["checks"])

    def test_checks_that_misbehave_cost_only_themselves(self):
        bodies = {
            "exits": "import sys; sys.exit(1)",
            "interrupts": "raise KeyboardInterrupt",
            "loops": "while True: pass",
            "sleeps": "import time; time.sleep(1000)",
            "recurses": "self.check(instance)",
            "floods": "print('x' * 100000)",
            "throws": "class Odd(Exception):\n    def __str__(self): raise ValueError('odd')\nraise Odd()",
            "closes": "import sys; sys.stdout = None; sys.stderr = None; print('x')",
        }
        with Folder() as folder:
            for name, body in bodies.items():
                folder.check(name, check_source(body))
            folder.check("raises_at_import", "raise SystemExit(3)\n")
            folder.check("no_construction", "from datadog_checks.base import AgentCheck\n\n\nclass C(AgentCheck):\n"
                         "    def __init__(self, *_, **__):\n        raise SystemExit(4)\n")
            folder.check("good", check_source("self.count('good.runs', 1)"))
            with Agent(PROGRAM, folder) as agent:
                def runs():
                    return agent.vars()["checks"]["good"]["runs"]
                wait_until(lambda: runs() > 0, "the good check's first run")
                before = runs()
                wait_until(lambda: runs() >= before + 5, "five more runs of the good check")
                page = agent.vars()["checks"]
                for name in ("exits", "interrupts", "recurses", "throws"):
                    wait_until(lambda: agent.vars()["checks"][name]["errors"] > 0, f"an error of {name}")
                self.assertNotIn("raises_at_import", page)
                self.assertEqual(set(agent.vars()["pyLoader"]["ConfigureErrors"]), {"raises_at_import", "no_construction"})
                stopped, seconds = agent.stop()
                self.assertEqual(stopped, 0)
                self.assertLess(seconds, SOON_S)

    def test_loaders_come_in_their_order_and_can_be_named(self):
        source = check_source("self.gauge('from.python', 1)")
        with Folder() as folder:
            folder.check("go_expvar", source, "[{loader: python}]")
            answer, _ = self.check_json(folder, "go_expvar")
            self.assertEqual(self.metrics(answer), [("from.python", 1, [])])
            folder.check("go_expvar", source, "[{loader: core, expvar_url: 'http://127.0.0.1:1'}]")
            answer, _ = self.check_json(folder, "go_expvar", status=1)
            self.assertIn("127.0.0.1:1", answer[0]["runner"]["LastError"])
            folder.check("mine", source, "[{}]", "{loader: python}")
            self.check_json(folder, "mine")
            folder.check("mine", source, "[{loader: perl}]")
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
            self.assertIn('mine.d/conf.yaml:2:22: unknown loader "perl"; one of native', done.stdout)
            self.assertEqual(done.returncode, 1)

    def test_what_cannot_be_loaded_is_told_with_its_place(self):
        with Folder() as folder:
            folder.check("broken", "def broken(:\n", "\n  - {}")
            done = run(PROGRAM, "--confd", folder.confd, "check", "broken")
            self.assertEqual(done.returncode, 1)
            self.assertIn('broken.d/conf.yaml:3:5: could not load check "broken":\n', done.stderr)
            self.assertIn("\n* python: unable to import module 'broken': invalid syntax (broken.py, line 1)\n", done.stderr)
            self.assertIn("no valid check found", done.stderr)
            folder.check("typo", "import nothing_of_the_kind\n", "[{}]")
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
            self.assertEqual(done.returncode, 1)
            self.assertIn("unable to import module 'typo': ", done.stdout)
            self.assertIn("No module named 'nothing_of_the_kind'", done.stdout)

    def test_folders_of_checks_are_searched_in_their_order(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as more:
            pathlib.Path(more, "extra.py").write_text(check_source("self.gauge('extra', 2)"))
            pathlib.Path(more, "both.py").write_text(check_source("self.gauge('both', 2)"))
            folder.check("both", check_source("self.gauge('both', 1)"))
            folder.write("extra.yaml", "init_config:\ninstances: [{}]\n")
            folder.config(f"confd_path: {folder.confd}\nadditional_checksd: {more}\n")
            for name, value in (("extra", 2), ("both", 1)):
                done = run(PROGRAM, "-c", folder.root / "heapwatch.yaml", "check", name, "--json")
                self.assertEqual(self.metrics(json.loads(done.stdout)), [(name, value, [])], done.stderr)

    def test_an_installed_integration_wins_over_a_custom_check(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as site:
            package = pathlib.Path(site, "datadog_checks", "mine")
            package.mkdir(parents=True)
            (package.parent / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
            (package / "__init__.py").write_text("from .mine import Mine\n__version__ = '4.5.6'\n")
            (package / "mine.py").write_text(
                "from datadog_checks.base import AgentCheck\n\n\nclass Mine(AgentCheck):\n"
                "    def check(self, _):\n        self.gauge('installed', 1, tags=[self.check_version])\n")
            folder.check("mine", check_source("self.gauge('custom', 1)"))
            answer, _ = self.check_json(folder, "mine", env={"PYTHONPATH": site})
            self.assertEqual(self.metrics(answer), [("installed", 1, ["4.5.6"])])
            self.assertEqual(answer[0]["runner"]["CheckVersion"], "4.5.6")

    def test_the_interpreter_is_debians_whatever_the_path_says(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as first:
            shim = pathlib.Path(first, "python3")
            shim.write_text("#!/bin/sh\necho wrong\n")
            shim.chmod(0o755)
            folder.check("where", check_source("""\
                import subprocess, sys
                said = subprocess.run([sys.executable, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
                self.gauge("where", 1, tags=[sys.executable, sys.prefix, said.stdout.strip()])
            """))
            answer, _ = self.check_json(folder, "where", env={"PATH": f"{first}:{os.environ['PATH']}"})
            self.assertEqual(self.metrics(answer), [("where", 1, ["/usr", "/usr/bin/python3"])])

    def test_child_processes_can_be_ended_as_usual(self):
        with Folder() as folder:
            folder.check("children", check_source("""\
                child = subprocess.Popen(["sleep", "1000"])
                child.terminate()
                self.gauge("children.status", child.wait(timeout=20))
            """, "import subprocess"))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: "children_status -15" in agent.metrics(), "the child's end by SIGTERM")

    def test_jobs_of_databases_submit_between_runs_and_end_with_their_check(self):
        """As checks with database monitoring have them: a thread that works while its check does not run."""
        with Folder() as folder, tempfile.TemporaryDirectory() as state:
            ended, hang = pathlib.Path(state, "ended"), pathlib.Path(state, "hang")
            source = f"""
                import pathlib
                import time

                from datadog_checks.base import AgentCheck
                from datadog_checks.base.utils.db.utils import DBMAsyncJob, obfuscate_sql_with_metadata


                class Job(DBMAsyncJob):
                    turns = 0

                    def run_job(self):
                        self.turns += 1
                        statement = obfuscate_sql_with_metadata("SELECT a FROM t WHERE b = 7", '{{"return_json_metadata": true}}')
                        self._check.gauge("ourdb.turns", self.turns, tags=[*self._tags, f"statement:{{statement['query']}}"])
                        if pathlib.Path({str(hang)!r}).exists():
                            self._check.log.error("it hangs")
                            time.sleep(3600)


                class OurDb(AgentCheck):
                    def __init__(self, name, init_config, instances):
                        super().__init__(name, init_config, instances)
                        self.job = Job(self, rate_limit=20, dbms="ourdb", job_name="samples",
                                       shutdown_callback=lambda: pathlib.Path({str(ended)!r}).touch())

                    def cancel(self):
                        self.job.cancel()

                    def check(self, _):
                        self.job.run_job_loop(["kind:job"])
            """
            folder.check("ourdb", source)
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: 'ourdb_turns{' in agent.metrics() and 'statement="SELECT a FROM t WHERE b = ?"' in agent.metrics(),
                           "the job's series")
                self.assertFalse(ended.exists())
                shutil.rmtree(folder.confd / "ourdb.d")
                agent.process.send_signal(signal.SIGHUP)
                wait_until(ended.exists, "the end of the job of a check that is gone")
                hang.touch()
                folder.check("ourdb", source)
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "it hangs" in agent.log(), "a job that hangs")
                status, seconds = agent.stop()
                self.assertEqual(status, 0)
                self.assertLess(seconds, SOON_S)

    def test_prints_do_not_get_into_the_output_of_a_command(self):
        with Folder() as folder:
            folder.check("prints", check_source("""\
                print("to stdout")
                print("to stderr", file=sys.stderr)
                os.write(1, b"to the descriptor\\n")
                subprocess.run(["echo", "from a child"])
            """, "import os\nimport subprocess\nimport sys"))
            _, said = self.check_json(folder, "prints")
            self.assertIn("to the descriptor\n", said)
            self.assertIn("from a child\n", said)
            self.assertIn("to stdout\n", said)
            self.assertIn("to stderr\n", said)

    def test_settings_of_the_agent_are_there_for_checks(self):
        with Folder() as folder:
            folder.check("asks", check_source("""\
                keys = ("tags", "log_level", "proxy", "my.own", "expvar_port", "tracemalloc_debug", "none")
                self.warning(repr([datadog_agent.get_config(key) for key in keys]))
            """, "import datadog_agent"))
            config = folder.config(f"confd_path: {folder.confd}\ntags: [a]\nenv: e\nmy: {{own: [1]}}\nproxy: {{http: 'http://p:1'}}\n")
            done = run(PROGRAM, "-c", config, "-l", "error", "check", "asks", "--json", env={"DD_EXPVAR_PORT": "7"})
            self.assertEqual(json.loads(done.stdout)[0]["runner"]["LastWarnings"],
                             ["[['a', 'env:e'], 'error', {'http': 'http://p:1'}, [1], 7, False, None]"])

    def test_tracemalloc_debug_runs_checks_one_after_the_other(self):
        with Folder() as folder:
            folder.check("asks", check_source("self.gauge('asks.enabled', datadog_agent.tracemalloc_enabled())",
                                              "import datadog_agent"))
            with Agent(PROGRAM, folder, "tracemalloc_debug: true\n") as agent:
                wait_until(lambda: "asks_enabled 1" in agent.metrics(), "the setting")


class DatadogBaseTest(unittest.TestCase):
    """A package laid out like Datadog's, and the real one where the machine has it."""

    def test_models_are_left_out_without_pydantic_2(self):
        """The package of models is there, with what needs none; without it the check would not load."""
        with Folder() as folder, tempfile.TemporaryDirectory() as site:
            models = pathlib.Path(site, "datadog_checks", "modelled", "config_models")
            models.mkdir(parents=True)
            (models.parent.parent / "__init__.py").write_text(
                "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
            (models / "__init__.py").write_text(
                "from pydantic import BaseModel, field_validator\n\n\nclass ConfigMixin:\n    models = True\n")
            (models / "defaults.py").write_text(
                "def instance_port():\n    return 9000\n\n\ndef instance_host(field, value):\n    return 'old'\n")
            (models.parent / "__init__.py").write_text(textwrap.dedent("""\
                from datadog_checks.base import AgentCheck
                from .config_models import ConfigMixin, defaults


                class Modelled(AgentCheck, ConfigMixin):
                    def check(self, _):
                        if hasattr(ConfigMixin, "models"):
                            self.warning("validated")
                        else:
                            self.warning("%s", [defaults.instance_port(), self.config.port, self.config.host,
                                                self.config.options.deep.list, self.config.nothing])
            """))
            folder.write("modelled.yaml", "init_config:\ninstances: [{options: {deep: {list: [1, 2]}}}]\n")
            done = run(PROGRAM, "--confd", folder.confd, "check", "modelled", "--json", env={"PYTHONPATH": site})
            self.assertIn(json.loads(done.stdout)[0]["runner"]["LastWarnings"],
                          (["[9000, 9000, 'old', (1, 2), None]"], ["validated"]))

    def test_a_folder_without_the_real_base_package_is_named(self):
        with Folder() as folder:
            folder.check("hello", check_source("self.gauge('hello', 1)"))
            done = run(PROGRAM, "--confd", folder.confd, "check", "hello", "--json",
                       env={"HEAPWATCH_DATADOG_CHECKS_BASE": str(folder.root)})
            self.assertEqual([one["metric"] for one in json.loads(done.stdout)[0]["aggregator"]["metrics"]], ["hello"])
            self.assertIn(f"HEAPWATCH_DATADOG_CHECKS_BASE={folder.root}: no datadog_checks/base is there", done.stderr)

    def test_the_real_base_package_runs_a_check(self):
        base = os.environ.get("HEAPWATCH_DATADOG_CHECKS_BASE")
        if not base:
            return  # nobody has it from Debian; what can be shown without it is shown above
        with Folder() as folder:
            folder.check("files", TWENTY_LINES, "[{folder: /, tags: [a:b]}]")
            done = run(PROGRAM, "--confd", folder.confd, "check", "files", "--json")
            answer = json.loads(done.stdout)
            self.assertEqual(answer[0]["runner"]["LastError"], "")
            self.assertEqual([one["metric"] for one in answer[0]["aggregator"]["metrics"]], ["files.count", "files.bytes"])
            folder.check("whose", "import datadog_checks.base\n" +
                         check_source("self.warning(datadog_checks.base.__file__)"), "[{}]")
            done = run(PROGRAM, "--confd", folder.confd, "check", "whose", "--json")
            where = json.loads(done.stdout)[0]["runner"]["LastWarnings"][0]
            self.assertTrue(where.startswith(os.path.abspath(base)), where)


class InstalledTreeTest(unittest.TestCase):
    def test_an_installed_program_finds_its_module_and_packages(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as prefix:
            built = pathlib.Path(PROGRAM).resolve().parent.parent
            subprocess.run(["cmake", "--install", str(built), "--prefix", prefix], check=True, capture_output=True)
            folder.check("hello", check_source("self.gauge('hello', 1)"))
            done = run(os.path.join(prefix, "bin", "heapwatch"), "--confd", folder.confd, "check", "hello", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            os.remove(os.path.join(prefix, "lib", "heapwatch", "heapwatch_python.so"))
            done = run(os.path.join(prefix, "bin", "heapwatch"), "--confd", folder.confd, "check", "hello")
            self.assertIn(f"cannot load Python: there is neither {prefix}/lib/heapwatch/heapwatch_python.so nor", done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

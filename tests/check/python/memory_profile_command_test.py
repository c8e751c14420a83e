"""`heapwatch check <name> -m` and --objects as commands: folders, failures, flags: python3 memory_profile_command_test.py HEAPWATCH."""
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tracemalloc
import unittest

from memory_profile_fixture import CHECKS, HEAPWATCH, MemoryTest
import agent as testing


class Folders(MemoryTest):
    def test_every_instance_is_profiled_into_a_folder_of_its_own(self):
        self.instances("exact", [self.STEPS, {**self.STEPS, "name": "a b"}, {**self.STEPS, "name": "../../x"}])
        for folder, cwd in (("given", self.folder.root), (self.folder.root / "absolute", None)):
            text = self.report("exact", "-m", "-t", "2", "-m-dir", folder, cwd=cwd)
            self.assertEqual(text.count("Top 30 lines\n"), 3)
            self.assertIn("Multiple check instances found, running each of them\n", text)
            root = self.folder.root / folder
            self.assertEqual([path.name for path in root.iterdir()], ["exact"])
            found = sorted(path for path in (root / "exact").iterdir())
            self.assertEqual(len(found), 3)
            self.assertRegex(" ".join(path.name for path in found), r"^\.\._\.\._x_[0-9a-f]+ [0-9a-f]+ a b_[0-9a-f]+$|"
                                                                    r"^\.\._\.\._x_[0-9a-f]+ a b_[0-9a-f]+ [0-9a-f]+$")
            for path in found:
                self.assertEqual(sorted(part.name for part in path.iterdir()),
                                 ["diffs", "growth", "last-snapshot", "snapshots"])
                names = sorted(part.name for part in (path / "snapshots").iterdir())
                self.assertEqual(len(names), 2)
                self.assertRegex(names[0], r"^snapshot_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d_\d{6}$")
                self.assertIn((path / "snapshots" / names[-1]).read_text(), text)
                snapshot = tracemalloc.Snapshot.load(str(path / "last-snapshot"))
                lines = {(stat.traceback[0].filename, stat.traceback[0].lineno): stat.size
                         for stat in snapshot.statistics("lineno")}
                self.assertEqual(lines[str(CHECKS / "exact.py"), 12], 5057)
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_nothing_is_left_behind_whatever_ends_the_command(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            began = self.folder.root / f"began_{number}"
            self.instances("shapes", [{"does": "leaks waits", "file": str(began)}])
            process = subprocess.Popen(
                [HEAPWATCH, "-c", str(self.config), "check", "shapes", "-m"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=testing.clean_environment(TMPDIR=str(self.temporary), PYTHONDONTWRITEBYTECODE="1"),
            )
            try:
                testing.wait_until(lambda: began.exists() or process.poll() is not None, "the run")
                process.send_signal(number)
                process.communicate(timeout=testing.PATIENCE_S)
            finally:
                process.kill()
            with self.subTest(number=number):
                self.assertEqual((process.returncode, list(self.temporary.iterdir())), (-number, []))

    def test_the_next_command_compares_with_the_last_one(self):
        self.instances("exact", [self.STEPS])
        folder = self.folder.root / "kept"
        self.assertNotIn("line diffs", self.report("exact", "-m", "-m-dir", folder))
        self.assertIn("line diffs", self.report("exact", "-m", "-m-dir", folder))

    def test_a_last_snapshot_that_is_none_is_not_executed(self):
        self.instances("exact", [self.STEPS])
        folder = self.folder.root / "kept"
        self.report("exact", "-m", "-m-dir", folder)
        (last,) = folder.glob("exact/*/last-snapshot")
        trap = self.folder.root / "trapped"

        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(trap),)

        for content in (pickle.dumps(Trap()), b"garbage", b"", pickle.dumps({"a": 1})):
            last.write_bytes(content)
            result = self.check("exact", "-m", "-m-dir", folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("last-snapshot is not compared with: ", result.stderr)
            self.assertNotIn("line diffs", result.stdout)
            self.assertFalse(trap.exists())
            self.assertTrue(tracemalloc.Snapshot.load(str(last)).traces)

    def test_a_folder_that_cannot_be_is_refused(self):
        self.instances("exact", [self.STEPS])
        file = self.folder.write("file", "")
        result = self.check("exact", "-m", "-m-dir", file)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"--m-dir must be a folder, and {file} is none", result.stderr)

    def test_profile_memory_in_a_configuration_writes_reports_without_the_flag(self):
        folder = self.folder.root / "configured"
        self.instances("exact", [self.STEPS], {"profile_memory": str(folder), "limit": 7})
        self.report("exact", "-t", "2")
        reports = sorted(folder.glob("exact/*/*/*"))
        self.assertEqual([path.parent.name for path in reports], ["diffs", "snapshots", "snapshots"])
        self.assertTrue(reports[1].read_text().startswith("Top 7 lines\n"))


class Failures(MemoryTest):
    def test_a_failing_check_shows_its_own_error_and_others_their_reports(self):
        self.instances("leaky", [{"name": "good"}, {"name": "bad", "fail": True}, {"name": "ugly", "exit": True}])
        folder = self.folder.root / "kept"
        result = self.check("leaky", "-m", "-m-dir", folder)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.count("Top 30 lines\n"), 1)
        self.assertRegex(result.stderr, r"heapwatch: leaky:bad:[0-9a-f]+: no luck with bad\nTraceback ")
        self.assertRegex(result.stderr, r"heapwatch: leaky:ugly:[0-9a-f]+: error invoking 'run' method: (.|\n)*SystemExit: 3")
        self.assertEqual([path.name.split("_")[0] for path in (folder / "leaky").iterdir()], ["good"])

    def test_a_native_check_has_no_such_profile(self):
        self.folder.write("go_expvar.d/conf.yaml", "instances:\n- expvar_url: http://127.0.0.1:1/debug/vars\n")
        for flag, reason in (("-m", "it is not written in Python, and -m looks into Python alone"),
                             ("--objects", "no Python check is loaded")):
            result = self.check("go_expvar", flag)
            self.assertEqual(result.returncode, 1)
            self.assertIn(reason, result.stderr)

    def test_checks_that_fight_the_profiler_only_lose(self):
        for does in ("nests_deeply", "uses_tracemalloc", "turns_collector", "runs_others_in_threads", "has_odd_sizes", "recurses"):
            self.instances("hostile", [{"does": does}])
            with self.subTest(does=does):
                self.assertIn("Total allocated size: ", self.report("hostile", "-m", "-t", "3", "-m-frames", "3"))
        self.instances("hostile", [{"does": "replaces_imports"}])
        result = self.check("hostile", "-m", "-t", "2")
        self.assertIn("ModuleNotFoundError", result.stderr)

    def test_without_success_the_live_metric_stays_away(self):
        self.configure("tracemalloc_debug: true\n")
        for instance, times in (({"name": "x"}, 2), ({"name": "x", "fail": True}, 0)):
            self.instances("leaky", [instance])
            out = self.check("leaky", "--dogstatsd", "-t", "2").stdout
            self.assertEqual(out.count("datadog.agent.profile.memory.check_run_alloc:"), times)

    def test_the_lists_of_checks_choose_who_is_profiled(self):
        self.instances("leaky", [{}])
        for lists, is_profiled in (
            ("tracemalloc_include: leaky", True),
            ("tracemalloc_include: ' other , leaky '", True),
            ("tracemalloc_include: other", False),
            ("tracemalloc_include: Leaky", False),
            ("tracemalloc_exclude: leaky", False),
            ("tracemalloc_include: leaky\ntracemalloc_exclude: leaky", False),
            ("tracemalloc_whitelist: other", False),
            ("tracemalloc_blacklist: leaky", False),
            ("tracemalloc_whitelist: other\ntracemalloc_include: leaky", True),
        ):
            self.configure(f"tracemalloc_debug: true\n{lists}\n")
            out = self.report("leaky", "--dogstatsd")
            with self.subTest(lists=lists):
                self.assertEqual("check_run_alloc" in out, is_profiled)


class Flags(MemoryTest):
    def test_flags_are_taken_with_one_dash_and_with_two_and_stay_off_the_help(self):
        self.instances("exact", [self.STEPS])
        for flags in (["-m-limit", "2"], ["-m-limit=2"], ["--m-limit", "2"], ["--m-limit=2"]):
            self.assertIn("Top 2 lines\n", self.report("exact", "--profile-memory", *flags))
            self.assertIn("Top 2 lines\n", self.report(*flags, "exact", "-m"))
        self.assertIn("Top 30 lines\n", self.report("exact", "-m", "-m-limit", ""))
        shown = self.report("--help")
        self.assertIn("-m,--profile-memory", shown)
        self.assertNotIn("m-limit", shown)
        self.assertNotIn("m-dir", shown)

    def test_wrong_values_are_refused_in_the_agents_words(self):
        self.instances("exact", [self.STEPS])
        for flags, words in (
            (["-m-frames", "x"], "--m-frames must be an integer"),
            (["-m-gc", "yes"], "--m-gc must be an integer"),
            (["-m-combine", "1.5"], "--m-combine must be an integer"),
            (["-m-combine", "1", "-m-sort", "traceback"], "--m-combine cannot be sorted (--m-sort) by traceback"),
            (["-m-sort", "size"], "--m-sort must one of: lineno | filename | traceback"),
            (["-m-limit", "1e3"], "--m-limit must be an integer"),
            (["-m-diff", "negative"], "--m-diff must one of: absolute | positive"),
            (["-m-verbose", "on"], "--m-verbose must be an integer"),
            (["-m-verbose", "on", "-m-frames", "x"], "--m-frames must be an integer"),
            (["-m-frames", "65536"], "--m-frames must be in range [1; 65535]"),
            (["-m-profiler", "fast"], "--m-profiler must be one of: native | tracemalloc"),
        ):
            result = self.check("exact", "-m", *flags)
            with self.subTest(flags=flags):
                self.assertEqual((result.returncode, result.stderr, result.stdout), (1, f"heapwatch: {words}\n", ""))
        self.assertNotEqual(self.check("exact", "-m-limit", "3").returncode, 0)


class Objects(MemoryTest):
    def test_objects_are_counted_by_type_and_by_difference(self):
        self.instances("leaky", [{"name": "one"}])
        text = self.report("leaky", "--objects", "-t", "3")
        tables = text.split("Difference after run ")
        self.assertEqual(len(tables), 3)
        self.assertTrue(tables[0].startswith("Python objects after run 1\n   Objects        Bytes  Type\n"))
        rows = re.findall(r"^ +([+-]?\d+) +([+-]?\d+)  (.+)$", tables[0], re.MULTILINE)
        self.assertEqual(len(rows), 32)
        self.assertEqual(sum(int(row[0]) for row in rows[:-1]), int(rows[-1][0]))
        self.assertEqual(sum(int(row[1]) for row in rows[:-1]), int(rows[-1][1]))
        self.assertEqual(rows[-1][2], "(all)")
        sizes = {row[2]: int(row[1]) for row in rows}
        self.assertGreater(sizes["bytes"], 300 * 1024)
        self.assertGreater(sizes["dict"], 10_000)
        for table in tables[1:]:
            self.assertRegex(table, r"\n +\+1 +\+307233  bytes\n")


    def test_pymplers_rows_are_summed_and_not_multiplied(self):
        pympler = self.folder.root / "checks.d" / "pympler"
        pympler.mkdir(parents=True)
        (pympler / "__init__.py").write_text("")
        (pympler / "tracker.py").write_text(
            "class SummaryTracker:\n    def create_summary(self):\n"
            "        return [['dict', 3, 600], ['function (f)', 2, 280], ['dict', 1, 64]]\n"
        )
        self.instances("leaky", [{"name": "one"}])
        self.assertEqual(
            self.report("leaky", "--objects"),
            "Python objects after run 1\n   Objects        Bytes  Type\n         4          664  dict\n"
            "         2          280  function (f)\n         6          944  (all)\n\n",
        )

    def test_the_status_of_an_agent_has_a_section_of_them(self):
        self.instances("leaky", [{"name": "one"}])
        with testing.Agent(HEAPWATCH, self.folder, f"run_path: {self.folder.root}\nadditional_checksd: {CHECKS}\n",
                           env={"PYTHONDONTWRITEBYTECODE": "1"}) as agent:
            page = f"http://127.0.0.1:{agent.port}/status"
            text = testing.wait_until(lambda: (lambda t: "Python Objects" in t and t)(testing.fetch(page)), "objects")
            self.assertRegex(text, r"\nPython Objects\n==============\n\n   Objects        Bytes  Type\n( +\d+ +\d+  .+\n){17}")
            types = {row["Type"]: row for row in json.loads(testing.fetch(page + "?format=json"))["pythonObjects"]}
            self.assertGreater(types["dict"]["NObjects"], 100)
            self.assertGreater(types["dict"]["Size"], 64 * types["dict"]["NObjects"])


class ForeignBase(MemoryTest):
    """A base package that profiles by itself, as Datadog's does, and writes where that one writes."""

    BASE = '''
import copy, json, os, traceback, tracemalloc
import aggregator, datadog_agent
class AgentCheck:
    def __init__(self, name, init_config, instances):
        self.name, self.init_config, self.instances = name, init_config, instances
        self.check_id, self.warnings = "", []
        import logging
        self.log = logging.getLogger(name)
    check_version = "9.9.9"
    def gauge(self, name, value, tags=None, hostname=None, raw=False):
        aggregator.submit_metric(self, self.check_id, 0, name, value, tags or [], hostname or "", False)
    def get_warnings(self):
        return []
    def cancel(self):
        pass
    def run(self):
        try:
            instance = copy.deepcopy(self.instances[0])
            if "profile_memory" in self.init_config or datadog_agent.tracemalloc_enabled():
                tracemalloc.start(int(self.init_config.get("profile_memory_frames", 100)))
                self.check(instance)
                self.gauge("theirs.frames", tracemalloc.get_traceback_limit())
                tracemalloc.stop()
            else:
                self.check(instance)
            return ""
        except Exception as error:
            return json.dumps([{"message": str(error), "traceback": traceback.format_exc()}])
'''

    CHECK = '''
from datadog_checks.base import AgentCheck
import datadog_agent
class Foreign(AgentCheck):
    kept = []
    def check(self, instance):
        self.kept.append(bytes(100000))
        self.gauge("foreign.enabled", int(datadog_agent.tracemalloc_enabled()))
        if instance.get("fail"):
            raise ValueError("no luck")
'''

    def setUp(self):
        super().setUp()
        base = self.folder.root / "theirs" / "datadog_checks"
        (base / "base").mkdir(parents=True)
        (base / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
        (base / "base" / "__init__.py").write_text(self.BASE)
        (base / "checks.py").write_text("from datadog_checks.base import AgentCheck\n")
        (self.folder.root / "checks.d").mkdir()
        (self.folder.root / "checks.d" / "foreign.py").write_text(self.CHECK)
        self.env = {"HEAPWATCH_DATADOG_CHECKS_BASE": str(self.folder.root / "theirs")}

    def test_its_checks_are_profiled_as_ours(self):
        self.instances("foreign", [{"name": "a"}, {"name": "b", "fail": True}])
        result = self.check("foreign", "-m", "-t", "3", env=self.env)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"Top 30 lines\n\n#1: \S+foreign.py:7: 97.\d\d KiB\n")
        self.assertRegex(result.stdout, r"foreign.py:7: \+97.\d\d KiB a run, grew in 2 of 2 runs")
        self.assertIn("no luck", result.stderr)

    def test_the_live_metric_is_ours_unless_its_own_tracer_is_asked_for(self):
        self.configure("tracemalloc_debug: true\n")
        self.instances("foreign", [{"name": "a"}])
        out = self.report("foreign", "--dogstatsd", env=self.env)
        self.assertRegex(out, r"datadog.agent.profile.memory.check_run_alloc:100\d\d\d(\.\d+)?\|g\|#check_name:foreign,check_version:9.9.9")
        self.assertIn("foreign.enabled:1|g", out)
        self.assertNotIn("theirs.frames", out)
        self.instances("foreign", [{"name": "a"}], {"profiler": "tracemalloc", "frames": 7})
        out = self.report("foreign", "--dogstatsd", env=self.env)
        self.assertIn("theirs.frames:7|g", out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])

"""The one-shot commands, run as their users run them."""
import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import Agent, Confd, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = GO_TARGET = ""
SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "conf.d"
GUIDE = """init_config:
instances:
  - expvar_url: %s
    namespace: datadog.agent
    memstats: false
    metrics:
      - path: rtloader/AllocatedBytes
        type: monotonic_counter
      - path: rtloader/FreedBytes
        type: monotonic_counter
      - path: rtloader/Allocations
        type: monotonic_counter
      - path: rtloader/Frees
        type: monotonic_counter
      - path: rtloader/InuseBytes
        type: gauge
      - path: rtloader/UntrackedFrees
        type: monotonic_counter
"""
PAGE = (b'{"rtloader": {"AllocatedBytes": 1000, "FreedBytes": 400, "Allocations": 10, "Frees": 4, '
        b'"InuseBytes": 600, "UntrackedFrees": 0}}')
LATER = (b'{"rtloader": {"AllocatedBytes": 1500, "FreedBytes": 500, "Allocations": 15, "Frees": 5, '
         b'"InuseBytes": 1000, "UntrackedFrees": 1}}')


class CheckCommandTest(unittest.TestCase):
    maxDiff = None

    def check(self, *arguments, pages=(PAGE,), conf=GUIDE):
        with Pages({"/debug/vars": list(pages)}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", conf % served.url())
            return run(PROGRAM, "--confd", folder.confd, "-l", "off", "check", *arguments)

    def test_one_run_shows_the_gauge_and_says_what_it_cannot_show(self):
        done = self.check("go_expvar")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"metric": "datadog.agent.rtloader.inusebytes"', done.stdout)
        self.assertNotIn('"metric": "datadog.agent.rtloader.allocatedbytes"', done.stdout)
        self.assertIn("--check-rate", done.stdout)
        self.assertIn("datadog.agent.rtloader.allocatedbytes", done.stdout)

    def test_check_rate_shows_all_six_series_of_the_guide(self):
        done = self.check("go_expvar", "-r", "--json", pages=(PAGE, LATER))
        series = {one["metric"]: one for one in json.loads(done.stdout)[0]["aggregator"]["metrics"]}
        values = {name: one["points"][0][1] for name, one in series.items()}
        self.assertEqual(values, {
            "datadog.agent.rtloader.allocatedbytes": 500, "datadog.agent.rtloader.freedbytes": 100,
            "datadog.agent.rtloader.allocations": 5, "datadog.agent.rtloader.frees": 1,
            "datadog.agent.rtloader.inusebytes": 1000, "datadog.agent.rtloader.untrackedfrees": 1})
        self.assertEqual(series["datadog.agent.rtloader.allocatedbytes"]["type"], "count")
        self.assertEqual(series["datadog.agent.rtloader.inusebytes"]["type"], "gauge")

    def test_table(self):
        done = self.check("go_expvar", "--table")
        rows = [line.split() for line in done.stdout.splitlines() if line]
        self.assertEqual(rows.pop(0), ["===", "Series", "==="])
        self.assertEqual(rows[0], ["METRIC", "TYPE", "TIMESTAMP", "VALUE", "TAGS"])
        self.assertEqual((rows[1][0], rows[1][1], rows[1][3]), ("datadog.agent.rtloader.inusebytes", "gauge", "600"))

    def test_dogstatsd_prints_the_datagrams(self):
        done = self.check("go_expvar", "-t", "2", "--dogstatsd", pages=(PAGE, LATER))
        lines = [line.split("#")[0] for line in done.stdout.splitlines()]
        self.assertIn("datadog.agent.rtloader.allocatedbytes:500|c|", lines)
        self.assertIn("datadog.agent.rtloader.inusebytes:600|g|", lines)

    def test_prometheus_prints_the_page(self):
        done = self.check("go_expvar", "--prometheus")
        self.assertIn("# TYPE datadog_agent_rtloader_allocatedbytes_total counter\n", done.stdout)
        self.assertRegex(done.stdout, r"\ndatadog_agent_rtloader_allocatedbytes_total\{[^}]*\} 1000\n")
        self.assertRegex(done.stdout, r"\ndatadog_agent_rtloader_inusebytes\{[^}]*\} 600\n")

    def test_an_instance_filter_chooses_among_instances(self):
        conf = "instances:\n  - {expvar_url: '%s', namespace: one}\n  - {expvar_url: 'http://127.0.0.1:1', namespace: two}\n"
        done = self.check("go_expvar", "--instance-filter", "namespace=one", "--json", conf=conf)
        self.assertEqual(len(json.loads(done.stdout)), 1)
        none = self.check("go_expvar", "--instance-filter", "namespace=three", conf=conf)
        self.assertNotEqual(none.returncode, 0)
        self.assertIn("namespace=three", none.stderr)

    def test_a_target_that_is_down_is_an_error_in_the_status_block(self):
        done = self.check("go_expvar", conf="instances:\n  - expvar_url: http://127.0.0.1:1/%.0s\n")
        self.assertIn("[ERROR]", done.stdout)
        self.assertIn("127.0.0.1:1", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_an_unknown_check_names_the_known_ones(self):
        done = self.check("go_expvr")
        self.assertEqual(done.returncode, 1)
        self.assertIn('no valid check found', done.stderr)
        self.assertIn('did you mean "go_expvar"?', done.stderr)

    def test_a_check_that_is_not_there_names_where_it_was_looked_for(self):
        with Confd() as folder:
            done = run(PROGRAM, "--confd", folder.confd, "check", "leaky")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'there is no check "leaky": there is neither its configuration, {folder.confd}/leaky.d/conf.yaml, nor '
                          "its code, ", done.stderr)
            self.assertIn(f"{folder.root}/checks.d/leaky.py", done.stderr)
            (folder.root / "checks.d").mkdir()
            (folder.root / "checks.d/leaky.py").write_text("")
            done = run(PROGRAM, "--confd", folder.confd, "check", "leaky")
            self.assertIn(f'there is no check "leaky": {folder.root}/checks.d/leaky.py is there, and its configuration is missing; '
                          f"write {folder.confd}/leaky.d/conf.yaml with at least\n", done.stderr)
            done = run(PROGRAM, "--confd", folder.confd, "check", "go_expvar")
            self.assertIn(f"no file of {folder.confd} configures go_expvar; write {folder.confd}/go_expvar.d/conf.yaml", done.stderr)
            folder.write("absent.yaml", "init_config:\ninstances: [{}]\n")
            done = run(PROGRAM, "--confd", folder.confd, "check", "absent")
            self.assertIn('absent.yaml:2:13: there is no check "absent"', done.stderr)
            self.assertIn(f"there is no module absent nor datadog_checks.absent in {folder.root}/checks.d nor among what is "
                          "installed", done.stderr)

    def test_errors_of_other_checks_are_left_to_configcheck(self):
        with Pages({"/debug/vars": [PAGE]}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", GUIDE % served.url())
            folder.write("other.d/conf.yaml", "instances: {}\n")
            folder.write("another.yaml", "instances:\n  - a: ENC[h]\n")
            done = run(PROGRAM, "--confd", folder.confd, "check", "go_expvar")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = run(PROGRAM, "--confd", folder.confd, "check", "other")
            self.assertEqual(done.returncode, 1)
            self.assertIn("other.d/conf.yaml:1:12: ", done.stderr)
            self.assertNotIn("another.yaml", done.stderr)
            self.assertIn(f"no instance of other in {folder.confd} can run", done.stderr)

    def test_memory_profiling_of_a_native_check_says_where_its_memory_is(self):
        done = self.check("go_expvar", "-m")
        self.assertEqual(done.returncode, 1)
        self.assertIn("it is not written in Python, and -m looks into Python alone. What native code of heapwatch holds is on "
                      "the agent's /debug/memtrack and /debug/pprof/heap; the memory of a Go process that go_expvar watches is its "
                      "own: heapwatch pprof grow HOST:PORT", done.stderr)

    def test_a_broken_configuration_is_told_with_its_place(self):
        done = self.check("go_expvar", conf="instances:\n  - expvar_url: %s\n    metrics: guage\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("conf.yaml:3:14: ", done.stderr)
        self.assertIn("must be a list of maps", done.stderr)

    def test_one_wrong_entry_costs_itself_alone(self):
        conf = ("instances:\n  - expvar_url: %s\n    memstats: false\n    metrics:\n      - path: rtloader/Frees\n"
                "        type: guage\n      - path: rtloader/InuseBytes\n")
        done = self.check("go_expvar", conf=conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"metric": "go_expvar.rtloader.inusebytes"', done.stdout)
        told = 'conf.yaml:6:15: unknown metric type "guage"; did you mean "gauge"?'
        self.assertIn(told, done.stderr)
        self.assertRegex(done.stdout, r"Warning: +this entry is left out: \S+" + told.replace("?", r"\?"))
        with Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", conf % "http://localhost:1")
            checked = run(PROGRAM, "--confd", folder.confd, "configcheck")
        self.assertEqual(checked.returncode, 1)
        self.assertIn(told, checked.stdout)
        self.assertIn("1 instance can run, 1 error, 0 warnings", checked.stdout)


class ConfigcheckTest(unittest.TestCase):
    def test_every_error_is_shown_and_the_command_fails(self):
        with Confd() as folder:
            folder.write("go_expvar.d/a.yaml", "instances:\n  - expvar_url: http://h:1\n    namspace: x\n")
            folder.write("go_expvar.d/b.yaml", "instances:\n  - expvar_url: [1]\n")
            folder.write("go_expvar.d/c.yaml", "instances: {}\n")
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
        self.assertEqual(done.returncode, 1)
        self.assertIn('a.yaml:3:5: ', done.stdout)
        self.assertIn('did you mean "namespace"?', done.stdout)
        self.assertIn("b.yaml:2:", done.stdout)
        self.assertIn("c.yaml:1:", done.stdout)
        self.assertIn("=== go_expvar check ===", done.stdout)

    def test_a_good_configuration_passes_without_its_secrets(self):
        with Confd() as folder:
            folder.write("go_expvar.d/a.yaml", "instances:\n  - expvar_url: http://user:hunter2@h:1\n"
                         "    username: user\n    password: hunter2\n    tags: [a]\n")
            done = run(PROGRAM, "--confd", folder.confd, "configcheck")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Config for instance ID: go_expvar:", done.stdout)
        self.assertNotIn("hunter2", done.stdout + done.stderr)

    def test_every_shipped_example_is_right_as_it_stands_and_with_its_comments_in_force(self):
        option = re.compile(r"^(\s*)# (\s*- \w+:|\s*\w+:)(.*)$", re.M)
        examples = sorted(SHIPPED.rglob("*.yaml*"))
        self.assertGreaterEqual(len(examples), 3)
        for example in examples:
            text = example.read_text()
            for form in {text, option.sub(r"\1\2\3", text)}:
                with self.subTest(example=example.name, whole=form is text), Confd() as folder:
                    folder.write(f"{example.parent.name}/example.yaml", form)
                    backend = folder.root / "backend"
                    backend.write_text('#!/bin/sh\nread -r _; echo \'{"page_password": {"value": "x"}}\'\n')
                    backend.chmod(0o700)
                    config = folder.config(f"confd_path: {folder.confd}\nsecret_backend_command: {backend}\n")
                    done = run(PROGRAM, "-c", config, "configcheck")
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertIn(", 0 errors, 0 warnings\n", done.stdout)
                    self.assertIn("Config for instance ID: ", done.stdout)


class VarsTest(unittest.TestCase):
    def test_a_path_prints_what_jq_would(self):
        with Pages({"/debug/vars": PAGE}) as served:
            done = run(PROGRAM, "vars", served.url(), "rtloader")
            self.assertEqual(json.loads(done.stdout)["InuseBytes"], 600)
            done = run(PROGRAM, "vars", f"127.0.0.1:{served.port}", "rtloader/InuseBytes")
            self.assertEqual(done.stdout, "600\n")

    def test_a_pattern_prints_every_match_with_its_path(self):
        with Pages({"/debug/vars": PAGE}) as served:
            done = run(PROGRAM, "vars", served.url(), "rtloader/.*Bytes")
        self.assertEqual(done.stdout, "rtloader/AllocatedBytes 1000\nrtloader/FreedBytes 400\nrtloader/InuseBytes 600\n")

    def test_watch_shows_the_change_per_second(self):
        with Pages({"/debug/vars": [PAGE, LATER]}) as served:
            done = run(PROGRAM, "vars", served.url(), "rtloader/AllocatedBytes", "--watch", "-n", 2, "-i", 100)
        self.assertRegex(done.stdout.splitlines()[-1], r"rtloader/AllocatedBytes +1500 +\+[\d.]+/s")

    def test_a_missing_path_names_the_nearest_keys(self):
        with Pages({"/debug/vars": PAGE}) as served:
            done = run(PROGRAM, "vars", served.url(), "rtloader/Inuse")
        self.assertEqual(done.returncode, 1)
        self.assertIn("InuseBytes", done.stderr)

    def test_a_real_go_program(self):
        with GoProgram(GO_TARGET) as go:
            done = run(PROGRAM, "vars", go.url(), "memstats/HeapInuse")
        self.assertGreater(int(done.stdout), 0)


class StatusTest(unittest.TestCase):
    def test_status_of_a_running_agent(self):
        with Pages({"/debug/vars": PAGE}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", GUIDE % served.url())
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\n") as agent:
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["runs"] > 1, "two runs")
                done = run(PROGRAM, "-c", agent.config_file, "status")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Running Checks", done.stdout)
                self.assertRegex(done.stdout, r"Instance ID: go_expvar:datadog\.agent:[0-9a-f]+ \[OK\]")
                self.assertRegex(done.stdout, r"Metric Samples: Last Run: 6, Total: \d+")
                done = run(PROGRAM, "-c", agent.config_file, "status", "--json")
                self.assertIn("go_expvar", json.dumps(json.loads(done.stdout)))

    def test_without_an_agent_it_says_so(self):
        with Confd() as folder:
            config = folder.config("expvar_port: 1\n")
            done = run(PROGRAM, "-c", config, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no agent answers at http://127.0.0.1:1/status", done.stderr)


class HelpTest(unittest.TestCase):
    def test_help_lists_the_commands(self):
        done = run(PROGRAM, "--help")
        for command in ("run", "check", "configcheck", "status", "vars"):
            self.assertRegex(done.stdout, rf"\n  {command}[ ,]")

    def test_an_unknown_subcommand_names_the_nearest(self):
        done = run(PROGRAM, "rnu")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr, 'heapwatch: unknown subcommand "rnu"; did you mean "run"?\n'
                                      "Run with --help for more information.\n")

    def test_a_file_or_folder_that_is_named_must_be_there(self):
        for option in ("--config", "--confd"):
            done = run(PROGRAM, option, "/no/such", "run")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"{option}: ", done.stderr)
            self.assertIn("does not exist: /no/such\n", done.stderr)

    def test_a_wrong_option_is_refused_with_a_sentence(self):
        done = run(PROGRAM, "--log-level", "loud", "run")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('"loud" is none of trace, debug, info, warn, error, critical, off', done.stderr)


if __name__ == "__main__":
    PROGRAM, GO_TARGET = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()

"""Shared-library checks: those of others in heapwatch, ours in another host, and `heapwatch plugin check`."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import Agent, Confd, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

HEAPWATCH = SAMPLE = HOST = OURS = ""
FLAGS = []
VERSION = 'const char* Version(const char** error) { (void)error; return "1"; }\n'
RUN = ("void Run(char* a, char* b, char* c, const void* d, const char** e)"
       " { (void)a, (void)b, (void)c, (void)d, (void)e; }\n")


def compile_c(folder, name, source, file_name=None):
    """The library of a check, built by the C compiler alone."""
    code = folder / f"{name}.c"
    code.write_text(source)
    library = folder / (file_name or f"libdatadog-agent-{name}.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *FLAGS, "-o", library, code],
                   check=True)
    return library


class Checks(Confd):
    """A folder with conf.d and checks.d."""

    def __init__(self):
        super().__init__()
        self.checks = self.root / "checks.d"
        self.checks.mkdir()
        self.checks.chmod(0o755)

    def add(self, library, name):
        path = self.checks / f"libdatadog-agent-{name}.so"
        shutil.copy(library, path)
        path.chmod(0o755)
        return path

    def check(self, name, *arguments, extra=""):
        config = self.config(f"confd_path: {self.confd}\n{extra}")
        return run(HEAPWATCH, "-c", config, "check", name, *arguments)


ECHO = r"""
#include <stdlib.h>
#include <string.h>

#include "check/shared_library/abi.h"

const char* Version(const char** error) { (void)error; return "1"; }
/* Says all that it was configured with. */
void Run(char* id, char* init_config, char* instance, const aggregator_t* to, const char** error) {
  char* const tags[] = {instance, NULL};
  (void)init_config;
  to->submit_metric(id, 0, "echo.one", 1, (char**)tags, "", 0);
  to->submit_service_check(id, "echo.up", 2, (char**)tags, "", instance);
  to->log(instance, 40);
  *error = strdup(instance);
}
"""


class PluginsTest(unittest.TestCase):
    maxDiff = None

    def test_secrets_of_a_library_are_shown_nowhere_by_what_it_says(self):
        with Checks() as folder:
            backend = folder.root / "backend"
            backend.write_text("#!/bin/sh\ncat >/dev/null\nprintf '%s' "
                               "'{\"u\":{\"value\":\"http://127.0.0.1:1/s3cret-path?key=s3cret-key\"}}'\n")
            backend.chmod(0o700)
            folder.add(compile_c(folder.root, "echo", ECHO), "echo")
            folder.write("echo.d/conf.yaml", "init_config:\ninstances:\n  - {url: 'ENC[u]', kept: word}\n")
            for form in ((), ("--json",), ("--dogstatsd",), ("--prometheus",)):
                done = folder.check("echo", *form, extra=f"secret_backend_command: {backend}\n")
                self.assertIn("ENC[u]", done.stdout + done.stderr, form)
                self.assertNotIn("s3cret", done.stdout + done.stderr, form)
            self.assertIn("word", done.stdout + done.stderr)

    def test_a_library_built_by_a_c_compiler_runs(self):
        with Checks() as folder:
            folder.add(SAMPLE, "sample")
            folder.write("sample.d/conf.yaml", "init_config:\ninstances:\n  - tags: ['from:instance']\n")
            result = folder.check("sample", "--json", "-r")
            self.assertEqual(result.returncode, 0, result.stderr)
            instance = json.loads(result.stdout)[0]
            series = {s["metric"]: (s["points"][0][1], s["type"], sorted(s["tags"])) for s in instance["aggregator"]["metrics"]}
            tags = ["bare", "color:red", "from:instance"]
            self.assertEqual(series["sample.type0"], (3, "gauge", tags))
            self.assertEqual(series["sample.type2"], (3, "count", tags))
            self.assertEqual(series["sample.type3"], (1.5, "count", tags))
            self.assertEqual(series["sample.type4"], (3, "rate", tags))
            self.assertEqual(series["sample.type5.max"], (3, "gauge", tags))
            self.assertIn("sample.type1", series)
            self.assertIn("sample.type6.max", series)
            self.assertNotIn("sample.lost", series)
            self.assertNotIn("sample.unknown", series)
            elsewhere = [s for s in instance["aggregator"]["metrics"] if s["metric"] == "sample.elsewhere"][0]
            self.assertEqual((elsewhere["host"], elsewhere["tags"]), ("db1", ["from:instance"]))
            ready = instance["aggregator"]["service_checks"][0]
            self.assertEqual((ready["check"], ready["status"], ready["message"]), ("sample.ready", 1, "nearly"))
            event = instance["aggregator"]["events"][0]
            self.assertEqual((event["msg_title"], event["alert_type"], event["timestamp"]), ("Title", "warning", 1700000000))
            self.assertIn("no secret", result.stderr)

    def test_secrets_reach_the_library_and_not_the_log(self):
        with Checks() as folder:
            folder.add(SAMPLE, "sample")
            backend = folder.root / "backend"
            backend.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"h": {"value": "the secret"}}\'\n')
            backend.chmod(0o700)
            folder.write("sample.d/conf.yaml", "init_config: {token: 'ENC[h]'}\ninstances:\n  - {}\n")
            result = folder.check("sample", extra=f"secret_backend_command: {backend}\n")
            self.assertIn("saw the secret", result.stderr)
            self.assertNotIn("the secret\n", result.stderr.replace("saw the secret", ""))

    def test_what_a_run_says_is_wrong_is_the_error_of_the_check(self):
        with Checks() as folder:
            folder.add(SAMPLE, "sample")
            folder.write("sample.d/conf.yaml", "init_config:\ninstances:\n  - fail: true\n    min_collection_interval: 0.1\n")
            with Agent(HEAPWATCH, folder) as agent:
                runs = wait_until(lambda: agent.vars()["checks"].get("sample", {}).get("errors", 0) >= 5 and
                                  agent.vars()["checks"]["sample"], "five failed runs")
                self.assertEqual(runs["errors"], runs["runs"])
                self.assertIn("it failed on purpose", agent.log())
                self.assertRegex(agent.metrics(), r'heapwatch_target_up\{check="sample",check_id="sample:[^"]*"\} 0\n')

    def test_metric_patterns_hold_for_libraries(self):
        with Checks() as folder:
            folder.add(SAMPLE, "sample")
            folder.write("sample.d/conf.yaml",
                         "init_config:\ninstances:\n  - metric_patterns: {include: ['type0$']}\n")
            result = folder.check("sample", "--json")
            names = {s["metric"] for s in json.loads(result.stdout)[0]["aggregator"]["metrics"]}
            self.assertEqual(names, {"sample.type0"})

    def test_who_may_load_what(self):
        with Checks() as folder:
            path = folder.add(SAMPLE, "sample")
            folder.write("sample.d/conf.yaml", "init_config:\ninstances:\n  - {}\n")

            def refusal(extra=""):
                result = folder.check("sample", extra=extra)
                self.assertEqual(result.returncode, 1)
                return result.stderr

            path.chmod(0o757)
            self.assertIn(f"{path} may be written by everybody (chmod o-w): code is only loaded from where nobody but root "
                          "and the agent's user can write (allow_untrusted_code: true loads it all the same)", refusal())
            self.assertEqual(folder.check("sample", extra="allow_untrusted_code: true\n").returncode, 0)
            path.chmod(0o755)
            folder.checks.chmod(0o777)
            self.assertIn(f"{folder.checks} may be written by everybody", refusal())
            folder.checks.chmod(0o755)
            folder.root.chmod(0o777)
            self.assertIn(f"{folder.root} may be written by everybody", refusal())
            folder.root.chmod(0o1777)
            self.assertEqual(folder.check("sample").returncode, 0)
            folder.root.chmod(0o700)
            if os.geteuid() == 0:
                path.chmod(0o775)
                self.assertIn(f"{path} may be written by its group", refusal())
                path.chmod(0o755)
                os.chown(path, 65534, 65534)
                self.assertIn(f"{path} belongs to user 65534, neither to root nor to user 0", refusal())
                os.chown(path, 0, 0)
            elsewhere = folder.root / "elsewhere.so"
            path.rename(elsewhere)
            path.symlink_to(elsewhere)
            self.assertIn("leads out of its folder", refusal())
            path.unlink()
            self.assertIn('there is no check "sample"', refusal())
            elsewhere.rename(path)
            self.assertIn('there is no check "sample"', refusal("shared_library_check: {enabled: false}\n"))
            self.assertEqual(folder.check("sample").returncode, 0)

    def test_the_loader_can_be_chosen(self):
        with Checks() as folder, Pages({"/debug/vars": b'{"n": 4}'}) as pages:
            folder.add(OURS, "go_expvar")
            text = (f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n    memstats: false\n"
                    "    metrics: [{path: n}]\n    loader: ")
            outputs = {}
            for loader in ("shared_library", "native"):
                folder.write("go_expvar.d/conf.yaml", text + loader + "\n")
                result = folder.check("go_expvar", "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                outputs[loader] = [(s["metric"], s["points"][0][1], s["tags"], s["type"])
                                   for s in json.loads(result.stdout)[0]["aggregator"]["metrics"]]
            self.assertEqual(outputs["shared_library"], outputs["native"])
            self.assertEqual(outputs["native"], [("go_expvar.n", 4, [f"expvar_url:{pages.url()}"], "gauge")])
            folder.write("go_expvar.d/conf.yaml", text + "perl\n")
            self.assertIn('unknown loader "perl"; one of native, shared_library, python', folder.check("go_expvar").stderr)

    def test_plugin_check_says_what_does_not_fit(self):
        with Checks() as folder:
            def verdict(path):
                result = run(HEAPWATCH, "plugin", "check", path)
                return result.returncode, result.stdout + result.stderr

            sample = folder.add(SAMPLE, "sample")
            self.assertEqual(verdict(sample), (0, f"{sample}: fits the ABI of shared-library checks\n"
                                                  "  check:   sample\n  version: 2.5.0\n  exports: Run, Version\n"))
            cases = {
                "norun": (VERSION, "does not export Run; a check exports void Run("),
                "noversion": (RUN, "does not export Version; a check exports const char* Version("),
                "datarun": ("int Run = 1;\n" + VERSION, "Run is no function"),
                "badversion": ("#include <string.h>\n" + RUN + "const char* Version(const char** error)"
                               ' { *error = strdup("no licence"); return 0; }\n', "Version failed: no licence"),
                "mute": (RUN + "const char* Version(const char** error) { (void)error; return 0; }\n",
                         "Version returned no text and no error"),
                "crash": ("#include <signal.h>\n" + RUN + "__attribute__((constructor)) static void die(void)"
                          " { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); }\n" + VERSION, "ended with signal SEGV"),
                "unresolved": ("void not_there(void);\n" + RUN + "const char* Version(const char** error)"
                               ' { (void)error; not_there(); return "1"; }\n', "cannot be loaded: "),
            }
            for name, (source, sentence) in cases.items():
                with self.subTest(name):
                    status, text = verdict(compile_c(folder.checks, name, source))
                    self.assertEqual(status, 1)
                    self.assertIn(sentence, text)
            cut = folder.checks / "libdatadog-agent-cut.so"
            cut.write_bytes(pathlib.Path(SAMPLE).read_bytes()[:4500])
            status, text = verdict(cut)
            self.assertEqual(status, 1)
            self.assertRegex(text, rf"{cut}: is cut short: it has 4500 of at least \d+ bytes; copy it again")
            self.assertEqual(verdict(folder.checks)[0], 1)
            for name in ("libdatadog-agent-.so", "libdatadog-agent--x.so", "libdatadog-agent-a.b.so", "libother.so"):
                with self.subTest(name):
                    status, text = verdict(compile_c(folder.checks, "other", RUN + VERSION, name))
                    self.assertEqual(status, 1)
                    self.assertIn("the file must be called libdatadog-agent-NAME.so", text)
            text_file = folder.checks / "libdatadog-agent-text.so"
            text_file.write_text("no ELF\n")
            self.assertEqual(verdict(text_file)[0], 1)
            self.assertIn("No such file or directory", verdict(folder.checks / "libdatadog-agent-none.so")[1])

    def test_plugin_check_tells_of_a_folder_open_to_everybody_without_blaming_the_library(self):
        with Checks() as folder:
            library = folder.add(SAMPLE, "sample")
            folder.checks.chmod(0o1777)
            result = run(HEAPWATCH, "plugin", "check", library)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(f"  but from there heapwatch does not load it: {folder.checks} may be written by everybody", result.stdout)

    def test_a_library_that_is_cut_short_does_not_end_the_agent(self):
        with Checks() as folder:
            folder.write("sample.d/conf.yaml", "init_config:\ninstances:\n  - {min_collection_interval: 0.2}\n")
            with Agent(HEAPWATCH, folder) as agent:
                library = folder.checks / "libdatadog-agent-sample.so"
                library.write_bytes(pathlib.Path(SAMPLE).read_bytes()[:4500])
                library.chmod(0o755)
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "is cut short" in agent.log(), "the refusal")
                folder.add(SAMPLE, "sample")
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: agent.vars()["checks"].get("sample", {}).get("runs", 0) > 0, "a run of the whole library")

    def test_version_is_asked_once_however_many_instances_there_are(self):
        with Checks() as folder:
            compile_c(folder.checks, "counts", "#include <stdio.h>\n" + RUN + "const char* Version(const char** error)"
                      ' { (void)error; fputs("version asked\\n", stderr); return "1"; }\n')
            folder.write("counts.d/conf.yaml", "init_config:\ninstances:\n" + "".join(f"  - n: {n}\n" for n in range(20)))
            result = folder.check("counts")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr.count("version asked"), 1)

    def test_an_exception_of_a_library_is_the_error_of_its_run(self):
        with Checks() as folder:
            code = folder.root / "throws.cpp"
            code.write_text('#include <cstring>\n#include <stdexcept>\n'
                            'extern "C" void Run(char*, char*, char* instance, const void*, const char** error) {\n'
                            '  if (std::strstr(instance, "number") != nullptr) throw 7;\n'
                            '  *error = strdup("given up half way");\n  throw std::runtime_error("thrown");\n}\n'
                            'extern "C" const char* Version(const char**) { return "1"; }\n')
            subprocess.run(["c++", "-shared", "-fPIC", *FLAGS, "-o", folder.checks / "libdatadog-agent-throws.so", code], check=True)
            folder.write("throws.d/conf.yaml", "init_config:\ninstances:\n  - what: number\n  - what: text\n")
            result = folder.check("throws", "--json")
            errors = [one["runner"]["LastError"] for one in json.loads(result.stdout)]
            self.assertEqual(errors, ["Run let an exception out", "Run let an exception out: thrown"])

    def test_the_example_of_the_documentation_builds_and_runs(self):
        page = (ROOT / "docs/plugins.md").read_text()
        example = max(re.findall(r"```c\n(.*?)```", page, re.S), key=len)
        with Checks() as folder:
            library = compile_c(folder.checks, "filesystem", example)
            self.assertEqual(run(HEAPWATCH, "plugin", "check", library).returncode, 0)
            folder.write("filesystem.d/conf.yaml", f"init_config:\ninstances:\n  - path: {folder.root}\n  - path: /nowhere\n")
            result = folder.check("filesystem", "--json")
            good, bad = json.loads(result.stdout)
            self.assertEqual([(s["metric"], s["tags"]) for s in good["aggregator"]["metrics"]],
                             [("filesystem.total", [f"path:{folder.root}"]), ("filesystem.free", [f"path:{folder.root}"])])
            disk = os.statvfs(folder.root)
            self.assertEqual(good["aggregator"]["metrics"][0]["points"][0][1], disk.f_blocks * disk.f_frsize)
            self.assertIn("/nowhere: No such file or directory", json.dumps(bad))


class ForeignHostTest(unittest.TestCase):
    maxDiff = None

    def host(self, runs, *calls):
        arguments = [text for call in calls for text in call]
        return subprocess.run([HOST, OURS, str(runs), *arguments], capture_output=True, text=True, timeout=120, check=False)

    def test_our_check_runs_in_a_host_that_is_not_heapwatch_and_keeps_state_by_id(self):
        def page(collections, pause):
            slots = [0] * 256
            slots[(collections + 255) % 256] = pause
            return json.dumps({"n": 5, "memstats": {"NumGC": collections, "PauseNs": slots, "Mallocs": 7}}).encode()

        with Pages({"/a": [page(1, 10), page(2, 20)], "/b": [page(1, 10)]}) as pages:
            config = "memstats: true\nmetrics: [{path: n, type: monotonic_counter, tags: ['own:1']}]\ntags: [all]\n"
            result = self.host(2, ("id:a", "{}", f"expvar_url: {pages.url('/a')}\n{config}"),
                               ("id:b", "", f"expvar_url: {pages.url('/b')}\n{config}"))
            self.assertEqual(result.returncode, 0, result.stderr)
            lines = result.stdout.splitlines()
            self.assertRegex(lines[0], r"^version \d+\.\d+\.\d+$")
            self.assertEqual([line for line in lines if line.startswith("run ")],
                             ["run id:a ok", "run id:b ok", "run id:a ok", "run id:b ok"])
            pauses = [line.split()[1:5] for line in lines if " go_expvar.memstats.pause_ns " in line]
            self.assertEqual(pauses, [["id:a", "5", "go_expvar.memstats.pause_ns", "10"],
                                      ["id:b", "5", "go_expvar.memstats.pause_ns", "10"],
                                      ["id:a", "5", "go_expvar.memstats.pause_ns", "20"]])
            self.assertIn(f"metric id:a 3 go_expvar.n 5 host= flush=0 all expvar_url:{pages.url('/a')} own:1", lines)
            self.assertIn(f"metric id:b 1 go_expvar.memstats.mallocs 7 host= flush=0 all expvar_url:{pages.url('/b')}", lines)
            self.assertEqual(result.stderr.count("memstats has no"), 2)  # once for each instance, not for each run

    def test_ids_run_at_the_same_time_and_share_nothing(self):
        with Pages({f"/{n}": [b'{"n": %d}' % count for count in range(20)] for n in range(8)}) as pages:
            calls = [(f"id:{n}", "{}", f"expvar_url: {pages.url(f'/{n}')}\nmemstats: false\nmetrics: [{{path: n}}]\n") for n in range(8)]
            calls += [("refused", "{}", "expvar_url: http://127.0.0.1:1/"), ("wrong", "{}", "expvar_url: [")]
            result = self.host(-20, *calls)
            self.assertEqual(result.returncode, 0, result.stderr)
            for n in range(8):
                values = [line.split()[4] for line in result.stdout.splitlines() if line.startswith(f"metric id:{n} ")]
                self.assertEqual(values, [str(count) for count in range(20)])
            self.assertEqual(result.stdout.count("run refused "), 20)
            self.assertNotIn("run refused ok", result.stdout)
            self.assertNotIn("run wrong ok", result.stdout)

    def test_whatever_is_wrong_comes_back_as_the_error(self):
        result = self.host(
            1, ("a", "{}", "expvar_url: http://127.0.0.1:1/debug/vars"), ("b", "{}", "namespace: x"),
            ("c", "{}", "a: [unclosed"), ("d", "[]", "expvar_url: http://127.0.0.1:1"), ("e", "{}", ""),
            ("f", "{}", "expvar_url: http://127.0.0.1:1\nmemstats: nay"))
        self.assertEqual(result.returncode, 0, result.stderr)
        said = dict(line.split(" ", 2)[1:] for line in result.stdout.splitlines() if line.startswith("run "))
        self.assertIn("refused", said["a"])
        self.assertIn("expvar_url", said["b"])
        self.assertIn("instance:1:", said["c"])
        self.assertIn("init_config", said["d"])
        self.assertIn("expvar_url", said["e"])
        self.assertIn('memstats must be true or false, not "nay"', said["f"])

    def test_only_the_two_functions_are_exported(self):
        listed = subprocess.run(["nm", "-D", "--defined-only", OURS], capture_output=True, text=True, check=True).stdout
        self.assertEqual(sorted(line.split()[-1] for line in listed.splitlines()), ["Run", "Version"])


if __name__ == "__main__":
    FLAGS = sys.argv.pop().split()
    OURS = sys.argv.pop()
    HOST = sys.argv.pop()
    SAMPLE = sys.argv.pop()
    HEAPWATCH = sys.argv.pop()
    unittest.main()

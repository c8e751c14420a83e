"""The running agent and its configuration: what a change does, and what it leaves alone."""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, clean_environment, free_port, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000


def instance(url, name, extra=""):
    return (f"  - expvar_url: {url}\n    namespace: {name}\n    min_collection_interval: 0.2\n    memstats: false\n"
            f"    metrics: [{{path: n, type: monotonic_counter}}]\n{extra}")


def file_of(*instances):
    return "init_config:\ninstances:\n" + "".join(instances)


def runs(agent, name):
    """How often the instance of a namespace ran; None when there is none."""
    instances = agent.vars()["checks"].get("go_expvar", {}).get("instances", {})
    found = [stats["runs"] for key, stats in instances.items() if f":{name}:" in key]
    return found[0] if found else None


class Manager:
    """A service manager's socket; its name may be an abstract one ("@name")."""

    def __init__(self, path):
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path.replace("@", "\0") if self.path.startswith("@") else self.path)
        self.messages = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            self.messages.append(self._socket.recv(4096).decode())


class ReloadTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.pages = Pages({path: b'{"n": 5}' for path in ("/a", "/b", "/c")})
        self.addCleanup(self.pages.close)

    def wait_for(self, agent, text):
        return wait_until(lambda: text in agent.log(), f'"{text}" in the log')

    def test_a_change_touches_only_what_changed_and_says_so(self):
        for asked in (False, True):
            with self.subTest(asked=asked), Confd() as folder:
                a, b, c = (self.pages.url(path) for path in ("/a", "/b", "/c"))
                folder.write("go_expvar.d/a.yaml", file_of(instance(a, "stays")))
                folder.write("go_expvar.d/b.yaml", file_of(instance(b, "changes"), instance(b + "?x=1", "goes")))
                with Agent(PROGRAM, folder, "" if not asked else "watch_config: false\n") as agent:
                    wait_until(lambda: (runs(agent, "stays") or 0) >= 3 and runs(agent, "goes"), "some runs")
                    before = runs(agent, "stays")
                    folder.write("go_expvar.d/b.yaml", file_of(instance(b, "changes", "    tags: [new]\n")))
                    folder.write("go_expvar.d/c.yaml", file_of(instance(c, "comes")))
                    if asked:
                        agent.process.send_signal(signal.SIGHUP)
                    page = wait_until(lambda: "comes_n_total{" in (text := agent.metrics()) and 'new="true"' in text and text,
                                      "the new series")
                    self.assertNotIn("goes_n_total", page)
                    self.assertGreaterEqual(runs(agent, "stays"), before)
                    self.assertIsNone(runs(agent, "goes"))
                    log = agent.log()
                    self.assertRegex(log, rf"reload: added go_expvar:comes:\w+ \({re.escape(c)}\)")
                    self.assertRegex(log, rf"reload: changed go_expvar:changes:\w+ \({re.escape(b)}\)")
                    self.assertRegex(log, rf"reload: removed go_expvar:goes:\w+ \({re.escape(b)}\?x=\*[0-9a-f]{{8}}\)")
                    self.assertNotRegex(log, "reload: (added|changed|removed) go_expvar:stays")
                    self.assertRegex(log, r"reload: done; 1 instance goes on as it was")
                    if asked:
                        self.assertEqual(agent.vars()["reloads"]["applied"], 1)

    def test_a_counter_goes_on_over_a_reload_and_the_phase_stays(self):
        numbers = [b'{"n": %d}' % n for n in range(0, 100000, 10)]
        with Pages({"/count": numbers}) as pages, Confd() as folder:
            folder.write("go_expvar.d/a.yaml", file_of(instance(pages.url("/count"), "stays")))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
                statsd.bind(("127.0.0.1", 0))
                statsd.settimeout(30)
                with Agent(PROGRAM, folder, f"dogstatsd_url: udp://127.0.0.1:{statsd.getsockname()[1]}\n"
                                            "dogstatsd_telemetry_enabled: false\n") as agent:
                    def increase():
                        return int(re.match(rb"stays\.n:(\d+)\|c", statsd.recv(8192))[1])
                    self.assertEqual(increase(), 10)
                    for n in range(3):
                        folder.write("go_expvar.d/b.yaml", file_of(instance(self.pages.url("/a"), f"other{n}", "    tags: [x]\n"
                                                                            "    metric_patterns: {exclude: ['.']}\n")))
                        agent.process.send_signal(signal.SIGHUP)
                        wait_until(lambda n=n: runs(agent, f"other{n}"), "the other instance")
                    self.assertEqual({increase() for _ in range(10)}, {10})

    def test_a_bad_file_keeps_what_it_said_before_and_the_rest_takes_effect(self):
        bad = {"no YAML": "init_config:\ninstances: [unclosed\n",
               "a wrong type": file_of(instance(self.pages.url("/b"), "other")).replace("monotonic_counter", "guage"),
               "no instances": "init_config:\ninstances: []\n"}
        for what, text in bad.items():
            with self.subTest(what), Confd() as folder:
                path = folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "old")))
                with Agent(PROGRAM, folder) as agent:
                    wait_until(lambda: runs(agent, "old"), "a run")
                    path.write_text(text)
                    folder.write("go_expvar.d/b.yaml", file_of(instance(self.pages.url("/c"), "new")))
                    wait_until(lambda: runs(agent, "new"), "the other file's instance")
                    count = runs(agent, "old")
                    wait_until(lambda: runs(agent, "old") > count, "the old instance to run on")
                    self.assertIn(f"reload: {path} has an error: its 1 instance from before stays", agent.log())
                    self.assertIn("heapwatch_config_errors 1\n", agent.metrics("text/plain"))
                    status = run(PROGRAM, "-c", agent.config_file, "status").stdout
                    self.assertIn(f"    {path}:", status.split("Config Errors")[1])
                    path.write_text(file_of(instance(self.pages.url("/a"), "fixed")))
                    wait_until(lambda: runs(agent, "fixed") and runs(agent, "old") is None, "the mended file")
                    self.assertIn("heapwatch_config_errors 0\n", agent.metrics("text/plain"))

    def test_a_file_removed_removes_its_instances_and_a_new_folder_is_noticed(self):
        with Confd() as folder:
            path = folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "one")))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: "one_n_total" in agent.metrics(), "a run")
                path.unlink()
                wait_until(lambda: runs(agent, "one") is None, "the instance to go")
                self.assertNotIn("one_n_total", agent.metrics())
                self.assertNotIn("heapwatch_target_up", agent.metrics())
                path.parent.rmdir()
                folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "two")))
                wait_until(lambda: runs(agent, "two"), "the new folder's instance")

    def change_is_noticed(self, prepare, change):
        """`prepare(folder, one, two)` lays out conf.d with the text `one`; `change` makes it `two`."""
        one, two = (file_of(instance(self.pages.url("/a"), name)) for name in ("one", "two"))
        with Confd() as folder:
            prepare(folder, one, two)
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: runs(agent, "one"), "a run")
                change(folder, two)
                wait_until(lambda: runs(agent, "two") and runs(agent, "one") is None, "the change to be noticed")

    def test_an_editor_that_renames_and_leaves_swap_files_is_noticed(self):
        def edit(folder, two):
            path = folder.confd / "go_expvar.d/conf.yaml"
            swap, probe, backup = (path.parent / name for name in (".conf.yaml.swp", "4913", "conf.yaml~"))
            swap.write_bytes(b"b0VIM")
            probe.write_text("")
            probe.unlink()
            path.rename(backup)
            path.write_text(two)
            backup.unlink()
            swap.unlink()
        self.change_is_noticed(lambda folder, one, _: folder.write("go_expvar.d/conf.yaml", one), edit)

    def test_a_folder_of_kubernetes_is_swapped(self):
        def mount(folder, one, two):
            files = folder.confd / "go_expvar.d"
            for version, text in (("..1", one), ("..2", two)):
                folder.write(f"go_expvar.d/{version}/conf.yaml", text)
            (files / "..data").symlink_to("..1")
            (files / "conf.yaml").symlink_to("..data/conf.yaml")

        def swap(folder, _):
            files = folder.confd / "go_expvar.d"
            (files / "..new").symlink_to("..2")
            (files / "..new").rename(files / "..data")
            shutil.rmtree(files / "..1")
        self.change_is_noticed(mount, swap)

    def test_conf_d_that_is_a_link_is_swapped(self):
        def release(folder, one, two):
            folder.confd.rmdir()
            for version, text in (("1", one), ("2", two)):
                path = folder.root / version / "go_expvar.d/conf.yaml"
                path.parent.mkdir(parents=True)
                path.write_text(text)
            folder.confd.symlink_to("1")

        def swap(folder, _):
            (folder.root / "new").symlink_to("2")
            (folder.root / "new").rename(folder.confd)
        self.change_is_noticed(release, swap)

    def test_a_file_behind_a_link_is_edited(self):
        def link(folder, one, _):
            (folder.root / "elsewhere").mkdir()
            (folder.root / "elsewhere/a.yaml").write_text(one)
            (folder.confd / "go_expvar.d").mkdir()
            (folder.confd / "go_expvar.d/conf.yaml").symlink_to(folder.root / "elsewhere/a.yaml")
        self.change_is_noticed(link, lambda folder, two: (folder.root / "elsewhere/a.yaml").write_text(two))

    def test_a_file_that_comes_as_a_link_is_noticed(self):
        with Confd() as folder:
            (folder.confd / "go_expvar.d").mkdir()
            for name in ("one", "two"):
                (folder.root / f"{name}.yaml").write_text(file_of(instance(self.pages.url("/a"), name)))
            with Agent(PROGRAM, folder) as agent:
                (folder.confd / "go_expvar.d/one.yaml").symlink_to(folder.root / "one.yaml")
                wait_until(lambda: runs(agent, "one"), "the file behind the symbolic link")
                os.link(folder.root / "two.yaml", folder.confd / "go_expvar.d/two.yaml")
                wait_until(lambda: runs(agent, "two"), "the file of another name")

    def test_the_first_python_check_may_come_with_a_reload(self):
        with Confd() as folder:
            (folder.root / "checks.d").mkdir()
            (folder.root / "checks.d/one.py").write_text("from datadog_checks.base import AgentCheck\n\n\nclass One(AgentCheck):\n"
                                                         "    def check(self, instance):\n        self.gauge('one', 1)\n")
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\n") as agent:
                folder.write("one.d/conf.yaml", "init_config:\ninstances:\n  - {}\n")
                wait_until(lambda: "\none 1\n" in agent.metrics(), "a run of the check")
                wait_until(lambda: "datadog_agent_pymem_inuse " in agent.metrics(), "the memory of the interpreter")

    def test_conf_d_goes_and_comes_back_later(self):
        def replace(folder, two):
            folder.confd.rename(folder.root / "old")
            wait_until(lambda: "conf.yaml has an error: its 1 instance from before stays" in
                       (folder.root / "heapwatch.log").read_text(), "the loss to be told")
            folder.write("go_expvar.d/conf.yaml", two)
        self.change_is_noticed(lambda folder, one, _: folder.write("go_expvar.d/conf.yaml", one), replace)

    def test_heapwatch_yaml_is_read_again_too(self):
        with Confd() as folder:
            folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "one")))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: runs(agent, "one"), "a run")
                text = agent.config_file.read_text()
                agent.config_file.write_text(text + "log_level: debug\ncheck_runners: 9\n")
                self.wait_for(agent, "a restart is needed for what changed in heapwatch.yaml: check_runners\n")
                text += "log_level: debug\n"
                agent.config_file.write_text(text + "run_path: /somewhere\nprometheus_x: 1\ntelemetry: {python_memory: false}\n")
                self.wait_for(agent, "in heapwatch.yaml: prometheus_x, run_path, telemetry.python_memory\n")
                folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "one")))
                self.wait_for(agent, "| DEBUG | reload: no instance changed; 1 instance goes on as it was")
                agent.config_file.write_text("confd_path: [\n")
                self.wait_for(agent, "reload: heapwatch.yaml has an error: what it said before stays in force")
                count = runs(agent, "one")
                wait_until(lambda: runs(agent, "one") > count, "the instance to run on")

    def test_the_service_manager_is_told(self):
        with Confd() as folder:
            manager = Manager(folder.root / "notify")
            folder.write("go_expvar.d/a.yaml", file_of(instance(self.pages.url("/a"), "one")))
            with Agent(PROGRAM, folder, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"}) as agent:
                wait_until(lambda: manager.messages.count("WATCHDOG=1\n") >= 3, "signs of life")
                self.assertEqual(manager.messages[0], "READY=1\nSTATUS=watching 1 check instance\n")
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: sum(m.startswith("READY=1") for m in manager.messages) == 2, "READY again")
                others = [m for m in manager.messages if m != "WATCHDOG=1\n"]
                self.assertRegex(others[1], r"^RELOADING=1\nMONOTONIC_USEC=\d+\n$")
                self.assertEqual(others[2], others[0])
                self.assertEqual(agent.stop()[0], 0)
                wait_until(lambda: "STOPPING=1\n" in manager.messages, "STOPPING")

    def test_no_sign_of_life_comes_from_an_event_loop_that_hangs(self):
        def trace(request):
            self.assertEqual(libc.ptrace(request, agent.process.pid, None, None), 0, os.strerror(ctypes.get_errno()))

        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        with Confd() as folder:
            manager = Manager(f"@heapwatch-test-{os.getpid()}")
            with Agent(PROGRAM, folder, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}) as agent:
                wait_until(lambda: manager.messages.count("WATCHDOG=1\n") >= 3, "signs of life")
                trace(PTRACE_SEIZE)  # stops the loop's thread alone
                trace(PTRACE_INTERRUPT)
                os.waitpid(agent.process.pid, WALL)
                manager.messages.clear()
                for _ in range(10):
                    self.assertIn("heapwatch_event_loop_lag_seconds", agent.metrics())
                    time.sleep(0.1)
                self.assertEqual(manager.messages, [])
                trace(PTRACE_DETACH)
                wait_until(lambda: manager.messages.count("WATCHDOG=1\n") >= 3, "signs of life again")

    def test_the_watchdog_of_another_process_is_left_alone(self):
        with Confd() as folder:
            manager = Manager(folder.root / "notify")
            with Agent(PROGRAM, folder, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}) as agent:
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: len(manager.messages) >= 3, "the messages of a reload")
                self.assertNotIn("WATCHDOG=1\n", manager.messages)

    def test_a_signal_at_the_first_moment_does_not_end_the_agent(self):
        with Confd() as folder:
            port = free_port()
            config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: {port}\nprometheus: {{enabled: false}}\n")
            log = folder.root / "log"
            with open(log, "w") as out:
                # Signals come before, while and after main() begins; until it holds them back they are ignored, as nohup would have it.
                process = subprocess.Popen([PROGRAM, "-c", str(config), "run"], stdout=out, stderr=out, env=clean_environment(),
                                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
                try:
                    while "no exporter is on" not in log.read_text() and process.poll() is None:
                        process.send_signal(signal.SIGHUP)
                    wait_until(lambda: "SIGHUP: reading the configuration again" in log.read_text(), "the reload")
                finally:
                    process.terminate()
                    self.assertEqual(process.wait(30), 0, log.read_text())

    def test_a_signal_before_main_waits_for_the_agent(self):
        with Confd() as folder:
            config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: 0\nprometheus: {{enabled: false}}\n")
            early = folder.root / "early.so"  # the signal comes while the loader runs what libraries begin with
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", early, "-"], check=True, text=True, input="#include <signal.h>\n"
                           "__attribute__((constructor)) static void at_once(void) { raise(SIGHUP); }\n")
            log = folder.root / "log"
            environment = clean_environment(LD_PRELOAD=str(early))
            environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
            with open(log, "w") as out:
                front = pathlib.Path(PROGRAM).with_name("heapwatch")
                process = subprocess.Popen([front, "-c", str(config), "run"], stdout=out, stderr=out, env=environment)
                try:
                    wait_until(lambda: process.poll() is not None or "SIGHUP: reading the configuration again" in log.read_text(),
                               "the reload")
                finally:
                    process.terminate()
                    self.assertEqual(process.wait(30), 0, log.read_text())

    def test_a_signal_between_the_front_program_and_the_agent_waits_for_the_agent(self):
        with Confd() as folder:
            config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: 0\nprometheus: {{enabled: false}}\n")
            log = folder.root / "log"
            with open(log, "w") as out:
                front = pathlib.Path(PROGRAM).with_name("heapwatch")
                process = subprocess.Popen([front, "-c", str(config), "run"], stdout=out, stderr=out, env=clean_environment())
                try:
                    comm = pathlib.Path(f"/proc/{process.pid}/comm")
                    while comm.read_text() != "heapwatch-agent\n" and process.poll() is None:
                        pass  # its libraries are still being mapped when the signal comes
                    process.send_signal(signal.SIGHUP)
                    wait_until(lambda: process.poll() is not None or "SIGHUP: reading the configuration again" in log.read_text(),
                               "the reload")
                finally:
                    process.terminate()
                    self.assertEqual(process.wait(30), 0, log.read_text())


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

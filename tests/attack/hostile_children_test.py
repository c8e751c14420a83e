"""Child processes of Python checks: they answer signals, hold nothing of the agent's and do not outlive it."""
import contextlib
import os
import pathlib
import signal
import socket
import sys
import textwrap
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, run, wait_until  # noqa: E402

PROGRAM = ""

POOL = """
    import multiprocessing

    from datadog_checks.base import AgentCheck


    def square(number):
        return number * number


    class PoolCheck(AgentCheck):
        def check(self, instance):
            with multiprocessing.get_context(instance["how"]).Pool(2) as pool:
                self.gauge("pool.sum", sum(pool.map(square, range(10))), tags=["how:" + instance["how"]])
"""

# A child per way to make one, each of which writes its pid down and then sleeps.
CHILDREN = """
    import multiprocessing
    import os
    import subprocess
    import time

    from datadog_checks.base import AgentCheck


    def sleeper(folder, name):
        with open(os.path.join(folder, name + ".part"), "w") as file:
            file.write(str(os.getpid()))
        os.rename(os.path.join(folder, name + ".part"), os.path.join(folder, name))
        time.sleep(1000)


    class ChildrenCheck(AgentCheck):
        def check(self, instance):
            folder, ways = instance["folder"], instance["ways"]
            if getattr(self, "started", False):
                return
            self.started = True
            self.kept = []
            shell = "echo $$ > {0}/{1}.part; mv {0}/{1}.part {0}/{1}; sleep 1000 & wait"
            for way in ways:
                if way == "os_fork":
                    if os.fork() == 0:
                        sleeper(folder, way)
                        os._exit(0)
                elif way in ("fork", "spawn", "forkserver"):
                    child = multiprocessing.get_context(way).Process(target=sleeper, args=(folder, way))
                    child.start()
                    self.kept.append(child)
                elif way == "os_system":
                    os.system("sh -c '" + shell.format(folder, way) + "' &")
                elif way == "session":
                    self.kept.append(subprocess.Popen(shell.format(folder, way), shell=True, start_new_session=True))
                else:
                    self.kept.append(subprocess.Popen(shell.format(folder, way), shell=True))
"""
WAYS = ("os_fork", "fork", "spawn", "forkserver", "os_system", "session", "subprocess")


class Folder(Confd):
    """conf.d and checks.d side by side."""

    def check(self, name, source, instances="[{}]"):
        checks = self.root / "checks.d"
        checks.mkdir(exist_ok=True)
        (checks / f"{name}.py").write_text(textwrap.dedent(source))
        self.write(f"{name}.d/conf.yaml", f"init_config: {{min_collection_interval: 0.2}}\ninstances: {instances}\n")


def status(pid):
    with contextlib.suppress(OSError):
        return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {}


def lives(pid):
    return status(pid).get("State", "Z")[0] not in "ZX"


def answers(pid, number):
    """Whether the process ends by the signal, or waits for it in a way that it chose itself."""
    bit = 1 << (number - 1)
    fields = status(pid)
    return not any(int(fields[field], 16) & bit for field in ("SigBlk", "SigIgn", "SigCgt"))


def descriptors(pid):
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def named_sockets():
    """socket:[inode] of every socket with an address: what can hold a port or a connection."""
    found = set()
    for table, column in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("unix", 6)):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if table != "unix" or len(fields) > column + 1:
                    found.add(f"socket:[{fields[column]}]")
    return found


def can_listen(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


class HostileChildrenTest(unittest.TestCase):
    maxDiff = None

    def sleeping(self, folder):
        """The pids of the children of CHILDREN, by way."""
        for way in WAYS:
            wait_until((folder.root / way).exists, f"the child of {way}")
        return {way: int((folder.root / way).read_text()) for way in WAYS}

    @contextlib.contextmanager
    def agent_with_children(self):
        with Folder() as folder:
            folder.check("children", CHILDREN, f"[{{folder: '{folder.root}', ways: [{', '.join(WAYS)}]}}]")
            # Nobody removes the temporary folder of an agent that is killed.
            with Agent(PROGRAM, folder, env={"TMPDIR": str(folder.root)}) as agent:
                pids = {}
                try:
                    pids = self.sleeping(folder)
                    yield agent, pids
                finally:
                    for pid in pids.values():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)

    def test_pools_of_every_start_method_end_over_many_runs(self):
        with Folder() as folder:
            folder.check("pool", POOL, "[{how: fork}, {how: spawn}, {how: forkserver}]")
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: agent.vars()["checks"]["pool"]["runs"] >= 30, "thirty runs", 120)
                page = agent.vars()["checks"]["pool"]
                self.assertEqual(page["errors"], 0, agent.log())
                metrics = agent.metrics()
                for how in ("fork", "spawn", "forkserver"):
                    self.assertIn(f'how="{how}"', metrics)
                stopped, seconds = agent.stop()
                self.assertEqual(stopped, 0)
                self.assertLess(seconds, 10)

    def test_temporary_folders_of_multiprocessing_go_with_the_process(self):
        with Folder() as folder:
            temporary = folder.root / "tmp"
            temporary.mkdir()
            env = {"TMPDIR": str(temporary)}
            folder.check("pool", POOL, "[{how: forkserver}, {how: forkserver, check_isolation: process}]")
            with Agent(PROGRAM, folder, env=env) as agent:
                # The isolated one may start while the other has run twice.
                wait_until(lambda: len(list(temporary.glob("pymp-*"))) == 2, "a folder of each", 120)
                self.assertEqual(agent.stop()[0], 0)
            wait_until(lambda: not list(temporary.iterdir()), "the folders to be removed", 20)
            done = run(PROGRAM, "--confd", folder.confd, "check", "pool", env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_until(lambda: not list(temporary.iterdir()), "the folders of a command to be removed", 20)

    def test_children_answer_signals_and_hold_no_descriptor_of_the_agent(self):
        with self.agent_with_children() as (agent, pids):
            agent.metrics()
            agents = descriptors(agent.process.pid)
            ours = named_sockets() & set(agents.values())
            self.assertGreaterEqual(len(ours), 2, agents)
            for way, pid in pids.items():
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    # Python takes SIGINT itself; a shell leaves SIGINT to what it runs in the background
                    if number != signal.SIGINT or way in ("os_fork", "fork"):
                        self.assertTrue(answers(pid, number), f"{way}: {signal.Signals(number).name}")
                # what both have is standard input and output, or was made by the check itself
                shared = {name for number, name in descriptors(pid).items()
                          if number > 2 and name in agents.values() and not name.startswith(("pipe:", "/dev/"))}
                shared = {name for name in shared if not name.startswith("socket:") or name in ours}
                self.assertEqual(shared, set(), way)
            for way, pid in pids.items():
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda pid=pid: not lives(pid), f"{way} to end by SIGTERM")
            self.assertIsNone(agent.process.poll(), "the agent ended by its child's signal")

    def ports_are_free_and_children_gone(self, agent, pids):
        for port in (agent.port, agent.prometheus_port):
            wait_until(lambda port=port: can_listen(port), f"port {port} to be free", 20)
        for way, pid in pids.items():
            wait_until(lambda pid=pid: not lives(pid), f"the child of {way} to end with the agent", 20)

    def test_sigterm_ends_the_agent_and_its_children(self):
        with self.agent_with_children() as (agent, pids):
            stopped, seconds = agent.stop()
            self.assertEqual(stopped, 0)
            self.assertLess(seconds, 10)
            self.ports_are_free_and_children_gone(agent, pids)

    def test_children_end_with_an_agent_that_was_killed(self):
        with self.agent_with_children() as (agent, pids):
            agent.process.kill()
            agent.process.wait()
            self.ports_are_free_and_children_gone(agent, pids)

    def test_what_a_shell_started_ends_too(self):
        with Folder() as folder:
            folder.check("shells", """
                import subprocess

                from datadog_checks.base import AgentCheck


                class ShellsCheck(AgentCheck):
                    started = False

                    def check(self, instance):
                        if not self.started:
                            self.started = True
                            subprocess.run(f"sleep 1000 & echo $! > {instance['folder']}/pid", shell=True, check=True)
            """, f"[{{folder: '{folder.root}'}}]")
            with Agent(PROGRAM, folder) as agent:
                written = folder.root / "pid"
                pid = int(wait_until(lambda: written.exists() and written.read_text(), "the shell's child"))
                self.assertTrue(lives(pid))
                agent.process.kill()
                agent.process.wait()
                wait_until(lambda: not lives(pid), "the shell's child to end with the agent", 20)

    def test_a_child_that_comes_back_from_the_check_ends(self):
        with Folder() as folder:
            folder.check("returns", """
                import os
                import sys

                from datadog_checks.base import AgentCheck


                class ReturnsCheck(AgentCheck):
                    def check(self, instance):
                        for way in ("return", "raise", "exit"):
                            child = os.fork()
                            if child == 0:
                                self.gauge("returns.child", 1)
                                self.log.info("from the child")
                                if way == "raise":
                                    raise ValueError("in the child")
                                if way == "exit":
                                    sys.exit(7)
                                return
                            self.gauge("returns.status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
                                       tags=["way:" + way])
            """)
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: agent.vars()["checks"]["returns"]["runs"] >= 3, "three runs")
                page = agent.metrics()
                for way, expected in (("return", 0), ("raise", 1), ("exit", 7)):
                    self.assertRegex(page, rf'returns_status{{[^}}]*way="{way}"}} {expected}\n')
                self.assertNotIn("returns_child", page)
                self.assertIn("a forked child", agent.log())

    def test_a_command_leaves_no_children_behind(self):
        with Folder() as folder:
            folder.check("children", CHILDREN, f"[{{folder: '{folder.root}', ways: [fork, subprocess, session]}}]")
            done = run(PROGRAM, "--confd", folder.confd, "check", "children", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            for way in ("fork", "subprocess", "session"):
                written = folder.root / way
                time.sleep(0 if written.exists() else 0.5)
                if written.exists():  # or it ended before it could write
                    pid = int(written.read_text())
                    wait_until(lambda pid=pid: not lives(pid), f"the child of {way} to end with the command", 20)

    def test_a_check_that_waits_for_any_child_meets_only_its_own(self):
        with Folder() as folder:
            folder.check("waits", """
                import os
                import subprocess

                from datadog_checks.base import AgentCheck


                class WaitsCheck(AgentCheck):
                    def check(self, instance):
                        subprocess.run(["true"], check=True)
                        with_no_child = False
                        try:
                            os.wait()
                        except ChildProcessError:
                            with_no_child = True
                        self.gauge("waits.none", with_no_child)
            """)
            done = run(PROGRAM, "--confd", folder.confd, "check", "waits", "--dogstatsd")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("waits.none:1|g", done.stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

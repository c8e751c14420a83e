"""Whom the agent trusts: its configuration, its secrets, the code it loads."""
import os
import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, free_port, run, wait_until  # noqa: E402

PROGRAM = ""


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class ConfigurationTest(unittest.TestCase):
    maxDiff = None

    def assert_refuses(self, folder, text, *said):
        config = folder.config(text)
        done = run(PROGRAM, "-c", config, "-l", "off", "run", timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        for part in said:
            self.assertIn(part.replace("FILE", str(config)), done.stderr)
        self.assertIn("heapwatch: not started", done.stderr)

    def test_an_agent_with_a_wrong_heapwatch_yaml_does_not_start(self):
        with Confd() as folder:
            port = free_port()
            ports = f"expvar_port: {port}\nprometheus: {{enabled: false}}\n"
            self.assert_refuses(folder, ports + "confd_path: [\n", "FILE:4:1: ")
            self.assert_refuses(folder, ports + "check_runners: many\n", "FILE:3:16: check_runners must be a whole number")
            self.assert_refuses(folder, ports + "hostname: ENC[h]\n", "FILE:3:11: no secret for ENC[h]")
            folder.config("").unlink()
            (folder.root / "heapwatch.yaml").mkdir()
            done = run(PROGRAM, "-c", folder.root / "heapwatch.yaml", "run", timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertFalse(listens(port))

    def test_neither_does_one_with_a_wrong_variable(self):
        with Confd() as folder:
            done = run(PROGRAM, "-c", folder.config("prometheus: {enabled: false}\n"), "run", timeout=60,
                       env={"DD_EXPVAR_PORT": "many"})
            self.assertEqual(done.returncode, 1)
            self.assertIn("heapwatch: DD_EXPVAR_PORT: expvar_port must be", done.stderr)

    def test_a_check_is_not_run_with_half_of_a_configuration(self):
        with Confd() as folder:
            done = run(PROGRAM, "-c", folder.config("proxy: http://p\n"), "check", "go_expvar", timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("heapwatch.yaml:1:8: proxy must be a map", done.stderr)
            self.assertNotIn("no valid check", done.stderr)

    def test_a_running_agent_keeps_what_it_had(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            text = agent.config_file.read_text()
            agent.config_file.write_text(text + "prometheus_x: [\n")
            self.wait_for_log(agent, "what it said before stays in force")
            self.assertTrue(listens(agent.port))

    def test_what_other_machines_reach_is_told_everywhere(self):
        with Confd() as folder:
            port = free_port()
            with Agent(PROGRAM, folder, f"expvar_host: 0.0.0.0\n# {port}\n") as agent:
                told = 'expvar_host "0.0.0.0" lets other machines read'
                self.assertIn(told, agent.log())
                self.assertIn(told, run(PROGRAM, "-c", agent.config_file, "status").stdout)
                checked = run(PROGRAM, "-c", agent.config_file, "configcheck")
                self.assertEqual(checked.returncode, 0)
                self.assertIn(told, checked.stdout)
            self.assert_refuses(folder, f"expvar_port: {port}\nprometheus: {{listen: '0.0.0.0:{free_port()}', probe: true}}\n",
                                "FILE:2:", "prometheus -> probe at")

    def wait_for_log(self, agent, text):
        wait_until(lambda: text in agent.log(), text)


PYTHON = "from datadog_checks.base import AgentCheck\n\n\nclass Mine(AgentCheck):\n    def check(self, _):\n        self.gauge('mine', 1)\n"
LIVE = "init_config:\ninstances:\n  - {}\n"


class CodeTest(unittest.TestCase):
    """What is loaded when others could have written it, as it is for whoever runs this test."""
    maxDiff = None

    def setUp(self):
        self.folder = self.enterContext(Confd())
        self.root = self.folder.root.resolve()
        self.checks = self.root / "checks.d"
        self.checks.mkdir(mode=0o755)
        self.write("mine.py", PYTHON)
        self.folder.write("mine.d/conf.yaml", LIVE)

    def write(self, name, text):
        path = self.checks / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        return path

    def check(self, extra="", env=None):
        return run(PROGRAM, "-c", self.folder.config(f"confd_path: {self.folder.confd}\n{extra}"), "check", "mine",
                   "--dogstatsd", env={"PYTHONDONTWRITEBYTECODE": "1", **(env or {})})

    def assert_runs(self, **options):
        done = self.check(**options)
        self.assertIn("mine:1|g", done.stdout, done.stderr)

    def assert_refused(self, fact, **options):
        done = self.check(**options)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"{fact}: code is only loaded from where nobody but root and the agent's user can write "
                      "(allow_untrusted_code: true loads it all the same)", done.stderr)

    def test_a_python_check_that_others_can_write_is_not_loaded(self):
        self.assert_runs()
        (self.checks / "mine.py").chmod(0o646)
        self.assert_refused(f"{self.checks}/mine.py may be written by everybody (chmod o-w)")
        self.assert_runs(extra="allow_untrusted_code: true\n")
        (self.checks / "mine.py").chmod(0o644)
        self.checks.chmod(0o777)
        self.assert_refused(f"{self.checks} may be written by everybody (chmod o-w)")
        self.checks.chmod(0o755)
        self.root.chmod(0o1777)
        self.assert_runs()

    def test_neither_is_what_it_imports(self):
        self.write("mine.py", "import helper\n" + PYTHON)
        self.write("helper/__init__.py", "from helper import deep\n")
        deep = self.write("helper/deep.py", "")
        self.assert_runs()
        deep.chmod(0o646)
        self.assert_refused(f"{deep} may be written by everybody (chmod o-w)")

    def test_kept_bytecode_of_others_is_as_if_it_were_not_there(self):
        done = self.check(env={"PYTHONDONTWRITEBYTECODE": ""})
        self.assertEqual(done.returncode, 0, done.stderr)
        [kept] = (self.checks / "__pycache__").glob("mine.*.pyc")
        kept.write_bytes(kept.read_bytes().replace(b"mine", b"evil"))
        self.assertIn("evil:1|g", self.check().stdout)
        kept.chmod(0o666)
        self.assert_runs()

    def test_the_other_folders_of_python_code_are_held_to_the_same(self):
        more = self.root / "more"
        (self.checks / "mine.py").unlink()
        self.checks = more
        path = self.write("mine.py", PYTHON)
        self.assert_runs(extra=f"additional_checksd: {more}\n")
        path.chmod(0o646)
        self.assert_refused(f"{path} may be written by everybody (chmod o-w)", extra=f"additional_checksd: {more}\n")
        (more / "datadog_checks/base").mkdir(parents=True)
        packages = self.write("datadog_checks/mine.py", PYTHON)
        path.unlink()
        env = {"HEAPWATCH_DATADOG_CHECKS_BASE": str(more)}
        packages.chmod(0o646)
        self.assert_refused(f"{packages} may be written by everybody (chmod o-w)", env=env)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_root_takes_no_code_of_other_users_nor_of_groups(self):
        path = self.checks / "mine.py"
        path.chmod(0o664)
        self.assert_refused(f"{path} may be written by its group, 0 (chmod g-w)")
        path.chmod(0o644)
        os.chown(path, 65534, 65534)
        self.assert_refused(f"{path} belongs to user 65534, neither to root nor to user 0")
        os.chown(path, 0, 0)
        os.chown(self.checks, 65534, 65534)
        self.assert_refused(f"{self.checks} belongs to user 65534, neither to root nor to user 0")

    def test_configuration_that_everybody_may_write_is_told(self):
        (self.folder.confd / "mine.d/conf.yaml").chmod(0o666)
        config = self.folder.config(f"confd_path: {self.folder.confd}\n")
        config.chmod(0o666)
        done = run(PROGRAM, "-c", config, "configcheck")
        self.assertEqual(done.returncode, 0)
        told = "may be written by everybody, who so decide what the agent does (chmod o-w)"
        self.assertIn(f"{config}: {told}", done.stdout)
        self.assertIn(f"{self.folder.confd}/mine.d/conf.yaml: {told}", done.stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()

"""Whom the agent trusts: its configuration, its secrets, the code it loads."""
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


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()

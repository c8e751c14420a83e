"""Whom the agent trusts: its configuration, its secrets, the code it loads."""
import json
import os
import pathlib
import py_compile
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, clean_environment, free_port, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
ROOT = pathlib.Path(__file__).resolve().parents[2]


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
            self.assert_refuses(folder, ports + "confd_path: [\n", "FILE:3:13: ")
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


class SecretsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = self.enterContext(Confd())
        self.backend = self.folder.root / "backend"

    def program(self, body):
        self.backend.write_text(f"#!/bin/sh\necho $$ >> {self.backend}.pids\n{body}\n")
        self.backend.chmod(0o700)
        return f"secret_backend_command: {self.backend}\n"

    def pids(self):
        calls = pathlib.Path(f"{self.backend}.pids")
        return [int(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def assert_gone(self, pid):
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"the end of process {pid}")

    def test_an_address_that_is_a_secret_is_shown_nowhere(self):
        page = b'{"a": 1}'
        with Pages({"/s3cret/vars": [page], "/s3cret/broken": [b"{"]}) as served:
            answer = {name: {"value": served.url(f"/s3cret/{path}?token=hunter2")}
                      for name, path in (("good", "vars"), ("broken", "broken"), ("absent", "absent"))}
            self.folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "".join(
                f"  - {{expvar_url: 'ENC[{name}]', namespace: {name}, memstats: false, metrics: [{{path: a}}], "
                "min_collection_interval: 0.2}\n" for name in answer))
            extra = self.program(f"echo {json.dumps(answer)!r}") + "log_level: debug\n"
            with Agent(PROGRAM, self.folder, extra) as agent:
                wait_until(lambda: 'good_a{expvar_url="ENC[good]"} 1' in agent.metrics(), "the secret target's series")
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["runs"] >= 9, "some runs of each")
                shown = [agent.metrics(), agent.log(), json.dumps(agent.vars())]
                shown += [run(PROGRAM, "-c", agent.config_file, *words).stdout
                          for words in (["status"], ["status", "--json"], ["configcheck"])]
            shown.append(run(PROGRAM, "-c", agent.config_file, "check", "go_expvar").stdout)
            port = served.url("").split(":")[-1].strip("/")
            for text in shown:
                for secret in ("s3cret", "hunter2", f":{port}"):
                    self.assertNotIn(secret, text)
            self.assertIn("404 Not Found for url: ENC[absent]", shown[3])

    def test_a_proxy_that_is_a_secret_is_shown_nowhere(self):
        with socket.socket() as closed:  # bound and not listening: nobody else can
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            answer = {"own": {"value": f"http://me:hunter2@127.0.0.1:{port}"},
                      "agent": {"value": f"http://127.0.0.1:{port}"},
                      "lost": {"value": "http://s3cret.invalid:3128"}}
            instances = {"a": "", "b": "proxy: {http: 'ENC[own]'},", "c": "proxy: {http: 'ENC[lost]'},"}
            self.folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "".join(
                f"  - {{expvar_url: 'http://there.test/{name}', {proxy} metrics: [{{path: a}}], min_collection_interval: 0.2}}\n"
                for name, proxy in instances.items()))
            extra = self.program(f"echo {json.dumps(answer)!r}") + "log_level: debug\nproxy: {http: 'ENC[agent]'}\n"
            with Agent(PROGRAM, self.folder, extra) as agent:
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["errors"] >= 9, "some runs of each")
                shown = [agent.metrics(), agent.log(), json.dumps(agent.vars())]
                shown += [run(PROGRAM, "-c", agent.config_file, *words).stdout
                          for words in (["status"], ["status", "--json"], ["configcheck"], ["check", "go_expvar"])]
        for text in shown:
            for secret in ("s3cret", "hunter2", f":{port}"):
                self.assertNotIn(secret, text)
        self.assertIn("cannot connect to the proxy ENC[own]: connection refused", shown[3])
        self.assertIn("cannot connect to the proxy ENC[agent]: connection refused", shown[3])

    def test_a_dogstatsd_server_that_is_a_secret_is_shown_nowhere(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        served = self.enterContext(Pages({"/vars": [b'{"a": 1}']}))
        self.folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - {{expvar_url: {served.url('/vars')}, "
                          "metrics: [{path: a}], min_collection_interval: 0.2}\n")
        path = self.folder.root / "s3cret.sock"
        servers = {"dogstatsd_url": (f"udp://127.0.0.1:{port}", "unix:///" + "s3cret/" * 20),
                   "dogstatsd_host": (f"127.0.0.1:{port}", "s3cret.invalid"),
                   "dogstatsd_socket": (str(path),)}
        for key, values in servers.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    extra = (self.program(f"echo {json.dumps({'there': {'value': value}})!r}") +
                             f"log_level: debug\n{key}: ENC[there]\n")
                    if len(value) > 107:
                        config = self.folder.config(f"confd_path: {self.folder.confd}\nexpvar_port: 0\n"
                                                    "prometheus: {enabled: false}\n" + extra)
                        done = run(PROGRAM, "-c", config, "run")
                        self.assertEqual(done.returncode, 1)
                        self.assertIn("dogstatsd address: what came for ENC[there] is none", done.stderr)
                        shown = [done.stdout, done.stderr]
                    else:
                        with Agent(PROGRAM, self.folder, extra) as agent:
                            wait_until(lambda: "dogstatsd ENC[there]: not reachable" in agent.log(), "the server to be missed")
                            shown = [agent.metrics(), agent.log(), json.dumps(agent.vars())]
                            shown += [run(PROGRAM, "-c", agent.config_file, *words).stdout
                                      for words in (["status"], ["status", "--json"], ["configcheck"], ["check", "go_expvar"])]
                        self.assertIn("DogStatsD: ENC[there]", shown[3])
                    for text in shown:
                        for secret in ("s3cret", f"127.0.0.1:{port}"):
                            self.assertNotIn(secret, text)

    def test_secrets_of_a_python_check_are_shown_nowhere_by_what_it_says(self):
        """Its log, warnings, errors, tags, messages and events have the handle instead, whole or in parts of an address."""
        checks = self.folder.root / "checks.d"
        checks.mkdir()
        (checks / "mine.py").write_text(
            "from datadog_checks.base import AgentCheck\n\n\nclass Mine(AgentCheck):\n"
            "    def check(self, instance):\n"
            "        self.log.error('asks %s', instance['url'])\n"
            "        self.warning('warns of %s', instance['password'])\n"
            "        self.gauge('mine', 1, tags=[f\"url:{instance['url']}\"])\n"
            "        self.service_check('mine.up', 2, message='with ' + instance['password'])\n"
            "        self.set_metadata('path', instance['url'])\n"
            "        try:\n"
            "            self.http.get(instance['url'], timeout=1)\n"
            "        except Exception as error:\n"
            "            self.log.error('failed: %s', error)\n")
        (checks / "broken.py").write_text(
            "from datadog_checks.base import AgentCheck\n\n\nclass Broken(AgentCheck):\n"
            "    def __init__(self, name, init_config, instances):\n"
            "        raise ValueError(f\"no {instances[0]['url']}\")\n")
        for name in ("mine", "broken"):
            self.folder.write(f"{name}.d/conf.yaml", "init_config:\ninstances:\n"
                              "  - {url: 'ENC[u]', password: 'ENC[p]', min_collection_interval: 0.2}\n")
        settings = self.program(r"""cat >/dev/null
printf '%s' '{"u":{"value":"http://127.0.0.1:1/s3cret-path/vars?key=s3cret-key"},"p":{"value":"s3cret-word"}}'""")
        with Agent(PROGRAM, self.folder, settings) as agent:
            wait_until(lambda: agent.vars()["checks"].get("mine", {}).get("runs", 0) >= 2, "two runs")
            metrics = agent.metrics()
            self.assertIn('mine{url="ENC[u]"} 1', metrics)
            said = [agent.log(), metrics, json.dumps(agent.vars()), run(PROGRAM, "-c", agent.config_file, "status").stdout]
            for name in ("mine", "broken"):
                done = run(PROGRAM, "-c", agent.config_file, "check", name, "--json")
                said.append(done.stdout + done.stderr)
            for text in said:
                self.assertNotIn("s3cret", text)
            self.assertIn("asks ENC[u]", said[0])
            self.assertIn("failed: GET ENC[u]: ", said[0])
            self.assertIn("no ENC[u]", said[0])
            self.assertIn("warns of ENC[p]", said[4])

    def test_a_key_where_a_file_should_be_named_is_shown_nowhere(self):
        key = "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n"
        self.backend.write_text(f"#!/usr/bin/python3\nimport json\nprint(json.dumps({{'key': {{'value': {key!r}}}}}))\n")
        self.backend.chmod(0o700)
        for option in ("tls_ca_cert", "tls_cert", "tls_cert: /dev/null, tls_private_key"):
            with self.subTest(option=option):
                self.folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n  - {expvar_url: 'https://127.0.0.1:1/', "
                                  f"metrics: [{{path: a}}], {option}: 'ENC[key]'}}\n")
                config = self.folder.config(f"confd_path: {self.folder.confd}\nsecret_backend_command: {self.backend}\n")
                done = run(PROGRAM, "-c", config, "check", "go_expvar")
                self.assertNotIn("s3cret", done.stdout + done.stderr)
                self.assertIn(option.split()[-1] + " holds several lines; it must be the path of a file", done.stdout + done.stderr)

    def test_an_agent_that_waits_for_secrets_stops_at_once(self):
        config = self.folder.config(f"confd_path: {self.folder.confd}\nexpvar_port: 0\nprometheus: {{enabled: false}}\n" +
                                    self.program("exec sleep 600"))
        for name in ("a", "b", "c"):
            self.folder.write(f"{name}.yaml", f"init_config:\ninstances:\n  - x: ENC[{name}]\n")
        with subprocess.Popen([PROGRAM, "-c", config, "run"], stderr=subprocess.PIPE, text=True,
                              env=clean_environment()) as agent:
            [pid] = wait_until(self.pids, "the backend to be asked")
            agent.send_signal(signal.SIGTERM)
            began = time.monotonic()
            said = agent.communicate(timeout=60)[1]
            self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(agent.returncode, 0, said)
        self.assertIn("told to stop before it has started", said)
        self.assertEqual(self.pids(), [pid])
        self.assert_gone(pid)

    def test_so_does_one_that_reads_its_configuration_again(self):
        with Agent(PROGRAM, self.folder, self.program("exec sleep 600")) as agent:
            self.folder.write("a.yaml", "init_config:\ninstances:\n  - x: ENC[a]\n")
            agent.process.send_signal(signal.SIGHUP)
            pids = wait_until(self.pids, "the backend to be asked")
            status, seconds = agent.stop()
            self.assertEqual(status, 0)
            self.assertLess(seconds, 10)
        for pid in pids:
            self.assert_gone(pid)

    def test_one_timeout_is_waited_for_however_many_files_ask(self):
        for number in range(20):
            self.folder.write(f"c{number}.yaml", f"init_config:\ninstances:\n  - x: ENC[{number}]\n")
        config = self.folder.config(f"confd_path: {self.folder.confd}\nsecret_backend_timeout: 1\n" +
                                    self.program("exec sleep 600"))
        done = run(PROGRAM, "-c", config, "configcheck")
        self.assertEqual(done.stdout.count("no answer within 1000 ms for another file; not asked again"), 19, done.stdout)
        self.assertEqual(len(self.pids()), 1)

    def test_what_the_backend_says_is_told_without_escapes_and_secrets(self):
        self.folder.write("go_expvar.yaml", "init_config:\ninstances:\n  - expvar_url: ENC[h]\n")
        text = "printf '\\033[2Jit is http://h:1/s3cret\\nWARN forged\\n' >&2\necho '{\"h\": {\"value\": \"http://h:1/s3cret\"}}'"
        config = self.folder.config(f"confd_path: {self.folder.confd}\n" + self.program(text))
        done = run(PROGRAM, "-c", config, "configcheck")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn(r'backend says "\x1b[2Jit is ********\nWARN forged"', done.stdout)


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
        kept = pathlib.Path(py_compile.compile(str(self.checks / "mine.py"), doraise=True))
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
        path.chmod(0o644)
        shutil.copytree(ROOT / "check/python/packages/base/datadog_checks", self.root / "base/datadog_checks")
        env = {"HEAPWATCH_DATADOG_CHECKS_BASE": str(self.root / "base")}
        self.assert_runs(extra=f"additional_checksd: {more}\n", env=env)
        base = self.root / "base/datadog_checks/base/check.py"
        base.chmod(0o646)
        self.assert_refused(f"{base} may be written by everybody (chmod o-w)", extra=f"additional_checksd: {more}\n", env=env)

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

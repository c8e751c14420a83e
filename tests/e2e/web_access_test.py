"""Who reaches the agent's pages: TLS, passwords and certificates, with curl, openssl and Python as clients."""
import concurrent.futures
import crypt
import http.client
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import SOON_S, Confd, clean_environment, free_port, run, wait_until  # noqa: E402
from certificates import Certificates  # noqa: E402

PROGRAM = ""
PASSWORD = "correct horse: battery"


def bcrypt(password, prefix="2b"):
    return crypt.crypt(password, f"${prefix}$04$abcdefghijklmnopqrstuu")


class Guarded:
    """An agent with a file of rules."""

    def __init__(self, rules, host="127.0.0.1", has_history=False):
        self.folder = Confd()
        extra = f"history:\n  path: {self.folder.root}/history.db\n" if has_history else ""
        self.rules = self.folder.root / "web.yml"
        self.rules.write_text(rules)
        self.port, self.metrics_port = free_port(), free_port()
        named = f"web:\n  config_file: {self.rules}\n" if rules else ""
        config = self.folder.config(f"confd_path: {self.folder.confd}\nexpvar_host: {host}\nexpvar_port: {self.port}\n"
                                    f"prometheus:\n  listen: {host}:{self.metrics_port}\n{named}{extra}")
        self.log_path = self.folder.root / "heapwatch.log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", str(config), "run"], stderr=log, stdout=log, env=clean_environment(DD_HISTORY_ENABLED=str(has_history).lower()))
        try:
            wait_until(lambda: self.process.poll() is not None or self._listens(), "the agent")
            if self.process.poll() is not None:
                raise AssertionError(self.log())
        except BaseException:
            self.close()
            raise

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text()

    def url(self, path="/debug/vars", port=None, scheme="https"):
        return f"{scheme}://127.0.0.1:{port or self.port}{path}"

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=60)
        self.folder.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class WebAccessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates([
            ("server", "ca", "IP:127.0.0.1,DNS:localhost"), ("client", "ca", "DNS:scraper.example,email:ops@example.com"),
            ("other", "ca", "DNS:other.example"), ("forged", "stranger", "DNS:scraper.example"), ("newer", "ca", "IP:127.0.0.1")])
        cls.addClassCleanup(cls.made.close)

    def tls(self, more=""):
        return f"tls_server_config:\n  cert_file: {self.made.file('server.pem')}\n  key_file: {self.made.file('server.key')}\n{more}"

    @staticmethod
    def users(**hashes):
        return "basic_auth_users:\n" + "".join(f"  {name}: {value}\n" for name, value in hashes.items())

    def curl(self, url, *arguments):
        """The status, 0 where there is none, and the body."""
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", "30", "-w", "\n%{http_code}", "--cacert", self.made.file("ca.pem"), *arguments, url],
                              capture_output=True, text=True, errors="replace", env=clean_environment(), check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def status(self, url, *arguments):
        return self.curl(url, *arguments)[0]

    def as_client(self, name):
        return ("--cert", self.made.file(f"{name}.pem"), "--key", self.made.file(f"{name}.key"))

    def test_a_password_opens_every_page_over_tls_and_nothing_else_does(self):
        with Guarded(self.tls() + self.users(ops=bcrypt(PASSWORD), old=bcrypt("x", "2y"))) as agent:
            for url in (agent.url(), agent.url("/"), agent.url("/metrics", agent.metrics_port), agent.url("/debug/pprof/heap")):
                self.assertEqual(self.status(url, "-u", f"ops:{PASSWORD}"), 200, url)
                self.assertEqual(self.status(url), 401, url)
                self.assertEqual(self.status(url, "-u", "ops:wrong"), 401, url)
                self.assertEqual(self.status(url, "-u", f"nobody:{PASSWORD}"), 401, url)
                self.assertEqual(self.status(url, "-u", "ops:"), 401, url)
                self.assertEqual(self.status(url, "-H", "Authorization: Basic %%%"), 401, url)
                self.assertEqual(self.status(url, "-H", "Authorization: Bearer abc"), 401, url)
                self.assertEqual(self.status(url.replace("https", "http"), "-u", f"ops:{PASSWORD}"), 0, url)
            self.assertEqual(self.status(agent.url(), "-u", "old:x"), 200)
            answer = subprocess.run(["curl", "-sSi", "-k", agent.url()], capture_output=True, text=True, env=clean_environment(), check=True).stdout
            self.assertIn('WWW-Authenticate: Basic realm="heapwatch", charset="UTF-8"', answer)

    def test_a_page_that_many_ask_for_at_once_is_not_given_to_who_has_no_password(self):
        with Guarded(self.tls() + self.users(ops=bcrypt(PASSWORD))) as agent:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                asked = [pool.submit(self.status, agent.url("/metrics", agent.metrics_port), *(("-u", f"ops:{PASSWORD}") if i % 2 else ())) for i in range(40)]
                answers = [one.result() for one in asked]
            self.assertEqual(answers, [200 if i % 2 else 401 for i in range(40)])

    def test_certificates_of_clients_are_verified(self):
        rules = f"  client_ca_file: {self.made.file('ca.pem')}\n  client_auth_type: RequireAndVerifyClientCert\n"
        with Guarded(self.tls(rules)) as agent:
            self.assertEqual(self.status(agent.url(), *self.as_client("client")), 200)
            self.assertEqual(self.status(agent.url(), *self.as_client("other")), 200)
            self.assertEqual(self.status(agent.url(), *self.as_client("forged")), 0)
            self.assertEqual(self.status(agent.url()), 0)
        for name in ("scraper.example", "ops@example.com"):
            with Guarded(self.tls(rules + f"  client_allowed_sans: [{name}]\n")) as agent:
                self.assertEqual(self.status(agent.url(), *self.as_client("client")), 200)
                self.assertEqual(self.status(agent.url(), *self.as_client("other")), 0)
        with Guarded(self.tls(rules.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"))) as agent:
            self.assertEqual(self.status(agent.url()), 200)
            self.assertEqual(self.status(agent.url(), *self.as_client("forged")), 0)

    def test_only_the_versions_and_ciphers_that_are_wanted_are_spoken(self):
        def spoken(agent, *arguments):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}", "-cipher", "ALL:@SECLEVEL=0", *arguments],
                                  input="", capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)
            return done.returncode == 0 and "Cipher is (NONE)" not in done.stdout

        with Guarded(self.tls()) as agent:
            self.assertTrue(spoken(agent, "-tls1_2"))
            self.assertTrue(spoken(agent, "-tls1_3"))
            self.assertFalse(spoken(agent, "-tls1_1"))
        with Guarded(self.tls("  min_version: TLS13\n")) as agent:
            self.assertTrue(spoken(agent, "-tls1_3"))
            self.assertFalse(spoken(agent, "-tls1_2"))
        with Guarded(self.tls("  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  curve_preferences: [CurveP384]\n")) as agent:
            self.assertTrue(spoken(agent, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"))
            self.assertFalse(spoken(agent, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))

    def test_profiles_are_for_other_machines_only_over_tls_and_with_a_password(self):
        secrets = ("/debug/pprof/heap", "/debug/memory", "/api/v1/processes")
        cases = {"": ("http", 403, ()), self.tls(): ("https", 403, ()), self.users(ops=bcrypt(PASSWORD)): ("http", 403, ("-u", f"ops:{PASSWORD}")),
                 self.tls() + self.users(ops=bcrypt(PASSWORD)): ("https", 200, ("-u", f"ops:{PASSWORD}"))}
        for rules, (scheme, status, arguments) in cases.items():
            with Guarded(rules, host="0.0.0.0") as agent:
                for path in secrets[:2]:
                    got, body = self.curl(agent.url(path, scheme=scheme), *arguments)
                    self.assertEqual(got, status, f"{path} {rules[:20]}")
                    if status == 403:
                        self.assertIn("open to other machines only over TLS and with a password or a certificate (web.config_file)", body)
                self.assertEqual(self.status(agent.url("/debug/vars", scheme=scheme), *arguments), 200)
                self.assertEqual(self.status(agent.url("/metrics", agent.metrics_port, scheme), *arguments), 200)
        with Guarded("", host="0.0.0.0", has_history=True) as agent:
            self.assertEqual(self.status(agent.url(secrets[2], scheme="http")), 403)

    def test_python_keeps_a_connection_and_takes_long_pages_whole(self):
        context = ssl.create_default_context(cafile=self.made.file("ca.pem"))
        with Guarded(self.tls("http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n")) as agent:
            connection = http.client.HTTPSConnection("127.0.0.1", agent.port, context=context, timeout=60)
            seen = set()
            for _ in range(50):
                connection.request("GET", "/web/dygraph.js")
                answer = connection.getresponse()
                seen.add(len(answer.read()))
                self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")
            self.assertEqual(len(seen), 1)
            self.assertGreater(seen.pop(), 100_000)
            connection.request("POST", "/debug/pprof/symbol", body="0x0+" * 1000)
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    def test_a_client_that_does_not_shake_hands_is_closed_and_keeps_nobody_waiting(self):
        with Guarded(self.tls()) as agent:
            silent = [socket.create_connection(("127.0.0.1", agent.port), timeout=60) for _ in range(20)]
            for one in silent[:10]:
                one.sendall(b"\x16\x03\x01\x02\x00")  # the beginning of a hello
            began = time.monotonic()
            self.assertEqual(self.status(agent.url()), 200)
            self.assertLess(time.monotonic() - began, SOON_S)
            for one in silent:
                self.assertEqual(one.recv(100), b"")
                one.close()
            with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try:
                    answer = plain.recv(1000)
                except ConnectionResetError:
                    answer = b""
            self.assertNotIn(b"HTTP/1.1", answer)

    def test_guesses_do_not_keep_those_waiting_who_know(self):
        slow = crypt.crypt(PASSWORD, "$2b$12$abcdefghijklmnopqrstuu")  # a fifth of a second and more
        with Guarded(self.tls() + self.users(ops=slow)) as agent:
            self.assertEqual(self.status(agent.url(), "-u", f"ops:{PASSWORD}"), 200)
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                guesses = [pool.submit(self.status, agent.url(), "-u", f"ops:guess{i}") for i in range(12)]
                known = [self.status(agent.url(), "-u", f"ops:{PASSWORD}") for _ in range(5)]
                self.assertLessEqual({guess.result() for guess in guesses}, {401, 503})
            self.assertEqual(known, [200] * 5)

    def test_a_reload_reads_passwords_and_certificates_anew(self):
        with Guarded(self.tls() + self.users(ops=bcrypt(PASSWORD))) as agent:
            self.assertEqual(self.status(agent.url(), "-u", f"ops:{PASSWORD}"), 200)
            agent.rules.write_text(self.tls().replace("server.", "newer.") + self.users(ops=bcrypt("another")))
            agent.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.status(agent.url(), "-u", "ops:another") == 200, "the new password")
            self.assertEqual(self.status(agent.url(), "-u", f"ops:{PASSWORD}"), 401)
            shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}"], input="", capture_output=True, text=True, check=False).stdout
            self.assertIn("CN = newer", shown)
            agent.rules.write_text("basic_auth_users: {ops: plain}\n")
            agent.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "who may reach the pages stays as it was" in agent.log(), "the complaint")
            self.assertEqual(self.status(agent.url(), "-u", "ops:another"), 200)

    def test_a_file_that_is_wrong_keeps_the_agent_from_starting_with_a_sentence(self):
        def said(rules):
            with self.assertRaises(AssertionError) as raised:
                Guarded(rules).close()
            return str(raised.exception)

        self.assertIn('web.yml:2:8: basic_auth_users -> ops is not a bcrypt hash; htpasswd -nBC 10 NAME makes one'.split(":", 3)[3], said("basic_auth_users:\n  ops: secret\n"))
        self.assertNotIn("hunter2", said("basic_auth_users:\n  ops: hunter2\n"))
        self.assertIn('unknown key "basic_auth_user"; did you mean "basic_auth_users"?', said("basic_auth_user: {}\n"))
        self.assertIn("not the key of the certificate in", said(self.tls().replace("server.key", "other.key")))
        self.assertIn("no client_ca_file", said(self.tls("  client_auth_type: RequireAndVerifyClientCert\n")))
        self.assertIn("nowhere.pem", said("tls_server_config: {cert_file: nowhere.pem, key_file: k}\n"))

    def test_status_asks_an_agent_that_speaks_tls(self):
        with Guarded(self.tls()) as agent:
            done = run(PROGRAM, "-c", agent.folder.root / "heapwatch.yaml", "status", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["pid"], agent.process.pid)
        with Guarded(self.tls() + self.users(ops=bcrypt(PASSWORD))) as agent:
            done = run(PROGRAM, "-c", agent.folder.root / "heapwatch.yaml", "status")
            self.assertEqual(done.returncode, 1)
            self.assertIn("DD_WEB_USER", done.stderr)
            named = {"DD_WEB_USER": "ops", "DD_WEB_PASSWORD": PASSWORD}
            self.assertEqual(run(PROGRAM, "-c", agent.folder.root / "heapwatch.yaml", "status", env=named).returncode, 0)


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    unittest.main(argv=sys.argv[:1])

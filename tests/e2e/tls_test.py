"""Targets over https, as conf.d describes them: what is verified, and what a failure says."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, run, wait_until  # noqa: E402
from certificates import server_and_client  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = server_and_client()

    def check(self, options, server="server", client_ca=None):
        """One run of the check against a server with that certificate."""
        with Pages({"/debug/vars": b'{"n": 1}'}, tls=self.made.server(server, client_ca)) as pages, Confd() as folder:
            lines = "".join(f"    {key}: {value}\n" for key, value in options.items())
            folder.write("go_expvar.d/conf.yaml", f"instances:\n  - expvar_url: {pages.url()}\n    memstats: false\n"
                         "    metrics: [{path: n}]\n" + lines)
            return run(PROGRAM, "--confd", folder.confd, "-l", "off", "check", "go_expvar", "--table")

    def passes(self, options, **server):
        done = self.check(options, **server)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("go_expvar.n", done.stdout)

    def fails(self, options, words, **server):
        done = self.check(options, **server)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("go_expvar.n", done.stdout)
        self.assertIn(words, done.stdout + done.stderr)

    def test_a_certificate_of_no_known_authority_is_refused_by_default(self):
        self.fails({}, "name its authority with tls_ca_cert, or accept any certificate with tls_verify: false")

    def test_the_authority_in_the_configuration_is_trusted(self):
        self.passes({"tls_ca_cert": self.made.file("ca.pem")})

    def test_another_authority_is_not(self):
        self.fails({"tls_ca_cert": self.made.file("stranger.pem")}, "SSL certificate problem")

    def test_verification_can_be_turned_off(self):
        self.passes({"tls_verify": "false"})
        self.passes({"ssl_verify": "false"})

    def test_a_certificate_for_another_name_is_refused_unless_the_name_does_not_count(self):
        self.fails({"tls_ca_cert": self.made.file("ca.pem")}, "127.0.0.1", server="elsewhere")
        self.passes({"tls_ca_cert": self.made.file("ca.pem"), "tls_validate_hostname": "false"}, server="elsewhere")

    def test_a_server_that_asks_for_a_certificate_gets_the_configured_one(self):
        known = {"tls_ca_cert": self.made.file("ca.pem")}
        self.fails(known, "the server may want a client certificate (tls_cert, tls_private_key)", client_ca="ca.pem")
        mine = {"tls_cert": self.made.file("client.pem"), "tls_private_key": self.made.file("client.key")}
        self.passes({**known, **mine}, client_ca="ca.pem")
        strange = {"tls_cert": self.made.file("stranger.pem"), "tls_private_key": self.made.file("stranger.key")}
        self.fails({**known, **strange}, "https://127.0.0.1:", client_ca="ca.pem")

    def test_the_agent_collects_over_mutual_tls(self):
        with Pages({"/debug/vars": b'{"n": 7}'}, tls=self.made.server("server", "ca.pem")) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"instances:\n  - expvar_url: {pages.url()}\n"
                         f"    tls_ca_cert: {self.made.file('ca.pem')}\n    tls_cert: {self.made.file('client.pem')}\n"
                         f"    tls_private_key: {self.made.file('client.key')}\n    min_collection_interval: 0.2\n"
                         "    metrics: [{path: n}]\n")
            with Agent(PROGRAM, folder) as agent:
                page = wait_until(lambda: "go_expvar_n{" in agent.metrics() and agent.metrics(), "the series")
                self.assertRegex(page, r"go_expvar_n\{[^}]*\} 7\n")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

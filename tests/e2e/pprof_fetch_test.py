"""heapwatch pprof fetches from real Go programs and from servers with every manner: what it asks, says, keeps and refuses."""
import base64
import contextlib
import gzip
import http.server
import os
import pathlib
import pty
import select
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import clean_environment, free_port, run  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = GO_TARGET = ""
KINDS = ["heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "profile", "trace"]
HEAP_TYPES = "alloc_objects.alloc_space.inuse_objects.inuse_space"


def fetch_bytes(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return answer.read()


class WithFolder(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.saved = self.folder / "saved"
        self.env = {"PPROF_TMPDIR": str(self.saved), "HOME": str(self.folder), "TZ": "UTC", "TERM": "xterm"}

    def pprof(self, *arguments, env=None, stdin=""):
        done = run(PROGRAM, "pprof", *arguments, env={**self.env, **(env or {})}, stdin=stdin)
        self.last = done
        return done

    def saved_files(self):
        return sorted(path.name for path in self.saved.iterdir()) if self.saved.exists() else []


class RealProgramTest(WithFolder):
    @classmethod
    def setUpClass(cls):
        cls.go = GoProgram(GO_TARGET)
        cls.addClassCleanup(cls.go.stop)
        cls.host = f"127.0.0.1:{cls.go.port}"

    def test_a_kind_of_a_host_is_fetched_kept_and_reported(self):
        done = self.pprof("-top", "--kind", "heap", self.host)
        path = f"{self.saved}/pprof.go_target.{HEAP_TYPES}.001.pb.gz"
        self.assertEqual(done.stderr, f"Fetching profile over HTTP from http://{self.host}/debug/pprof/heap\n"
                                      f"Saved profile in {path}\n")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\AFile: go_target\n(Build ID: .*\n)?Type: inuse_space\nTime: .* UTC\nShowing nodes")
        self.assertEqual(self.pprof("-top", path).stdout, done.stdout)
        self.pprof("-top", "-kind=heap", f"http://{self.host}/debug/pprof/")
        self.assertEqual(self.saved_files(), [f"pprof.go_target.{HEAP_TYPES}.00{n}.pb.gz" for n in (1, 2)])

    def test_every_kind_of_profile_is_read(self):
        types = {"heap": "inuse_space", "allocs": "alloc_space", "goroutine": "goroutine", "threadcreate": "threadcreate",
                 "block": "delay", "mutex": "delay"}
        for kind, name in types.items():
            done = self.pprof("-top", f"http://{self.host}/debug/pprof/{kind}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"\nType: {name}\n", done.stdout)

    def test_a_host_alone_is_asked_for_a_cpu_profile(self):
        done = self.pprof("-top", "-seconds", "1", self.host)
        self.assertEqual(done.stderr.splitlines()[:2], [
            f"Fetching profile over HTTP from http://{self.host}/debug/pprof/profile?seconds=1", "Please wait... (1s)"])
        self.assertIn("\nType: cpu\n", done.stdout)

    def test_names_in_a_text_profile_are_read(self):
        done = self.pprof("-peek=main.main$", f"http://{self.host}/debug/pprof/goroutine?debug=1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| main.main\n", done.stdout)

    def test_what_the_server_says_is_told(self):
        url = f"http://{self.host}/debug/pprof/nothing"
        done = self.pprof("-top", url)
        self.assertEqual(done.stderr.splitlines()[1:], [f"{url}: server response: 404 Not Found - Unknown profile",
                                                        "pprof: failed to fetch any source profiles"])
        self.assertEqual((done.returncode, done.stdout, self.saved_files()), (2, "", []))

    def test_a_trace_is_kept_and_told_to_be_no_profile(self):
        done = self.pprof("-top", "-kind", "trace", "-seconds=1", self.host)
        path = f"{self.saved}/pprof.trace.001.out"
        self.assertIn(f"{self.host}: an execution trace, not a profile; saved in {path} for `go tool trace`\n", done.stderr)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(pathlib.Path(path).read_bytes().startswith(b"go 1."))

    def test_a_trace_of_which_no_report_is_asked_for_is_just_kept(self):
        for arguments in (["-kind=trace", "-seconds=1", self.host], [f"http://{self.host}/debug/pprof/trace?seconds=1"]):
            done = self.pprof(*arguments)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            self.assertRegex(done.stderr, r"\nSaved trace in \S+/pprof\.trace\.00[12]\.out: an execution trace, not a profile; "
                                          r"`go tool trace` shows it\n\Z")
        gone = self.pprof(f"http://{self.host}/gone/trace")
        self.assertEqual(gone.returncode, 2)
        self.assertIn(f"http://{self.host}/gone/trace: server response: 404", gone.stderr)

    def test_save_keeps_a_profile_as_it_came(self):
        path = self.folder / "myheap.profile"
        done = self.pprof("save", f"{self.host}/debug/pprof/heap", "-o", path)
        self.assertEqual(done.stderr, f"Fetching profile over HTTP from http://{self.host}/debug/pprof/heap\n"
                                      f"Saved profile in {path}\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("Type: inuse_space", self.pprof("-top", path).stdout)
        self.assertEqual(self.saved_files(), [])

    def test_save_all_keeps_every_kind_in_a_folder(self):
        folder = self.folder / "all"
        done = self.pprof("save", "--all", self.host, "-o", folder, "-seconds", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in folder.iterdir()),
                         sorted(f"{kind}.pb.gz" for kind in KINDS if kind != "trace") + ["trace.out"])
        self.assertIn(f"Saved trace in {folder}/trace.out: an execution trace, not a profile; `go tool trace` shows it\n",
                      done.stderr)
        again = self.folder / "again"
        self.assertEqual(self.pprof("save", "-all", "-seconds=1", self.host, f"{again}/").returncode, 0, self.last.stderr)
        self.assertEqual(len(list(again.iterdir())), 8)
        for kind in KINDS[:-1]:
            self.assertEqual(self.pprof("-top", folder / f"{kind}.pb.gz").returncode, 0, kind)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class OtherSidesTest(WithFolder):
    @classmethod
    def setUpClass(cls):
        with GoProgram(GO_TARGET) as go:
            cls.profile = fetch_bytes(go.url("/debug/pprof/heap"))

    def serve(self, pages):
        server = Pages(pages)
        self.addCleanup(server.close)
        return server

    def serve_by(self, server, wrap=None):
        profile = self.profile
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, dict(self.headers)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(profile)))
                self.end_headers()
                self.wfile.write(profile)

            def address_string(self):
                return ""

            def log_message(self, *_):
                pass

        made = server(Handler)
        if wrap:
            made.socket = wrap(made.socket)
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self.addCleanup(made.server_close)
        self.addCleanup(made.shutdown)
        return made, seen

    def test_sources_are_fetched_at_the_same_time_and_added_up(self):
        together = threading.Barrier(3, timeout=60)

        def page(handler):
            together.wait()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(self.profile)))
            handler.end_headers()
            handler.wfile.write(self.profile)

        server = self.serve({"/a": page, "/b": page, "/c": page})
        one = self.folder / "one.pb.gz"
        one.write_bytes(self.profile)
        done = self.pprof("-traces", *(server.url(path) for path in "/a /b /c".split()))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, self.pprof("-traces", one, one, one).stdout)

    def test_a_source_that_fails_is_left_out(self):
        server = self.serve({"/a": self.profile})
        done = self.pprof("-top", server.url("/a"), server.url("/gone"))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr.splitlines()[2:4], [f"{server.url('/gone')}: server response: 404 Not Found",
                                                         "Fetched 1 source profiles out of 2"])

    def test_nobody_there_is_a_sentence(self):
        host = f"127.0.0.1:{free_port()}"
        done = self.pprof("-top", "-kind", "heap", host)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.splitlines()[1], rf"\A{host}: .*refused")
        missing = self.pprof("-top", "missing.profile")
        self.assertEqual(missing.stderr, "missing.profile: open missing.profile: no such file or directory\n"
                                         "pprof: failed to fetch any source profiles\n")

    def test_errors_name_the_url_once(self):
        url = f"http://127.0.0.1:{free_port()}/debug/pprof/heap"
        for arguments in (["-top", url], ["save", url]):
            done = self.pprof(*arguments)
            self.assertEqual(done.stderr.splitlines()[1].count(url), 1, done.stderr)
        for arguments in (["-top", "http://localhost:99999"], ["save", "http://localhost:99999"]):
            self.assertEqual(self.pprof(*arguments).stderr.splitlines()[0].count("localhost:99999"), 1, self.last.stderr)
        gone = f"unix://{self.folder}/gone.sock/x"
        told = self.pprof("-top", gone).stderr.splitlines()[1]
        self.assertRegex(told, rf"\A{gone}: cannot connect: ")
        self.assertEqual(told.count("gone.sock"), 1)

    def test_a_timeout_is_told_as_it_was_asked_for(self):
        end = threading.Event()
        self.addCleanup(end.set)
        server = self.serve({path: lambda handler: end.wait(60) for path in ("/slow", "/debug/pprof/profile")})
        for path in ("/slow", "/debug/pprof/profile"):
            done = self.pprof("-top", "-timeout=1", server.url(path))
            self.assertEqual(done.stderr.splitlines()[1], f"{server.url(path)}: not complete within 1 s (-timeout); "
                                                          "raise it if the page takes that long")

    def test_sources_that_are_too_large_are_refused_by_their_size_or_at_the_limit(self):
        def announced(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "5000000000")
            handler.end_headers()
            handler.wfile.write(b"\x1f\x8b")

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    handler.wfile.write(bytes(65536))
            handler.close_connection = True

        server = self.serve({"/announced": announced, "/endless": endless})
        for flags, path, most in (([], "/announced", 2147483648), (["-profile_bytes_max=20000000"], "/endless", 20000000)):
            command = [PROGRAM, "pprof", "-top", *flags, server.url(path)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_environment(**self.env)) as process:
                told = process.stderr.read()
                _, _, used = os.wait4(process.pid, 0)
                process.returncode = 0
            self.assertEqual(told.splitlines()[1], f"{server.url(path)}: more than {most} bytes; raise -profile_bytes_max if such "
                                                   "a profile is expected")
            self.assertLess(used.ru_maxrss, 500_000)
        large = self.folder / "large.profile"
        with open(large, "wb") as file:
            file.truncate(5_000_000_000)
        self.assertEqual(self.pprof("-top", large).stderr.splitlines()[0],
                         f"{large}: larger than the limit of 2147483648 bytes (-profile_bytes_max)")
        self.assertEqual(self.pprof("-top", "-profile_bytes_max=1000000", "/dev/zero").stderr.splitlines()[0],
                         "/dev/zero: larger than the limit of 1000000 bytes (-profile_bytes_max)")

    def test_a_program_is_no_profile(self):
        self.assertEqual(self.pprof("-top", "/bin/ls").stderr.splitlines()[0],
                         "/bin/ls: parsing profile: unrecognized profile format: it is a program, not a profile")

    def test_unix_sockets_are_sources(self):
        path = self.folder / "app.sock"
        _, seen = self.serve_by(lambda handler: UnixServer(str(path), handler))
        done = self.pprof("-top", f"unix://{path}/debug/pprof/heap")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"Fetching profile over HTTP from unix://{path}/debug/pprof/heap\n", done.stderr)
        self.assertEqual(self.pprof("-top", "-kind=allocs", f"unix://{path}").returncode, 0, self.last.stderr)
        self.assertEqual([page for page, _ in seen], ["/debug/pprof/heap", "/debug/pprof/allocs"])

    def test_queries_are_sorted_and_get_the_seconds(self):
        server = self.serve({"/x": self.profile})
        done = self.pprof("-top", "-seconds=3", server.url("/x?b=1&seconds=9&a=2"))
        self.assertEqual(server.requests[0][0], "/x?a=2&b=1&seconds=3")
        # Values of a query may be secrets.
        self.assertIn(f"from {server.url('/x?a=...&b=...&seconds=3')}\nPlease wait... (3s)\n", done.stderr)

    def test_credentials_are_sent_and_not_shown(self):
        server = self.serve({"/x": self.profile})
        token = self.folder / "token"
        token.write_text("from-a-file\n")
        basic = "Basic " + base64.b64encode(b"me:s3cret").decode()
        cases = [(["-user", "me:s3cret"], "Authorization", basic), (["-token=s3cret"], "Authorization", "Bearer s3cret"),
                 (["-token_file", str(token)], "Authorization", "Bearer from-a-file"),
                 (["-header", "X-Key: s3cret"], "X-Key", "s3cret")]
        for flags, name, value in cases:
            done = self.pprof("-top", *flags, server.url("/x"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(server.requests[-1][1].get(name), value)
            self.assertNotIn("s3cret", done.stderr)
        url = server.url("/x").replace("http://", "http://me:s3cret@")
        self.assertEqual(self.pprof("-top", url).returncode, 0, self.last.stderr)
        self.assertEqual(server.requests[-1][1]["Authorization"], basic)
        self.assertNotIn("s3cret", self.last.stderr)
        failed = self.pprof("-top", url.replace("/x", "/gone"))
        self.assertIn("server response: 404", failed.stderr)
        self.assertNotIn("s3cret", failed.stderr)

    def serve_tls(self, wants_client):
        key, certificate = self.folder / "key.pem", self.folder / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificate)
        made, _ = self.serve_by(lambda handler: Server(("127.0.0.1", 0), handler),
                                lambda sock: context.wrap_socket(sock, server_side=True))
        return f"localhost:{made.server_address[1]}/x", key, certificate

    def test_a_certificate_of_ours_is_shown_to_whom_wants_one(self):
        host, key, certificate = self.serve_tls(wants_client=True)
        ours = ["-tls_ca", certificate, "-tls_cert", certificate, "-tls_key", key]
        self.assertEqual(self.pprof("-top", *ours, f"https://{host}").returncode, 0, self.last.stderr)
        without = self.pprof("-top", "-tls_ca", certificate, f"https://{host}")
        self.assertEqual(without.returncode, 2)
        self.assertIn("certificate", without.stderr)

    def test_certificates_are_checked_unless_told_otherwise(self):
        host, _, certificate = self.serve_tls(wants_client=False)
        refused = self.pprof("-top", f"https://{host}")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("certificate", refused.stderr)
        for flags, url in ((["-tls_ca", str(certificate)], f"https://{host}"), (["-tls_insecure"], f"https://{host}"),
                           ([], f"https+insecure://{host}")):
            self.assertEqual(self.pprof("-top", *flags, url).returncode, 0, self.last.stderr)
        alone = self.pprof("-top", "-tls_cert", str(certificate), f"https://{host}")
        self.assertEqual(alone.returncode, 2)
        self.assertIn("tls_key", alone.stderr)

    def test_wrong_kinds_and_addresses_are_told_before_anything_is_asked(self):
        for arguments, message in (
                (["-kind", "haep", "localhost:1"], 'unknown profile kind "haep"; did you mean "heap"? (Go has heap allocs'),
                (["-kind", "heap", "localhost:1/debug/pprof/block"],
                 "the URL asks for /debug/pprof/block and --kind for heap; leave one of them out"),
                (["localhost:1/debug/pprof/"], "this page lists the profiles; say which one is meant, such as --kind heap"),
                (["-user", "a:b", "-token", "c", "localhost:1"], "exclude one another"),
                (["-header", "no colon", "localhost:1"], "-header takes `Name: value`"),
                (["-kind", "heap", "http://localhost:99999"], "port from 1 to 65535")):
            done = self.pprof("-top", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(message, done.stderr)
            self.assertNotIn("Fetching", done.stderr)

    def test_save_refuses_what_it_cannot_do(self):
        server = self.serve({"/x": self.profile})
        path = self.folder / "gone.profile"
        done = self.pprof("save", server.url("/gone"), "-o", path)
        self.assertEqual((done.returncode, done.stderr.splitlines()[1:]),
                         (2, [f"pprof: {server.url('/gone')}: server response: 404 Not Found"]))
        self.assertFalse(path.exists())
        self.assertIn("save needs the URL", self.pprof("save").stderr)
        self.assertIn("is a second one", self.pprof("save", "a:1", "b:2").stderr)
        self.assertIn("exclude one another", self.pprof("save", "-all", "-kind=heap", "a:1").stderr)
        self.assertIn("not defined: -secnds; did you mean", self.pprof("save", "-secnds", "3", "a:1").stderr)
        unwritable = self.pprof("save", server.url("/x"), "-o", self.folder / "no" / "folder")
        self.assertIn("No such file or directory", unwritable.stderr)
        self.assertEqual(unwritable.returncode, 2)

    def test_save_writes_to_the_standard_output_and_to_numbered_files(self):
        server = self.serve({"/debug/pprof/heap": self.profile})
        done = subprocess.run([PROGRAM, "pprof", "save", "-kind=heap", server.url(""), "-o", "-"], capture_output=True,
                              env=clean_environment(**self.env), timeout=60, check=True)
        self.assertEqual(done.stdout, self.profile)
        for _ in range(2):
            self.pprof("save", server.url("/debug/pprof/heap"))
        self.assertEqual(self.saved_files(), ["pprof.heap.001.pb.gz", "pprof.heap.002.pb.gz"])
        self.assertEqual((self.saved / "pprof.heap.001.pb.gz").read_bytes(), self.profile)

    def test_long_fetches_show_progress_on_a_terminal(self):
        shown = threading.Event()

        def page(handler):
            shown.wait(60)
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(self.profile)))
            handler.end_headers()
            handler.wfile.write(self.profile)

        server = self.serve({"/x": page})
        master, slave = pty.openpty()
        with subprocess.Popen([PROGRAM, "pprof", "-top", "-seconds=30", server.url("/x")], stdout=subprocess.PIPE,
                              stderr=slave, env=clean_environment(**self.env)) as process:
            os.close(slave)
            text = b""
            while b" of 30s" not in text:
                self.assertTrue(select.select([master], [], [], 60)[0], text)
                text += os.read(master, 4096)
            shown.set()
            self.assertIn(b"Showing nodes", process.stdout.read())
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 4096):
                text += chunk
        os.close(master)
        # The line of progress is gone before anything else is said.
        self.assertRegex(text, rb"\r\x1b\[K  1s of 30s(.|\n)*\r\x1b\[KSaved profile in ")

    def test_an_answer_that_is_larger_than_the_limit_is_refused(self):
        server = self.serve({"/x": b"\0" * 3_000_000})
        done = self.pprof("-top", "-profile_bytes_max=1000000", server.url("/x"))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("1000000 bytes", done.stderr)

    def test_the_saved_profile_is_what_was_fetched(self):
        server = self.serve({"/x": self.profile})
        self.pprof("-top", server.url("/x"))
        saved = gzip.decompress((self.saved / self.saved_files()[0]).read_bytes())
        again = subprocess.run([PROGRAM, "pprof", "-proto", str(self.saved / self.saved_files()[0])], capture_output=True,
                               env=clean_environment(**self.env), timeout=60, check=True)
        self.assertEqual(gzip.decompress(again.stdout), saved)

    def test_the_next_folder_is_taken_where_the_first_cannot_be_made(self):
        server = self.serve({"/x": self.profile})
        blocked = self.folder / "file"
        blocked.write_text("")
        temporary = self.folder / "temporary"
        temporary.mkdir()
        done = self.pprof("-top", server.url("/x"), env={"PPROF_TMPDIR": str(blocked / "a"), "HOME": str(blocked),
                                                         "TMPDIR": str(temporary)})
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"Saved profile in {temporary}/pprof.go_target.", done.stderr)
        self.assertIn("Showing nodes", done.stdout)


if __name__ == "__main__":
    PROGRAM, GO_TARGET = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()

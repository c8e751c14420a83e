"""`heapwatch pprof` names what comes without names: by the files of the program, as `go tool pprof` does, and by the program."""
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, run  # noqa: E402
from gperftools import heap_profile  # noqa: E402

PROGRAM = ""
SOURCES = pathlib.Path(__file__).resolve().parent.parent / "symbols" / "programs"


def rows(report):
    """Of `-top`: {what: flat}."""
    found = {}
    for line in report.splitlines():
        match = re.match(r"\s*(\S+)\s+\S+%\s+\S+%\s+\S+\s+\S+%\s+(.*?)( \((?:partial-)?inline\))?$", line)
        if match:
            found[match[2]] = match[1]
    return found


class Answers(http.server.BaseHTTPRequestHandler):
    """gperftools' pages of a program: its profile, and the names of addresses."""
    profile = b""
    names = {}
    asked = []

    def do_GET(self):
        self.answer(self.profile if self.path == "/pprof/heap" else b"", 200 if self.path == "/pprof/heap" else 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append((self.path, body))
        lines = [f"{address}\t{self.names[int(address, 16)]}\n" for address in body.split("+") if int(address, 16) in self.names]
        self.answer(("num_symbols: 1\n" + "".join(lines)).encode())

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class SymbolsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapwatch-names-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.environment = clean_environment(HOME=cls.folder, TZ="UTC")
        cls.program = cls.path("program")
        subprocess.run(["gcc", "-g", "-O0", "-no-pie", "-o", cls.program, str(SOURCES / "inlined.c")], check=True)
        cls.moving = cls.path("moving")
        subprocess.run(["gcc", "-g", "-O0", "-o", cls.moving, str(SOURCES / "inlined.c")], check=True)
        cls.inlining = cls.path("inlining")
        subprocess.run(["g++", "-std=c++17", "-g", "-O2", "-o", cls.inlining, str(SOURCES / "templates.cpp")], check=True)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def profile(self, program, base=0, **options):
        return heap_profile(self.folder, program, base, **options)

    def ours(self, *args, **environment):
        done = run(PROGRAM, "pprof", *args, env={**self.environment, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def theirs(self, *args):
        done = subprocess.run(["go", "tool", "pprof", *args], capture_output=True, text=True, timeout=120, env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_functions_and_lines_are_those_of_go_tool_pprof(self):
        # Debian's Go counts from the wrong place in programs that run at the addresses of their file.
        profile = self.profile(self.moving, 0x560000000000, step=3)
        for flags in (["-functions"], ["-lines"]):
            arguments = ["-top", "-nodefraction=0", "-unit=B", *flags, profile]
            ours = rows(self.ours(*arguments).stdout)
            theirs = rows(self.theirs("-symbolize=force", *arguments))
            known = {name: value for name, value in theirs.items() if ":" in name or name in ("main", "count_rows", "add_row", "new_row")}
            self.assertGreater(len(known), 3, theirs)
            self.assertEqual({name: ours.get(name) for name in known}, known)

    def test_list_shows_the_lines_of_native_code(self):
        text = self.ours("-list", "^add_row$", self.profile(self.program)).stdout
        self.assertRegex(text, r"ROUTINE =+ add_row in \S+/inlined\.c\n")
        self.assertRegex(text, r"\n +[0-9.]+k?B +[0-9.]+k?B +\d+:  struct row \*row = new_row\(text\);\n")

    def test_inlined_calls_of_a_program_that_runs_anywhere(self):
        profile = self.profile(self.inlining, 0x7f0000000000)
        text = self.ours("-traces", profile).stdout
        self.assertRegex(text, r"shop::Item::Item \(inline\)\n")
        self.assertRegex(text, r"main\n")
        full = self.ours("-symbolize=demangle=full", "-top", "-nodefraction=0", profile).stdout
        self.assertIn("shop::Item<3>::price() const", full)
        self.assertIn("shop::Item<3>::price\n", self.ours("-symbolize=demangle=templates", "-top", "-nodefraction=0", profile).stdout)
        self.assertIn("_ZNK4shop4ItemILi3EE5priceEv", self.ours("-symbolize=demangle=none", "-top", "-nodefraction=0", profile).stdout)

    def test_names_alone_and_no_names(self):
        profile = self.profile(self.program)
        fast = self.ours("-symbolize=fastlocal", "-top", "-lines", profile).stdout
        self.assertIn("add_row", fast)
        self.assertNotIn("inlined.c", fast)
        self.assertNotIn("add_row", self.ours("-symbolize=none", "-top", profile).stdout)

    def test_binaries_are_found_in_a_folder_or_named(self):
        profile = self.profile(self.program, mapped_as="/gone/program")
        done = self.ours("-top", profile)
        self.assertNotIn("add_row", done.stdout)
        self.assertIn("Local symbolization failed for program: /gone/program: No such file or directory\n", done.stderr)
        self.assertIn("Try setting PPROF_BINARY_PATH to the search path for local binaries.\n", done.stderr)
        self.assertIn("add_row", self.ours("-top", profile, PPROF_BINARY_PATH=f"/none:{self.folder}").stdout)
        self.assertIn("add_row", self.ours("-top", self.program, profile).stdout)
        folder = pathlib.Path(self.folder, "pprof", "binaries")
        folder.mkdir(parents=True)
        shutil.copy(self.program, folder)
        self.assertIn("add_row", self.ours("-top", profile).stdout)
        shutil.rmtree(folder.parent)

    def test_a_program_of_gperftools_is_asked(self):
        path = self.profile(self.program, mapped_as="/gone/program", step=64)
        Answers.profile = pathlib.Path(path).read_bytes()
        addresses = {int(word, 16) - 1 for word in re.findall(r"@ (0x\w+)", Answers.profile.decode())}
        Answers.names = {address: "_ZN4shop4workEv" for address in addresses}
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/pprof/heap"
            text = self.ours("-top", url, PPROF_TMPDIR=self.folder).stdout
            self.assertEqual(list(rows(text)), ["shop::work"])
            self.assertEqual([asked[0] for asked in Answers.asked], ["/pprof/symbol"])
            self.assertEqual({int(word, 16) for word in Answers.asked[0][1].split("+")}, addresses)
            self.assertEqual(self.ours("-top", "-symbolize=local", url, PPROF_TMPDIR=self.folder).returncode, 0)
            self.assertEqual(len(Answers.asked), 1)
            server.shutdown()

    def stripped(self, name):
        """A program without names: its profile, its build id, and the file that has what was taken away."""
        program = self.path(name)
        subprocess.run(["gcc", "-g", "-O0", "-Wl,--build-id", f"-DNAME={name}", "-o", program, str(SOURCES / "inlined.c")], check=True)
        subprocess.run(["objcopy", "--only-keep-debug", program, program + ".apart"], check=True)
        profile = self.profile(program, 0x560000000000)
        subprocess.run(["strip", program], check=True)
        notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
        return profile, re.search(r"Build ID: (\w+)", notes)[1], program + ".apart"

    def test_debugging_information_in_folders_of_the_user(self):
        profile, build_id, apart = self.stripped("kept_apart")
        self.assertNotIn("add_row", self.ours("-top", profile).stdout)
        folder = pathlib.Path(self.folder, "debug", ".build-id", build_id[:2])
        folder.mkdir(parents=True)
        os.rename(apart, folder / f"{build_id[2:]}.debug")
        text = self.ours("-top", "-lines", profile, HEAPWATCH_DEBUG_PATH=f"/none::{self.folder}/debug").stdout
        self.assertRegex(text, r"add_row \S+/inlined\.c:\d+\n")

    def serve(self, files, status=404):
        """A debuginfod server: its URL, and the paths that were asked."""
        asked = []

        class Server(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                body = files.get(self.path)
                self.send_response(status if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}", asked

    def test_debugging_information_from_a_server(self):
        profile, build_id, apart = self.stripped("served")
        page = f"/buildid/{build_id}/debuginfo"
        content = pathlib.Path(apart).read_bytes()
        without, asked_without = self.serve({})
        url, asked = self.serve({page: content})
        cache = self.path("cache")
        # None is asked that was not named.
        self.assertNotIn("add_row", self.ours("-top", profile, DEBUGINFOD_CACHE_PATH=cache).stdout)
        self.assertFalse(os.path.exists(cache))
        done = self.ours("-top", "-lines", "-token=secret", profile, DEBUGINFOD_URLS=f"{without} {url}/", DEBUGINFOD_CACHE_PATH=cache)
        self.assertRegex(done.stdout, r"add_row \S+/inlined\.c:\d+\n")
        self.assertEqual(done.stderr, "")
        # The credentials are for the program that served the profile.
        self.assertEqual((asked_without, asked), ([(page, None)], [(page, None)]))
        self.assertEqual(pathlib.Path(cache, build_id, "debuginfo").read_bytes(), content)
        # What is there is not asked for again.
        self.assertIn("add_row", self.ours("-top", profile, DEBUGINFOD_URLS=url, DEBUGINFOD_CACHE_PATH=cache).stdout)
        self.assertEqual(len(asked), 1)

    def test_what_a_server_must_not_do(self):
        profile, build_id, apart = self.stripped("refused")
        page = f"/buildid/{build_id}/debuginfo"
        content = pathlib.Path(apart).read_bytes()
        url, asked = self.serve({page: content})
        done = self.ours("-top", profile, DEBUGINFOD_URLS=url, DEBUGINFOD_CACHE_PATH=self.path("small"), DEBUGINFOD_MAXSIZE="100")
        self.assertNotIn("add_row", done.stdout)
        self.assertIn(f"debuginfod: {url}: more than 100 bytes", done.stderr)
        # The file of another program is not taken.
        other = content.replace(bytes.fromhex(build_id), bytes(len(build_id) // 2))
        url, _ = self.serve({page: other})
        done = self.ours("-top", profile, DEBUGINFOD_URLS=url, DEBUGINFOD_CACHE_PATH=self.path("other"))
        self.assertNotIn("add_row", done.stdout)
        # One that fails is told of, once, and costs the names alone.
        url, _ = self.serve({}, status=500)
        done = self.ours("-top", profile, DEBUGINFOD_URLS=url, DEBUGINFOD_CACHE_PATH=self.path("failed"))
        self.assertNotIn("add_row", done.stdout)
        self.assertEqual(done.stderr.count("debuginfod: "), 1, done.stderr)

    def test_a_profile_with_names_opens_no_files(self):
        """libdw is not so much as looked for."""
        profile = self.profile(self.program)
        named = self.path("named.pb.gz")
        self.ours("-proto", f"-output={named}", profile)
        missing = self.ours("-top", named, PPROF_BINARY_PATH="/none")
        self.assertIn("add_row", missing.stdout)
        self.assertEqual(missing.stderr, "")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

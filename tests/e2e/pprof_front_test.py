"""The program that is started is small: it reports on files by itself, and becomes the agent for all else."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import clean_environment, run  # noqa: E402

PROGRAM = GO_TARGET = ""


class FrontTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.profile = f"{folder.name}/heap.pb.gz"
        with GoProgram(GO_TARGET) as go:
            done = run(PROGRAM, "pprof", "save", go.url("/debug/pprof/heap"), "-o", cls.profile)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.alone = shutil.copy(PROGRAM, f"{folder.name}/heapwatch")  # without the agent beside it

    def test_reports_on_files_need_no_agent(self):
        for flag in ("-top", "-tree", "-dot", "-raw", "-flame", "-svg"):
            with self.subTest(flag=flag):
                done = subprocess.run([self.alone, "pprof", flag, self.profile], capture_output=True, timeout=60,
                                      env=clean_environment())
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(len(done.stdout), 100)

    def test_a_report_ends_by_a_signal_and_leaves_a_mask_as_it_was(self):
        fifo = f"{self.folder}/fifo"
        os.mkfifo(fifo)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with subprocess.Popen([self.alone, "pprof", "-top", fifo], stderr=subprocess.PIPE, env=clean_environment()) as process:
                writer = os.open(fifo, os.O_WRONLY)  # waits for the reader
                blocked = re.search(r"^SigBlk:\s*(\w+)$", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M)[1]
                self.assertEqual(int(blocked, 16), 0)
                process.send_signal(number)
                self.assertEqual(process.wait(30), -number)
                os.close(writer)

    def test_reports_load_no_library_of_the_network(self):
        listed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        # The leak sanitizer needs it linked; see symbols/CMakeLists.txt.
        no_symbols = () if "libasan" in listed else ("libdw", "libelf", "liblzma")
        for name in ("libcurl", "libssl", "libcivetweb", "libyaml", "libprometheus", "libedit", *no_symbols):
            self.assertNotIn(name, listed)

    def test_all_else_is_the_agents(self):
        for arguments in (["--version"], ["pprof", "-help"], ["pprof", self.profile], ["pprof", "-top", "localhost:1"],
                          ["pprof", "-http=:0", self.profile], ["pprof", "-top", "-cum", "-flat", self.profile]):
            done = run(self.alone, *arguments)
            self.assertEqual((done.returncode, done.stdout), (1, ""), arguments)
            self.assertEqual(done.stderr, f"heapwatch: cannot start {self.folder}/heapwatch-agent: No such file or directory\n")
        self.assertRegex(run(PROGRAM, "--version").stdout, r"\Aheapwatch \d")

    def test_the_agent_reports_the_same(self):
        agent = os.path.join(os.path.dirname(PROGRAM), "heapwatch-agent")
        self.assertEqual(run(agent, "pprof", "-tree", self.profile).stdout, run(PROGRAM, "pprof", "-tree", self.profile).stdout)


if __name__ == "__main__":
    PROGRAM, GO_TARGET = os.path.abspath(sys.argv.pop(1)), sys.argv.pop(1)
    unittest.main()

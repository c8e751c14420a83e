"""A full disk: no file is left empty or half, and a command whose output is lost says so and fails."""
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, clean_environment  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""


def small_files():
    """In the child: writes past 100 bytes of a file fail, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))


class FullDiskTest(unittest.TestCase):
    def test_output_that_cannot_be_written_is_a_failure(self):
        with Pages({"/n": b'{"n": 1}'}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {served.url('/n')}\n    memstats: false\n    metrics: [{{path: n}}]\n")
            with Agent(PROGRAM, folder) as agent:
                ours = ["-c", str(agent.config_file)]
                commands = [["configcheck", *ours], ["check", "go_expvar", *ours], ["check", "go_expvar", "--table", *ours],
                            ["check", "go_expvar", "--json", *ours], ["check", "go_expvar", "--dogstatsd", *ours],
                            ["check", "go_expvar", "--prometheus", *ours], ["status", *ours], ["status", "--json", *ours],
                            ["vars", served.url("/n")], ["vars", "-w", "-n", "2", "-i", "100", served.url("/n"), "n"],
                            ["dashboards", "-o", str(folder.root / "dashboards"), *ours], ["--help"], ["--version"], ["check", "--help"], [],
                            ["memory", str(agent.process.pid)], ["memory", "--json", str(agent.process.pid)],
                            ["leak", "--for", "1s", "--every", "500ms", str(agent.process.pid)],
                            ["configcheck", "-c", str(folder.root / "nothing.yaml")]]
                (folder.root / "nothing.yaml").write_text(f"confd_path: {folder.root}/not_there\n")
                for command in commands:
                    with self.subTest(command), open("/dev/full", "w") as full:
                        done = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
                                              env=clean_environment(), check=False)
                        self.assertEqual(done.returncode, 1, done.stderr)
                        self.assertIn("the standard output could not be written", done.stderr)

    def test_no_part_of_a_file_is_left(self):
        with tempfile.TemporaryDirectory() as name, Confd() as confd:
            folder = pathlib.Path(name)
            config = confd.config(f"confd_path: {confd.confd}\n")

            def fails(*command):
                done = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, text=True, timeout=120, cwd=folder,
                                      env=clean_environment(), preexec_fn=small_files, check=False)
                self.assertNotEqual(done.returncode, 0, command)
                self.assertIn("File too large", done.stderr)
                self.assertEqual([path for path in folder.rglob("*") if path.is_file() and path.name != "kept"], [])

            fails("dashboards", "-c", config, "-o", folder / "out")
            fails("exec", "--report", folder / "report.pb.gz", "--", sys.executable, "-c", "x = [bytes(1000) for _ in range(10000)]")
            (folder / "kept").write_text("from before")
            fails("exec", "--report", folder / "kept", "--", sys.executable, "-c", "x = [bytes(1000) for _ in range(10000)]")
            self.assertEqual((folder / "kept").read_text(), "from before")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

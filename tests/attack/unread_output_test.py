"""Whoever reads the agent's standard error stops reading: the agent goes on, and tells later what was lost."""
import contextlib
import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import PATIENCE_S, SOON_S, Confd, clean_environment, fetch, free_port, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
F_SETPIPE_SZ = 1031


class UnreadOutputTest(unittest.TestCase):
    def test_the_agent_goes_on_and_says_what_was_lost(self):
        turns = 0

        def answer(handler):
            nonlocal turns
            turns += 1
            handler.send_response(500 if turns % 2 else 200)  # a line of the log each time
            handler.send_header("Content-Length", "8")
            handler.end_headers()
            handler.wfile.write(b'{"n": 1}')

        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, F_SETPIPE_SZ, 4096)
        port, prometheus = free_port(), free_port()
        with Pages({"/n": answer}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "".join(
                f"  - expvar_url: {served.url('/n')}\n    namespace: n{i}_{'x' * 8000}\n    memstats: false\n    min_collection_interval: 0.1\n"
                "    metrics: [{path: n}]\n" for i in range(8)))
            config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: {port}\nlogging_frequency: 1\nlog_level: trace\n"
                                   f"prometheus:\n  listen: 127.0.0.1:{prometheus}\n")
            agent = subprocess.Popen([PROGRAM, "-c", str(config), "run"], stderr=write_end, stdout=write_end, env=clean_environment())
            os.close(write_end)
            try:
                def lost():
                    with contextlib.suppress(OSError):
                        text = fetch(f"http://127.0.0.1:{prometheus}/metrics")
                        return int(re.search(r"^heapwatch_log_lines_lost_total (\d+)", text, re.M)[1])
                    return 0

                wait_until(lost, "lines to be lost", 120)
                before = turns
                wait_until(lambda: turns >= before + 20, "runs to go on")
                said = b""
                deadline = time.monotonic() + PATIENCE_S
                while b"standard error was not read" not in said and time.monotonic() < deadline:
                    said += os.read(read_end, 65536)
                self.assertRegex(said.decode(), r"\| WARN \| \d+ lines? of the log w\w+ lost: standard error was not read\n")
                before, lines_lost = turns, lost()
                wait_until(lambda: turns >= before + 20 and lost() > lines_lost, "the pipe to be full again", 120)
                began = time.monotonic()
                agent.send_signal(signal.SIGTERM)
                self.assertEqual(agent.wait(timeout=PATIENCE_S), 0)
                self.assertLess(time.monotonic() - began, SOON_S)
            finally:
                if agent.poll() is None:
                    agent.kill()
                    agent.wait()
                os.close(read_end)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

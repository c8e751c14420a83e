"""A target with very many series, and the others beside it: nobody waits, no half page, an end within seconds."""
import contextlib
import pathlib
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
MANY = 6_000


def page(first):
    return ("{" + ",".join(f'"series_{n:06}": {n}' for n in range(first, first + MANY)) + "}").encode()


def instance(url, namespace, interval, more="metrics: [{path: n}]"):
    return (f"  - expvar_url: {url}\n    namespace: {namespace}\n    memstats: false\n    min_collection_interval: {interval}\n"
            f"    max_returned_metrics: 1000000\n    {more}\n")


class BusyLoopTest(unittest.TestCase):
    def test_others_keep_their_turns_and_no_page_is_half(self):
        # All names are new in each run: the most that a page can make to do.
        pages = {"/large": [page(run * MANY) for run in range(3)], "/quick": b'{"n": 1}'}
        with Pages(pages) as served, Confd() as folder:
            turns = []

            def quick(handler):
                turns.append(time.monotonic())
                handler.send_response(200)
                handler.send_header("Content-Length", "8")
                handler.end_headers()
                handler.wfile.write(b'{"n": 1}')

            served.pages["/quick"] = [quick]
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instance(served.url("/quick"), "quick", 0.3) +
                         instance(served.url("/large"), "large", 4, "auto: true"))
            with Agent(PROGRAM, folder) as agent:
                counts, lags = set(), []

                def look():
                    text = agent.metrics()
                    counts.add(len(re.findall(r"^large_series_\d+\{", text, re.M)))
                    lags.append(float(re.search(r"^heapwatch_event_loop_lag_max_seconds (\S+)", text, re.M)[1]))
                    return max(counts) and sum(path == "/large" for path, _ in served.requests) >= 3

                wait_until(look, "three runs of the large target", 120)
                gaps = [later - earlier for earlier, later in zip(turns, turns[1:])]
                # The worst that was seen without slices: 20 s and more, with the sanitizers.
                self.assertLess(max(gaps), 5)
                self.assertLess(max(lags), 4)
                self.assertGreater(max(lags), 0)
                self.assertLessEqual(counts, {0, MANY})
                status, seconds = agent.stop()
                self.assertEqual(status, 0)
                self.assertLess(seconds, 5)

    def test_a_stop_is_answered_while_large_pages_are_taken_in(self):
        with Pages({f"/{n}": page(n * MANY) for n in range(4)}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "".join(
                instance(served.url(f"/{n}"), f"large{n}", 0.2, "auto: true") for n in range(4)))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: len(served.requests) >= 4, "all to be asked")
                time.sleep(0.5)  # somewhere within
                status, seconds = agent.stop()
                self.assertEqual(status, 0)
                self.assertLess(seconds, 5)

    def test_the_lag_shows_what_keeps_the_loop(self):
        with Pages({"/n": b'{"n": 1}'}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instance(served.url("/n"), "n", 0.2))
            with Agent(PROGRAM, folder) as agent:
                def lag():
                    return float(re.search(r"^heapwatch_event_loop_lag_max_seconds (\S+)", agent.metrics(), re.M)[1])

                self.assertGreaterEqual(wait_until(lag, "a beat"), 0)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

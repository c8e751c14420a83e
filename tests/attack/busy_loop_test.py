"""A target with very many series, and the others beside it: nobody waits, no half page, an end within seconds.

HEAPWATCH_ATTACK=full: 200,000 series, and the figures on standard output.
"""
import os
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
IS_FULL = os.environ.get("HEAPWATCH_ATTACK") == "full"
MANY = 200_000 if IS_FULL else 6_000


def tell(text):
    if IS_FULL:
        print(text, flush=True)


class Scrapes:
    """Pages of the agent, one after the other: how many series of the large target, and how late the loop was."""

    def __init__(self, agent):
        self.agent, self.counts, self.lags, self.seconds = agent, set(), [], []

    def take(self):
        began = time.monotonic()
        text = self.agent.metrics()
        self.seconds.append(time.monotonic() - began)
        self.counts.add(len(re.findall(r"^large_series_\d+\{", text, re.M)))
        self.lags.append(float(re.search(r"^heapwatch_event_loop_lag_max_seconds (\S+)", text, re.M)[1]))


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
                scrapes = Scrapes(agent)

                def look():
                    scrapes.take()
                    return max(scrapes.counts) and sum(path == "/large" for path, _ in served.requests) >= 3

                wait_until(look, "three runs of the large target", 120)
                gaps = [later - earlier for earlier, later in zip(turns, turns[1:])]
                tell(f"{MANY} series, new names in each run: lag_max_seconds {max(scrapes.lags)}, longest gap between runs "
                     f"of another target at 0.3 s: {max(gaps):.2f} s")
                # The worst that was seen without slices: 20 s and more, with the sanitizers.
                self.assertLess(max(gaps), 5)
                self.assertLess(max(scrapes.lags), 4)
                self.assertGreater(max(scrapes.lags), 0)
                self.assertLessEqual(scrapes.counts, {0, MANY})
                status, seconds = agent.stop()
                tell(f"SIGTERM after {seconds:.2f} s")
                self.assertEqual(status, 0)
                self.assertLess(seconds, 2 if IS_FULL else 5)

    def test_new_values_of_the_same_names_come_in_slices_too(self):
        def of(value):
            return ("{" + ",".join(f'"series_{n:06}": {value}' for n in range(MANY)) + "}").encode()

        with Pages({"/large": [of(1), of(2)], "/quick": b'{"n": 1}'}) as served, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instance(served.url("/quick"), "quick", 0.3) +
                         instance(served.url("/large"), "large", 2, "auto: true"))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: sum(path == "/large" for path, _ in served.requests) >= 3, "the names", 120)
                values, scrapes = set(), Scrapes(agent)
                until = sum(path == "/large" for path, _ in served.requests) + (4 if IS_FULL else 2)

                def look():
                    scrapes.take()
                    page = agent.metrics()
                    values.add(frozenset(re.findall(r"^large_series_\d+\{[^}]*\} (\S+)", page, re.M)))
                    return sum(path == "/large" for path, _ in served.requests) >= until

                wait_until(look, "more runs of the large target", 120)
                tell(f"{MANY} series, the same names in each run: lag_max_seconds {scrapes.lags[-1]}, longest scrape "
                     f"{max(scrapes.seconds):.2f} s")
                for of_a_page in values:
                    self.assertLessEqual(len(of_a_page), 1, "values of two runs on one page")
                self.assertLessEqual(scrapes.counts, {0, MANY})
                status, seconds = agent.stop()
                tell(f"SIGTERM after {seconds:.2f} s")
                self.assertEqual(status, 0)
                self.assertLess(seconds, 2 if IS_FULL else 5)

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

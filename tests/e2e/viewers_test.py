"""A hundred viewers of the live page hold up no scrape: what is too much for the server gets a 503 with a sentence."""
import http.client
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402

HEAPWATCH = ""
VIEWERS = 100
SCRAPES = 8
SCRAPE_S_MAX = 5.0  # under sanitizers, with all processors taken by the viewers; what waits for them takes far longer


class Viewer(threading.Thread):
    """Asks for one page after the other, none of which another one asks for at the same time."""

    def __init__(self, port, number, ended):
        super().__init__(daemon=True)
        self.port, self.number, self.ended = port, number, ended
        self.statuses, self.refusals = {}, set()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        since = self.number
        while not self.ended.is_set():
            since += VIEWERS
            for path in (f"/api/v1/processes?from={since}", f"/api/v1/checks?from={since}", f"/api/v1/targets?from={since}"):
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read().decode()
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                if answer.status != 200:
                    self.refusals.add(body)
        connection.close()


class ViewersTest(unittest.TestCase):
    def scrape(self, port):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertIn(b"heapwatch_history_frames_total", answer.read())
        connection.close()
        return time.monotonic() - began

    def test_a_hundred_viewers_hold_up_no_scrape(self):
        with Confd() as folder:
            folder.write("memory.d/conf.yaml", "init_config:\ninstances:\n  - self: true\n")
            config = (f"min_collection_interval: 0.5\nhistory:\n  enabled: true\n  interval: 1\n"
                      f"  path: {folder.root}/history.db\n")
            with Agent(HEAPWATCH, folder, config, env={"DD_HISTORY_ENABLED": "true"}) as agent:
                wait_until(lambda: self.is_kept(agent), "something to see")
                ended = threading.Event()
                viewers = [Viewer(agent.port, number, ended) for number in range(VIEWERS)]
                for viewer in viewers:
                    viewer.start()
                wait_until(lambda: all(viewer.statuses for viewer in viewers), "an answer to each viewer")
                times = []
                refusals = []
                for _ in range(SCRAPES):
                    refusals += self.refusals_at_once(agent.port)
                    times.append(self.scrape(agent.prometheus_port))
                ended.set()
                for viewer in viewers:
                    viewer.join(timeout=120)
        self.assertLess(max(times), SCRAPE_S_MAX, times)
        counts = {}
        for viewer in viewers:
            for status, count in viewer.statuses.items():
                counts[status] = counts.get(status, 0) + count
        self.assertEqual(set(counts) - {200, 503}, set())
        self.assertGreater(counts.get(200, 0), 0)
        # More than the threads and the line before them take at once.
        self.assertGreater(len(refusals), 0)
        for text in set(refusals).union(*(viewer.refusals for viewer in viewers)):
            self.assertNotEqual(text.strip(), "")

    def refusals_at_once(self, port):
        """What a hundred who come at the same moment are told, and do not get."""
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=120) for _ in range(VIEWERS)]
        for connection in connections:
            connection.connect()
        for number, connection in enumerate(connections):
            connection.request("GET", f"/api/v1/export?from={number}")
        told = []
        for connection in connections:
            answer = connection.getresponse()
            body = answer.read()
            self.assertIn(answer.status, (200, 503))
            if answer.status == 503:
                told.append(body.decode())
            connection.close()
        return told

    @staticmethod
    def is_kept(agent):
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=60)
        connection.request("GET", "/api/v1/processes")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status == 200 and b'"pid"' in body


if __name__ == "__main__":
    HEAPWATCH = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])

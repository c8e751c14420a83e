"""The exporter through real sockets, read by a reader that takes nothing malformed."""
import pathlib
import select
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
import dogstatsd_reader as reader

PUBLISHER = sys.argv.pop(1)
PATIENT = "30000"  # ms that a packet waits for this reader, on a busy machine too


class Publisher:
    """The exporter in a process of its own."""

    def __init__(self, address, *arguments):
        self.process = subprocess.Popen([PUBLISHER, address, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def tell(self, command):
        """Does not wait for the answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.stderr.read())
        return {key: int(value) for key, value in (word.split("=") for word in line.split())}

    def ask(self, command):
        self.tell(command)
        return self.answer()

    def finish(self):
        """Ends the process and gives what it logged."""
        _, log = self.process.communicate(timeout=30)  # closes the pipes
        assert self.process.returncode == 0, log
        return [line.split(" | ", 1)[1] for line in log.splitlines()]


def collect(server, publisher, before=0):
    """Reads while the publisher works, and then what it says it sent since it had sent `before`."""
    packets = []
    while not select.select([publisher.process.stdout], [], [], 0)[0]:
        packets += server.packets(timeout=0.01)
    counters = publisher.answer()
    return packets + server.packets(counters["sent"] - before - len(packets)), counters


def names(packets):
    return [message.get("name", message.get("title")) for packet in packets for message in reader.parse(packet)]


def load(count):
    return [f"load.{i}" for i in range(count)]


class WireTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name + "/dsd.socket"

    def serve(self, scheme, **options):
        server = reader.Server(scheme + "://" + ("127.0.0.1:0" if scheme == "udp" else self.path), **options)
        self.addCleanup(server.close)
        return server

    def test_every_transport_delivers_whole_packets_of_its_size(self):
        for scheme, size in [("udp", 1432), ("unixgram", 8192), ("unixstream", 8192)]:
            with self.subTest(scheme):
                server = self.serve(scheme)
                publisher = Publisher(server.address)
                publisher.tell("publish 400")
                packets, counters = collect(server, publisher)
                self.assertEqual(names(packets), load(400))
                self.assertTrue(all(size - 60 < len(packet) <= size for packet in packets[:-1]))
                self.assertEqual((counters["sent"], counters["dropped"]), (len(packets), 0))
                message = reader.parse(packets[0])[0]
                self.assertEqual((message["type"], message["values"], message["tags"]), ("g", ["0"], ["a:b", "global:tag"]))
                publisher.finish()
                server.close()

    def test_any_bytes_make_lines_the_reader_takes(self):
        server = self.serve("unixstream")
        publisher = Publisher("unix://" + self.path, "1432", PATIENT)
        sent = 0
        for seed in range(40):
            publisher.tell(f"random {seed} 50")
            packets, counters = collect(server, publisher, sent)
            self.assertEqual(counters["dropped"], 0)
            sent = counters["sent"]
            self.assertTrue(all(len(packet) <= 1432 for packet in packets))
            self.assertGreater(len(names(packets)), 100)
        publisher.finish()

    def test_a_restarted_server_is_found_again(self):
        for scheme in ["unixgram", "unixstream"]:
            with self.subTest(scheme):
                server = self.serve(scheme)
                publisher = Publisher("unix://" + self.path)
                publisher.ask("publish 1")
                self.assertEqual(names(server.packets()), load(1))
                server.close()
                server = self.serve(scheme)
                self.assertEqual(publisher.ask("publish 2")["dropped"], 0)
                self.assertEqual(names(server.packets()), load(2))
                self.assertEqual(publisher.finish(), [f"INFO | dogstatsd unix://{self.path}: reachable; packets dropped: 0"])
                server.close()

    def test_an_orphaned_socket_is_left_for_the_new_one(self):
        orphan = self.serve("unixgram")
        publisher = Publisher("unixgram://" + self.path)
        publisher.ask("publish 1")
        pathlib.Path(self.path).unlink()
        server = self.serve("unixgram")
        publisher.ask("publish 2")
        self.assertEqual((names(orphan.packets()), names(server.packets())), (load(1), load(2)))
        publisher.finish()

    def test_a_dead_unix_server_costs_counted_packets(self):
        publisher = Publisher("unix://" + self.path)
        counters = publisher.ask("publish 400")
        self.assertEqual((counters["sent"], counters["reachable"]), (0, 0))
        self.assertGreater(counters["dropped"], 1)
        self.assertEqual(publisher.finish(), [f"WARN | dogstatsd unix://{self.path}: not reachable, packets are dropped: "
                                              "No such file or directory"])

    def test_a_dead_udp_server_is_noticed_and_found_again(self):
        server = self.serve("udp")
        publisher = Publisher(server.address)
        publisher.ask("publish 1")
        self.assertEqual(names(server.packets()), load(1))
        server.close()
        self.assertEqual(publisher.ask("publish 1")["reachable"], 1)  # nobody has said no yet
        self.assertEqual(publisher.ask("publish 1")["reachable"], 0)
        server = reader.Server(server.address)
        self.addCleanup(server.close)
        publisher.ask("publish 1")
        self.assertEqual(names(server.packets()), load(1))
        self.assertEqual(publisher.ask("publish 1")["reachable"], 1)
        place = server.address[len("udp://"):]
        self.assertEqual([line.split(" | ")[1].replace(server.address, "ADDRESS") for line in publisher.finish()],
                         ["dogstatsd ADDRESS: reachable; packets dropped: 0",
                          f"dogstatsd ADDRESS: not reachable, packets are dropped: {place}: Connection refused",
                          "dogstatsd ADDRESS: reachable; packets dropped: 0"])

    def test_localhost_needs_no_look_up(self):
        server = self.serve("udp")
        publisher = Publisher(server.address.replace("127.0.0.1", "localhost"))
        publisher.ask("publish 1")
        self.assertEqual(names(server.packets()), load(1))
        publisher.finish()

    def test_a_name_nobody_knows_is_told_once(self):
        publisher = Publisher("udp://no-such-host.invalid:8125")
        publisher.ask("publish 1")
        counters = publisher.ask("publish 1")
        self.assertEqual((counters["sent"], counters["dropped"], counters["reachable"]), (0, 2, 0))
        log = publisher.finish()
        self.assertEqual(len(log), 1)
        self.assertIn('not reachable, packets are dropped: host "no-such-host.invalid": ', log[0])

    def test_a_server_that_does_not_read_costs_counted_packets(self):
        for scheme in ["unixgram", "unixstream"]:
            with self.subTest(scheme):
                server = self.serve(scheme)
                publisher = Publisher("unix://" + self.path)
                counters = publisher.ask("publish 100000")
                self.assertGreater(counters["dropped"], 0)
                self.assertGreater(counters["sent"], 0)
                received = server.packets(counters["sent"])
                self.assertEqual(len(received), counters["sent"])
                names(received)
                publisher.ask("publish 1")
                self.assertEqual(names(server.packets()), load(1))
                publisher.finish()
                server.close()

    def test_a_slow_reader_gets_everything(self):
        for scheme in ["unixgram", "unixstream"]:
            with self.subTest(scheme):
                server = self.serve(scheme)
                publisher = Publisher("unix://" + self.path, "8192", PATIENT)
                publisher.tell("publish 60000")  # far more than the socket holds
                packets, counters = collect(server, publisher)
                self.assertEqual(counters["dropped"], 0)
                self.assertEqual(names(packets), load(60000))
                publisher.finish()
                server.close()


if __name__ == "__main__":
    unittest.main()

"""Our messages decoded by protobuf and snappy of others, value by value."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
from remote_write import STALE_BITS, bits_of, decode_v1, decode_v2  # noqa: E402

PROGRAM = ""


def expected():
    samples = []
    for i in range(200):
        labels = [("Zone", "zä"), ("__name__", f"metric_{i % 7}"), ("__replica__", "r" * i), ("i", str(i)), ("quote", '"\\\n')]
        value = float("inf") if i == 5 else i * 0.1
        time_ms = {9: -1, 11: 0}.get(i, 1_700_000_000_000 + i)
        samples.append((tuple(pair for pair in labels if pair[1]), time_ms, STALE_BITS if i == 7 else bits_of(value)))
    return samples


class Messages(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        lines = subprocess.run([PROGRAM], capture_output=True, text=True, check=True).stdout.splitlines()
        cls.messages = {kind: bytes.fromhex(text) for kind, text in (line.split() for line in lines)}

    def test_version_1_is_read_as_it_was_written(self):
        samples, metadata = decode_v1(self.messages["1"])
        self.assertEqual(samples, expected())
        self.assertEqual(metadata, [])

    def test_version_2_is_read_as_it_was_written_with_its_metadata(self):
        samples, metadata = decode_v2(self.messages["2"])
        self.assertEqual(samples, expected())
        self.assertEqual([metadata[labels] for labels, _, _ in samples[:2]], [(2, "help \ufffd"), (1, "help \ufffd")])

    def test_a_message_of_version_1_has_the_same_samples_in_version_2(self):
        self.assertEqual(decode_v2(self.messages["1to2"])[0], expected())

    def test_metadata_of_version_1_is_read(self):
        self.assertEqual(decode_v1(self.messages["metadata"]), ([], [("m", 5, "h\ufffd"), ("n", 0, "")]))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

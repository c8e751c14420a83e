"""The reader the exporter is tested with refuses what a server would misread."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
import dogstatsd_reader as reader


class ReaderTest(unittest.TestCase):
    def test_reads_metrics(self):
        self.assertEqual(
            reader.parse(b"a.b:1:2.5:-3e+21|h|@0.5|#x:y,z|c:ci-1|e:it-0|card:low\nn:1|g|T12\n"),
            [{"kind": "metric", "name": "a.b", "type": "h", "values": ["1", "2.5", "-3e+21"], "rate": 0.5,
              "tags": ["x:y", "z"], "container": "ci-1", "external": "it-0", "cardinality": "low"},
             {"kind": "metric", "name": "n", "type": "g", "values": ["1"], "time": 12}])

    def test_reads_checks(self):
        self.assertEqual(reader.parse(b"_sc|up|2|d:5|h:web|#a|m:no\\nway m\\: x\n"),
                         [{"kind": "check", "name": "up", "status": 2, "time": 5, "host": "web", "tags": ["a"],
                           "message": "no\nway m: x"}])

    def test_reads_events(self):
        self.assertEqual(reader.parse("_e{2,3}:é|\\nk|p:low|t:info\n".encode()),
                         [{"kind": "event", "title": "é", "text": "\nk", "priority": "low", "alert": "info"}])

    def test_refuses_what_is_malformed(self):
        for packet in [b"", b"a:1|g", b"a:1|g\n\n", b":1|g\n", b"a|g\n", b"a:|g\n", b"a:1\n", b"a:1|x\n", b"a:1:2|g\n",
                       b"a:nan|g\n", b"a:1|g|#\n", b"a:1|g|#x,,y\n", b"a:1|g|#x|#y\n", b"a:1|h|T1\n", b"a:1|g|T0\n",
                       b"a@b:1|g\n", b"a:1|g|zz\n", b"\xff:1|g\n", b"a:1|g|#x\ty\n", b"a:1e999|g\n", b"a:1|g|@1\n",
                       b"_sc|up|4\n", b"_sc|up\n", b"_scrape:1|g\n", b"_sc|up|1|m:a|h:b\n", b"_sc|up|1|m:am:\n",
                       b"_e{0,1}:|a\n", b"_e{1,5}:a|b\n", b"_e{1,1}:ab|c\n", b"_e{1,1}:a|b|p:high\n",
                       b"_e{1,1}:a|bc\n"]:
            with self.subTest(packet=packet), self.assertRaises(reader.Malformed):
                reader.parse(packet)


if __name__ == "__main__":
    unittest.main()

"""Names of random variables are those that the described steps, written with regular expressions, give."""
import random
import re
import subprocess
import sys
import unicodedata
import unittest

PROGRAM = ""
LETTERS = "abcxyzABCXYZ019__..  -/$\nüßÉﬁ²½日Ａ\U0001d400é\u0301"


def snake(name):
    name = re.sub(rb"(.)([A-Z][a-z]+)", rb"\1_\2", name)
    name = re.sub(rb"([a-z0-9])([A-Z])", rb"\1_\2", name).lower()
    name = re.sub(rb"[^a-zA-Z0-9_.]+|^[^a-zA-Z]+", b"_", name)
    return re.sub(rb"_*\._*", b".", name).strip(b"_")


def expected(metric, prefix):
    name = snake(unicodedata.normalize("NFKD", metric).encode("ascii", "ignore"))
    return snake(prefix.encode()) + b"." + re.sub(rb"__+", b"_", name)


class NameReferenceTest(unittest.TestCase):
    def check(self, cases):
        lines = "".join(f"{metric.encode().hex()},{prefix.encode().hex()}\n" for metric, prefix in cases)
        done = subprocess.run([PROGRAM], input=lines, capture_output=True, text=True, check=True)
        answers = done.stdout.splitlines()
        self.assertEqual(len(answers), len(cases))
        for (metric, prefix), answer in zip(cases, answers):
            if bytes.fromhex(answer) != expected(metric, prefix):
                self.assertEqual(bytes.fromhex(answer), expected(metric, prefix), (metric, prefix))

    def test_random_names(self):
        source = random.Random(1)
        self.check([tuple("".join(source.choices(LETTERS, k=source.randrange(14))) for _ in range(2))
                    for _ in range(50_000)])

    def test_every_character(self):
        points = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]
        self.check([("a" + point + "b", "p") for point in points])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

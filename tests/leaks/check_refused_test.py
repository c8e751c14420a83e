"""`heapwatch leak --check` of a build with a sanitizer: it says why it cannot."""
import subprocess
import sys
import unittest

HEAPWATCH = sys.argv[1]


class CheckRefusedTest(unittest.TestCase):
    def test_a_sanitizer_is_told_as_the_reason(self):
        done = subprocess.run([HEAPWATCH, "leak", "--check", "go_expvar"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "--check runs heapwatch with its memory watched, and this one is built with the .* "
                                      "sanitizer")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

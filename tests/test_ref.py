# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of expectations are what the programs beside them compute.

tests/ref/NAME.txt is committed so that C tests can read it; here NAME.py is run
again.  Numbers may differ in their last digits: sines and logarithms of the C
library do between machines.
"""

import math
import pathlib
import subprocess
import sys
import unittest

REF = pathlib.Path(__file__).resolve().parent / "ref"


def same(a, b):
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-10)
    except ValueError:
        return False


class Tables(unittest.TestCase):
    def test_committed_tables_are_computed_again(self):
        tables = sorted(REF.glob("*.txt"))
        self.assertTrue(tables)
        for table in tables:
            program = table.with_suffix(".py")
            out = subprocess.run([sys.executable, "-B", program], check=True, capture_output=True,
                                 text=True).stdout.splitlines()
            lines = table.read_text().splitlines()
            self.assertEqual(len(out), len(lines), table.name)
            for ours, theirs in zip(lines, out):
                pairs = list(zip(ours.split(), theirs.split(), strict=True))
                self.assertTrue(all(same(a, b) for a, b in pairs), (table.name, ours, theirs))


if __name__ == "__main__":
    unittest.main()

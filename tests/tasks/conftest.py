# SPDX-License-Identifier: LGPL-2.1-or-later

"""A run of the tasks ends with a table of what each has used."""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "system"), str(HERE)]

import table  # pylint: disable=wrong-import-position


def pytest_terminal_summary(terminalreporter):
    if table.rows:
        terminalreporter.section("tasks")
        for line in table.lines():
            terminalreporter.write_line(line)

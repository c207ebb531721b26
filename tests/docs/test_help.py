#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `cloche --help` says, compared with the manual and with the completion of bash: none of them
may know a verb or an option that another does not. Arguments: the program, cloche.1, the file with the
completion."""

import pathlib
import re
import subprocess
import sys
import unittest

COMPLETION, MANUAL, CLOCHE = (pathlib.Path(sys.argv.pop()) for _ in range(3))
OPTION = re.compile(r"(?:^ +|, )(--?[a-z][a-z-]*)")


def help_of(*verb):
    return subprocess.run([CLOCHE, *verb, "--help"], check=True, capture_output=True,
                          text=True).stdout


def verbs():
    block = help_of().split("\n\n")[2]
    return [line.split()[0] for line in block.splitlines()]


def options_of(verb):
    found = set()
    for line in help_of(verb).splitlines():
        while match := OPTION.match(line):
            found.add(match[1])
            line = line[match.end():]
    return found - {"--"}


def completed(*words):
    """What bash would offer for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cloche; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    ended = subprocess.run(["bash", "-c", script, "-", COMPLETION, *words], check=True,
                           capture_output=True, text=True)
    return set(ended.stdout.split())


def section(name):
    """The part of the manual about one verb, and about the options of all; as it reads."""
    text = re.sub(r"\\f[BIR]", "", MANUAL.read_text().replace("\\-", "-"))
    verb = text.split(f"\n.SS {name}\n", 1)[1].split("\n.S", 1)[0]
    common = text.split("\n.SH OPTIONS\n", 1)[1].split("\n.SH", 1)[0]
    return verb, common


class Help(unittest.TestCase):
    def test_there_are_verbs_and_options(self):
        self.assertLessEqual({"run", "shell", "cp", "profiles", "info"}, set(verbs()))
        self.assertLessEqual({"--put", "-p", "-c", "--system", "-h", "--help"}, options_of("run"))

    def test_every_verb_has_its_section_in_the_manual(self):
        for verb in verbs():
            self.assertIn(f"\n.SS {verb}\n", MANUAL.read_text())

    def test_every_option_is_in_the_manual(self):
        for verb in verbs():
            own, common = section(verb)
            if verb == "shell":
                own += section("run")[0]
            for option in options_of(verb):
                with self.subTest(f"{verb} {option}"):
                    self.assertRegex(own + common, rf"(?<![\w-]){option}(?![\w-])")

    def test_the_manual_has_no_option_that_is_not_there(self):
        for verb in verbs():
            own, _ = section(verb)
            heads = re.findall(r"\.TP\n(\.B.*)", own)
            for option in {o for head in heads for o in re.findall(r"(?<!\w)--?[a-z][a-z-]*", head)}:
                with self.subTest(f"{verb} {option}"):
                    self.assertIn(option, options_of(verb))

    def test_completion_offers_exactly_the_verbs(self):
        self.assertEqual(completed("cloche", ""), set(verbs()))
        self.assertEqual(completed("cloche", "--socket", "/x", "pro"), {"profiles"})

    def test_completion_offers_exactly_the_options(self):
        for verb in verbs():
            with self.subTest(verb):
                self.assertEqual(completed("cloche", verb, "-"), options_of(verb))

    def test_completion_knows_which_options_take_a_value(self):
        for verb in verbs():
            text = help_of(verb)
            for option in options_of(verb):
                takes = bool(re.search(rf"(?<![\w-]){option}(, --[a-z-]+)? [A-Z]", text))
                with self.subTest(f"{verb} {option}"):
                    # behind a value comes an option again; behind none, this is one already
                    self.assertEqual("--help" not in completed("cloche", verb, option, "--he"),
                                     takes)


if __name__ == "__main__":
    unittest.main(verbosity=2)

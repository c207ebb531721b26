#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `cloche --help` says, compared with the manual and with the completions of bash, zsh and fish: none
of them may know a verb or an option that another does not. Bash is asked; the others need not be here, so
their files are read, which say one option a line. Arguments: the program, cloche.1, the folder with the
completions."""

import functools
import pathlib
import re
import subprocess
import sys
import unittest

COMPLETIONS, MANUAL, CLOCHE = (pathlib.Path(sys.argv.pop()) for _ in range(3))
OPTION = re.compile(r"(?:^ +|, )(--?[a-z][a-z-]*)")


@functools.cache
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


def options_with_values(verb):
    text = help_of(verb)
    return {option for option in options_of(verb)
            if re.search(rf"(?<![\w-]){option}(, --[a-z-]+)? [A-Z]", text)}


def zsh():
    """The verbs that zsh knows, and of each list of options all of them and those with a value."""
    text = (COMPLETIONS / "_cloche").read_text()
    lists = dict(re.findall(r"^    (\w+)=\(\n(.*?)^    \)$", text, re.MULTILINE | re.DOTALL))
    verbs_known = set(re.findall(r"^ +'([a-z]+):", lists.pop("verbs"), re.MULTILINE))
    found = {}
    for name, lines in lists.items():
        options = re.findall(r"^ +'\*?(--?[a-z][a-z-]*)([=+]?)\[", lines, re.MULTILINE)
        every, valued = {o for o, _ in options}, {o for o, value in options if value}
        for other in re.findall(r"^ +\$(\w+)$", lines, re.MULTILINE):
            every, valued = every | found[other][0], valued | found[other][1]
        found[name] = every, valued
    return verbs_known, found


def fish(verb):
    """The options that fish knows of a verb, and those of them with a value."""
    every, valued = set(), set()
    for line in (COMPLETIONS / "cloche.fish").read_text().splitlines():
        match = re.match(r"complete -c cloche(?: -n '__cloche_verb([^']*)')? -([ls]) (\S+)( -[xr])?", line)
        if match and (match[1] is None or verb in match[1].split()):
            option = ("--" if match[2] == "l" else "-") + match[3]
            every.add(option)
            valued |= {option} if match[4] else set()
    return every, valued


def completed(*words):
    """What bash would offer for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cloche; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    ended = subprocess.run(["bash", "-c", script, "-", COMPLETIONS / "cloche", *words], check=True,
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
        self.assertLessEqual({"run", "shell", "cp", "profiles", "images", "info"}, set(verbs()))
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
            for option in options_of(verb):
                takes = option in options_with_values(verb)
                with self.subTest(f"{verb} {option}"):
                    # behind a value comes an option again; behind none, this is one already
                    self.assertEqual("--help" not in completed("cloche", verb, option, "--he"),
                                     takes)

    def test_zsh_knows_exactly_the_verbs_and_options(self):
        known, lists = zsh()
        self.assertEqual(known, set(verbs()))
        self.assertEqual({name for name in lists if name.startswith("of_")},
                         {f"of_{verb}" for verb in verbs()})
        for verb in verbs():
            with self.subTest(verb):
                self.assertEqual(lists["of_" + verb],
                                 (options_of(verb), options_with_values(verb)))

    def test_fish_knows_exactly_the_verbs_and_options(self):
        text = (COMPLETIONS / "cloche.fish").read_text()
        self.assertEqual(set(re.findall(r"^complete -c cloche -n '__cloche_verb' -a (\S+) ", text,
                                        re.MULTILINE)), set(verbs()))
        for verb in verbs():
            with self.subTest(verb):
                self.assertEqual(fish(verb), (options_of(verb), options_with_values(verb)))


if __name__ == "__main__":
    unittest.main(verbosity=2)

# SPDX-License-Identifier: LGPL-2.1-or-later

"""Build this small C project with make, run its tests, and show me what is rebuilt after a change."""

FILES = {
    "Makefile": """CFLAGS = -std=c17 -O2 -Wall -Wextra -Werror
roman: main.o roman.o
main.o roman.o: roman.h
check: roman
\t./roman 1994 | grep -qx MCMXCIV && ./roman 2025 | grep -qx MMXXV && echo all good
.PHONY: check
""",
    "roman.h": "void roman(int number, char *text);\n",
    "roman.c": """#include <string.h>
#include "roman.h"

void roman(int number, char *text)
{
    static const struct { int value; const char *letters; } parts[] = {
        {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"},
        {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"},
    };

    *text = 0;
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        for (; number >= parts[i].value; number -= parts[i].value)
            strcat(text, parts[i].letters);
}
""",
    "main.c": """#include <stdio.h>
#include <stdlib.h>
#include "roman.h"

int main(int argc, char **argv)
{
    char text[64];

    for (int i = 1; i < argc; i++) {
        roman(atoi(argv[i]), text);
        puts(text);
    }
}
""",
}


def task(agent):
    sandbox = agent.open("shell", files=FILES)
    assert sandbox.code("make -j2 check").good().endswith("all good\n")
    assert sandbox.argv("./roman", "1", "4", "49", "3999").good() == "I\nIV\nXLIX\nMMMCMXCIX\n"
    assert sandbox.get("roman").startswith(b"\x7fELF")
    assert sandbox.code("make").good() == "make: 'roman' is up to date.\n"
    # A mistake: the compiler says where, and nothing of the old program is lost.
    sandbox.put("main.c", FILES["main.c"].replace("puts(text)", "puts(txt)"))
    broken = sandbox.code("make")
    assert (broken.status, broken.exit_code) == ("exited", 2)
    assert "main.c:11:" in broken.err and "'txt' undeclared" in broken.err.replace("‘", "'").replace(
        "’", "'")
    sandbox.put("main.c", FILES["main.c"])
    rebuilt = sandbox.code("make check").good()
    assert "main.c" in rebuilt and "roman.c" not in rebuilt

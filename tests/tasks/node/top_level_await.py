# SPDX-License-Identifier: LGPL-2.1-or-later

"""Develop this function with me at the prompt: define it, try it, define it again."""


def task(agent):
    sandbox = agent.open("node")
    first = sandbox.code("const { setTimeout: sleep } = require('node:timers/promises');\n"
                         "const slug = text => text.toLowerCase().replace(/ /g, '-');\n"
                         "const started = Date.now();\n"
                         "const waited = await sleep(50, 'waited');\n"
                         "console.log(waited, Date.now() - started >= 49);\n"
                         "slug('Déjà Vu, again')")
    assert first.good() == "waited true\n"
    assert first.value == "'déjà-vu,-again'"
    # The same name once more, as one does at a prompt.
    second = sandbox.code("const slug = text => text.normalize('NFD').replace(/\\p{M}/gu, '')\n"
                          "    .toLowerCase().match(/[a-z0-9]+/g).join('-');\n"
                          "slug('Déjà Vu, again')")
    assert second.value == "'deja-vu-again'"
    # A value of several lines, shown as Node does.
    third = sandbox.code("({ waited, list: [1, 2, 3].map(async n => n * 2).length, map: new Map([[1, 2]]) })")
    assert third.value == "{ waited: 'waited', list: 3, map: Map(1) { 1 => 2 } }"
    wrong = sandbox.code("const rows = [];\nawait sleep(1);\nrows[0].name")
    assert wrong.error["name"] == "TypeError"
    assert "reading 'name'" in wrong.error["value"]
    late = sandbox.code("await Promise.reject(new RangeError('too far'))")
    assert (late.error["name"], late.error["value"]) == ("RangeError", "too far")
    assert sandbox.code("console.log(slug('still here'))").good() == "still-here\n"

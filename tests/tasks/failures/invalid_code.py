# SPDX-License-Identifier: LGPL-2.1-or-later

"""Run what I typed, with its typing errors: I want to know where they are."""


def task(agent):
    done = agent.run("python", "total = 0\nfor i in range(3)\n    total += i\n")
    assert (done.status, done.exit_code, done.error["name"]) == ("exited", 1, "SyntaxError")
    assert "expected ':'" in done.error["value"]
    # The line, its number and the place in it.
    for text in (done.error["traceback"], done.err):
        assert "line 2" in text and "for i in range(3)" in text and "^" in text
    # Nothing of it was run, and the interpreter goes on.
    sandbox = agent.open("python")
    sandbox.code("value = 1\nvalue = (2\n")
    assert sandbox.code("value").error["name"] == "NameError"
    wrong = sandbox.code("def area(r):\n    return 3 * r ** 2\n\nprint('begun')\narea('2')")
    assert (wrong.out, wrong.error["name"]) == ("begun\n", "TypeError")
    trace = wrong.error["traceback"]
    assert "line 5" in trace and "line 2" in trace and "return 3 * r ** 2" in trace
    assert "/.cloche" not in trace and "driver.py" not in trace
    assert "\x1b" not in trace + wrong.err

    done = agent.run("node", "const a = 1;\nconst b = a +;\n")
    assert (done.status, done.exit_code, done.error["name"]) == ("exited", 1, "SyntaxError")
    assert "const b = a +;" in done.error["traceback"]
    done = agent.run("shell", "echo begun\nif true; then echo in\n")
    assert (done.status, done.exit_code) == ("exited", 2)
    assert "syntax error" in done.err and "line 3" in done.err

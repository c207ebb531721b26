# SPDX-License-Identifier: LGPL-2.1-or-later

"""Use the library that nobody has installed."""


def task(agent):
    sandbox = agent.open("python")
    done = sandbox.code("x = 1\nimport frobnicate_everything")
    assert (done.status, done.exit_code) == ("exited", 1)
    assert done.error["name"] == "ModuleNotFoundError"
    assert "frobnicate_everything" in done.error["value"]
    # The traceback, with the line, is on stderr too; and it says what can be done about it.
    for text in (done.err, done.error["traceback"]):
        assert "import frobnicate_everything" in text
        assert "network" in text and "image" in text
    # What helps: the module is put there.
    sandbox.put("frobnicate_everything.py", "answer = 42\n")
    assert sandbox.code("import frobnicate_everything\n"
                        "print(frobnicate_everything.answer + x)").good() == "43\n"
    done = agent.run("node", "require('left-pad-of-nobody')")
    assert (done.status, done.exit_code) == ("exited", 1)
    assert "Cannot find module 'left-pad-of-nobody'" in done.error["value"]
    done = agent.run("shell", "frobnicate --all")
    assert (done.status, done.exit_code) == ("exited", 127)
    assert "frobnicate: command not found" in done.err

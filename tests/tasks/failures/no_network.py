# SPDX-License-Identifier: LGPL-2.1-or-later

"""Download that for me. (There is no network: that has to be said at once, not after a minute.)"""

# Seconds. A resolver that asks a server which does not answer takes 5 to 40.
AT_ONCE = 5

# Imports first: they are not what is measured.
PYTHON = """
import time
import requests
begun = time.monotonic()
try:
    requests.get("https://www.example.org/data.csv")
finally:
    print(f"{time.monotonic() - begun:.1f}")
"""


def task(agent):
    python = agent.run("python", PYTHON)
    assert python.error["name"] == "ConnectionError"
    assert "Name" in python.error["value"] or "name resolution" in python.error["value"]
    assert float(python.out) < AT_ONCE
    shell = agent.open("shell")
    curl = shell.argv("curl", "-sS", "https://www.example.org/")
    assert curl.exit_code == 6 and "Could not resolve host" in curl.err
    number = shell.argv("curl", "-sS", "http://192.0.2.1/")
    assert number.exit_code == 7 and "192.0.2.1" in number.err
    clone = shell.argv("git", "clone", "https://www.example.org/repository.git")
    assert clone.exit_code == 128 and "Could not resolve host" in clone.err
    for done in (curl, number, clone):
        assert done.wall < AT_ONCE
    node = agent.run("node", "await fetch('https://www.example.org/')")
    assert node.exit_code == 1 and "fetch failed" in node.error["value"]
    assert "EAI_AGAIN" in node.error["traceback"] or "ENOTFOUND" in node.error["traceback"]
    assert node.wall < 2 * AT_ONCE  # with the start of Node

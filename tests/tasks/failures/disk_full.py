# SPDX-License-Identifier: LGPL-2.1-or-later

"""Write a file that does not fit into /work."""

MIB = 1 << 20


def task(agent):
    sandbox = agent.open("python", limits={"work_bytes": 4 * MIB})
    sandbox.put("small.txt", "small")
    done = sandbox.code("with open('large.bin', 'wb') as file:\n"
                        "    for i in range(100):\n"
                        "        file.write(bytes(1 << 20))\n"
                        "        print(i + 1, 'MiB')")
    assert (done.status, done.exit_code, done.limits_hit) == ("exited", 1, ["work"])
    assert done.error["name"] == "OSError"
    assert "No space left on device" in done.error["value"]
    assert done.out.startswith("1 MiB\n2 MiB\n")
    sizes = {name: entry["size"] for name, entry in sandbox.list().items()}
    assert sizes["small.txt"] == 5 and 2 * MIB < sizes["large.bin"] <= 4 * MIB
    # Room is made, and it goes on; the limit is no longer met.
    again = sandbox.code("import os\nos.remove('large.bin')\n"
                         "print(open('more.txt', 'w').write('x' * 1000))")
    assert again.good() == "1000\n" and again.limits_hit == []
    shell = agent.run("shell", "dd if=/dev/zero of=/work/x bs=1M count=99 status=none",
                      limits={"work_bytes": 4 * MIB})
    assert (shell.exit_code, shell.limits_hit) == (1, ["work"])
    assert "No space left on device" in shell.err

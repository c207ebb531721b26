# SPDX-License-Identifier: LGPL-2.1-or-later

"""Here is a Git repository as a bundle. Who has changed what, what is on the branch that is not
merged, and which commit broke the script?"""

MAKE = """set -e
git init -q -b main origin && cd origin
commit() { GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$1@example.org GIT_COMMITTER_NAME=$1 \
    GIT_COMMITTER_EMAIL=$1@example.org git commit -q -m "$2"; }
for i in 1 2 3 4 5 6 7 8; do
    if [ $i = 6 ]; then echo 'exit 1' >check.sh; else [ $i -gt 6 ] || echo 'exit 0' >check.sh; fi
    echo "line $i" >>notes.txt
    git add -A && commit $([ $((i % 3)) = 0 ] && echo bob || echo alice) "step $i"
done
git switch -q -c feature && echo more >more.txt && git add -A && commit carol "add more"
git bundle create -q ../history.bundle --all
cd .. && rm -rf origin
"""

LOOK = """set -e
git clone -q -b main history.bundle repository && cd repository
git shortlog -sn --no-merges main
git log --format='%an: %s' main..origin/feature
git bisect start HEAD HEAD~7 >/dev/null
git bisect run sh check.sh | grep 'first bad commit' >/dev/null
git show -s --format='broken by %an in "%s"' refs/bisect/bad
"""


def task(agent):
    sandbox = agent.open("shell")
    sandbox.code(MAKE).good()
    done = sandbox.code(LOOK)
    assert [line.split() for line in done.good().splitlines()] == [
        ["6", "alice"], ["2", "bob"], ["carol:", "add", "more"],
        ["broken", "by", "bob", "in", '"step', '6"']]
    # Where the shell was left, the next command is.
    assert sandbox.code("git rev-list --count origin/feature; pwd").good() == "9\n/work/repository\n"

# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the profile `shell` promises: each tool is there and does a small thing. Run by `cloche images
# --check shell`, as any user's code. Another tool is another line `check NAME …`: a command that
# succeeds, or one whose output is what stands behind `is`.

failed=0

check() {
    local name=$1 output
    shift
    if ! output=$("$@" 2>&1); then
        printf '%s: %s\n%s\n' "$name" "$*" "$output" >&2
        failed=1
    fi
}

is() {
    local wanted=$1 output
    shift
    output=$("$@" 2>&1) && [[ $output == "$wanted" ]] || { printf '%s instead of %s\n' "$output" "$wanted"; return 1; }
}

text() { printf 'b 2\na 1\n'; }
through() { text | "$@"; }

check bash is 5 printf '%s\n' "${BASH_VERSINFO[0]}"
check coreutils is $'a 1\nb 2' through sort
check awk is 3 through awk '{ n += $2 } END { print n }'
check grep is 'a 1' through grep -P '^a\s'
check sed is $'b-2\na-1' through sed 's/ /-/'
check diff is '' diff <(text) <(text)
check find is ./found bash -c 'touch found && find . -name found'
check xargs is 'b 2 a 1' through xargs echo
check file bash -c 'printf "#!/bin/sh\n" >f && file f | grep -q "shell script"'
check jq is 3 jq -n '[1, 2] | add'
check tree is $'t\nt/u' bash -c 'mkdir -p t/u && tree -dfi --noreport t'
check patch bash -c 'echo a >p; echo b >q; diff -u p q | patch -s p && cmp p q'
check ps bash -c 'ps -o pid= -p $$ | grep -q "[0-9]"'
for tool in 'gzip -c' 'bzip2 -c' 'xz -c'; do
    check "$tool" is $'b 2\na 1' bash -c "printf 'b 2\na 1\n' | $tool | ${tool%% *} -d"
done
check tar is x bash -c 'echo x >tarred && tar -cJf t.tar.xz tarred && tar -xOf t.tar.xz tarred'
check zip is x bash -c 'echo x >zipped && zip -q z.zip zipped && unzip -p z.zip zipped'
check git bash -c 'git init -q r && cd r && touch f && git add f &&
    git -c user.name=c -c user.email=c@c commit -qm c && git log --oneline | grep -q " c$"'
check gcc is 42 bash -c 'printf "#include <stdio.h>\nint main(void) { puts(\"42\"); }\n" >c.c && gcc -Wall -Werror -o c c.c && ./c'
check make is made bash -c 'printf "all:\n\t@echo made\n" >Makefile && make -s'
check perl is 6 perl -e 'print 2 * 3'
check curl bash -c 'curl --version | grep -q https'
for tool in less nano vim.tiny; do
    check "$tool" "$tool" --version
done
check 'the end of /usr' is 1 bash -c 'touch /usr/x 2>/dev/null; echo $?'

exit "$failed"

# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver of the profile `shell`: runs one piece of code after another in one bash, which keeps its
# variables, functions, directory and options. What it speaks with Cloche: on stdin a line "N PATH" for
# each piece, whose streams are beside PATH in fd/0, fd/1 and fd/2; on stdout lines of JSON.
#
# An interrupt must end the code and not the shell. bash has no exception for that, but with extdebug a
# DEBUG trap that answers 2 makes the function or sourced file return that it stands in; so the trap
# answers 2 until only this file is left.

exec {__cloche_commands}<&0 {__cloche_replies}>&1 </dev/null >/dev/null 2>&1

__cloche_unwind() {
    if ((${#BASH_SOURCE[@]} > 2)); then
        return 2
    fi
    shopt -u extdebug
    set +T
    trap - DEBUG
}
trap 'shopt -s extdebug; set -T; trap __cloche_unwind DEBUG' INT

printf '{"ready":true}\n' >&"$__cloche_replies"
while IFS=' ' read -r __cloche_n __cloche_path <&"$__cloche_commands"; do
    . "$__cloche_path" <"${__cloche_path%/*}/fd/0" >"${__cloche_path%/*}/fd/1" 2>"${__cloche_path%/*}/fd/2"
    printf '{"done":%d,"exit_code":%d}\n' "$__cloche_n" "$?" >&"$__cloche_replies"
done

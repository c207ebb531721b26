# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver of bash, as cloche-driver(7) wants one: runs one piece of code after another in one bash, which
# keeps its variables, functions, directory, options and traps. There are no results and no errors, only exit
# codes; what ends the shell itself (exit, exec, set -e) ends the driver, and its exit code is that of the
# code. The last piece of code is a script like any other, for there is nothing to keep.
#
# All names here begin with __cloche, the code shares them. Around the code its options are off, so that none
# of them does to the driver what it does to the code. Our own descriptors are 200 and 201: closed for the
# code, whose children would hold them open.
#
# An interrupt must end the code and not the shell. bash has no exception for that, but with extdebug a
# DEBUG trap that answers 2 makes the function or sourced file return that it stands in; so the trap
# answers 2 until only this file is left. `read` would go on waiting behind it: its input ends instead.

exec 200<&0 201>&1 </dev/null >/dev/null 2>&1
declare -A __cloche_env __cloche_before
declare __cloche_line __cloche_flags __cloche_home=$PWD __cloche_back __cloche_code __cloche_name
declare __cloche_run __cloche_path __cloche_cwd __cloche_last

__cloche_unwind() {
    if ((${#BASH_SOURCE[@]} > 2)); then
        return 2
    fi
    shopt -u extdebug
    set +T
    trap - DEBUG
}

# A string of JSON without its quotes: bash's own quoting knows the same escapes.
__cloche_decode() { # TEXT VARIABLE
    eval "$2=\$'${1//\'/\\\'}'"
}

# Takes apart {"run":N,"path":"…","env":{"A":"b",…},"cwd":"…","last":true}, as Cloche writes it: without
# blanks. Between quotes stands every other part, but for quotes that are part of a string.
__cloche_parse() {
    local parts part text tail key='' in_env=''

    mapfile -t -d '"' parts <<<"$1"
    __cloche_env=() __cloche_cwd='' __cloche_last=''
    for ((part = 1; part < ${#parts[@]}; part += 2)); do
        text=${parts[part]} tail=${parts[part]##*[!\\]}
        while ((${#tail} % 2)); do
            part=$((part + 1))
            text+=\"${parts[part]} tail=${parts[part]##*[!\\]}
        done
        tail=${parts[part + 1]}
        if [[ $tail == :* ]]; then # a name; what is no string stands behind it
            key=$text
            case $text$tail in
            run:[0-9]*) [[ $in_env ]] || { __cloche_run=${tail#:} __cloche_run=${__cloche_run%%[,\}]*}; } ;;
            last:true*) [[ $in_env ]] || __cloche_last=yes ;;
            env:{*) in_env=yes ;;
            esac
        else
            if [[ $in_env ]]; then
                __cloche_decode "$text" "__cloche_env[$key]"
            else
                case $key in
                path) __cloche_decode "$text" __cloche_path ;;
                cwd) __cloche_decode "$text" __cloche_cwd ;;
                esac
            fi
        fi
        [[ $tail != *\}* ]] || in_env=''
    done
}

# What the code gets beside what is there, and what is to come back.
__cloche_enter() {
    local name

    __cloche_before=() __cloche_back=''
    for name in "${!__cloche_env[@]}"; do
        if [[ -v $name ]]; then
            __cloche_before[$name]=${!name}
        fi
        export "$name=${__cloche_env[$name]}"
    done
    if [[ $__cloche_cwd ]]; then
        [[ $__cloche_cwd == /* ]] || __cloche_cwd=$__cloche_home/$__cloche_cwd
        __cloche_back=$PWD
        cd -- "$__cloche_cwd" || return 1
    fi
}

__cloche_leave() {
    local name

    for name in "${!__cloche_env[@]}"; do
        if [[ -v __cloche_before[$name] ]]; then
            export "$name=${__cloche_before[$name]}"
        else
            unset -v "$name"
        fi
    done
    [[ ! $__cloche_back ]] || cd -- "$__cloche_back"
}

__cloche_script() {
    exec 200<&- 201>&- <"${__cloche_path%/*}/fd/0" >"${__cloche_path%/*}/fd/1" 2>"${__cloche_path%/*}/fd/2"
    exec "$BASH" "$__cloche_path"
}

printf '{"ready":true}\n' >&201
__cloche_flags=$-
while IFS= read -r __cloche_line <&200; do
    __cloche_parse "$__cloche_line"
    __cloche_code=1
    if __cloche_enter 2>"${__cloche_path%/*}/fd/2"; then
        [[ ! $__cloche_last ]] || __cloche_script
        BASH_ARGV0=$__cloche_path
        trap 'exec </dev/null; shopt -s extdebug; set -T; trap __cloche_unwind DEBUG' INT
        for __cloche_name in e f u v x; do
            [[ $__cloche_flags != *$__cloche_name* ]] || set -$__cloche_name
        done
        . "$__cloche_path" <"${__cloche_path%/*}/fd/0" >"${__cloche_path%/*}/fd/1" \
            2>"${__cloche_path%/*}/fd/2" 200<&- 201>&-
        __cloche_code=$? __cloche_flags=$-
        set +efuvx
    fi
    __cloche_leave
    printf '{"done":%d,"exit_code":%d}\n' "$__cloche_run" "$__cloche_code" >&201
done

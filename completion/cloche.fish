# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for cloche(1). One option a line, -x or -r where it takes a value: tests/docs reads this
# file and compares it with what `cloche VERB --help` says.

function __cloche_profiles
    cloche profiles --json 2>/dev/null | string match --all --regex --groups-only '"name":"([^"]*)"'
end

function __cloche_sandboxes
    for socket in $XDG_RUNTIME_DIR/cloche/names/*.sock
        string replace --regex '.*/(.*)\.sock$' '$1:' $socket
    end
end

# Whether the verb on the command line is one of these; without arguments, whether there is none yet.
function __cloche_verb
    set --local words (commandline --tokens-expanded 2>/dev/null; or commandline -opc)
    set --local skip
    for word in $words[2..]
        if set --query skip[1]
            set --erase skip
        else if test "$word" = --socket
            set skip yes
        else if not string match --quiet -- '-*' $word
            contains -- $word $argv
            return
        end
    end
    not set --query argv[1]
end

complete -c cloche -n '__cloche_verb' -f
complete -c cloche -n '__cloche_verb' -a run -d 'Run a program in a sandbox of its own'
complete -c cloche -n '__cloche_verb' -a shell -d 'Open a sandbox and a shell in it'
complete -c cloche -n '__cloche_verb' -a cp -d 'Copy files into a sandbox or out of one'
complete -c cloche -n '__cloche_verb' -a mcp -d 'Serve the Model Context Protocol'
complete -c cloche -n '__cloche_verb' -a profiles -d 'Which profiles there are'
complete -c cloche -n '__cloche_verb' -a images -d 'Show, build, pull and check images'
complete -c cloche -n '__cloche_verb' -a info -d 'What the service is'

complete -c cloche -l system -d 'Speak to the system\'s Cloche'
complete -c cloche -l user -d 'Speak to your own'
complete -c cloche -l socket -r -d 'Speak to this socket'
complete -c cloche -s h -d 'Show help'
complete -c cloche -l help -d 'Show help'
complete -c cloche -l version -d 'Show the version'

complete -c cloche -n '__cloche_verb run shell' -s p -x -a '(__cloche_profiles)' -d 'Use this profile'
complete -c cloche -n '__cloche_verb run shell' -l profile -x -a '(__cloche_profiles)' -d 'Use this profile'
complete -c cloche -n '__cloche_verb run shell' -s e -x -a '(set --names --export)' -d 'Set a variable, or pass on our own'
complete -c cloche -n '__cloche_verb run shell' -l env -x -a '(set --names --export)' -d 'Set a variable, or pass on our own'
complete -c cloche -n '__cloche_verb run shell' -s w -x -d 'Where it starts'
complete -c cloche -n '__cloche_verb run shell' -l cwd -x -d 'Where it starts'
complete -c cloche -n '__cloche_verb run shell' -s t -d 'Give it a terminal'
complete -c cloche -n '__cloche_verb run shell' -l tty -d 'Give it a terminal'
complete -c cloche -n '__cloche_verb run shell' -l name -x -d 'Let cloche cp reach it by this name'
complete -c cloche -n '__cloche_verb run shell' -l timeout -x -d 'Stop it after this time'
complete -c cloche -n '__cloche_verb run shell' -l memory -x -d 'Memory it may use'
complete -c cloche -n '__cloche_verb run shell' -l cpus -x -d 'CPUs it may use'
complete -c cloche -n '__cloche_verb run shell' -l tasks -x -d 'Processes and threads it may have'
complete -c cloche -n '__cloche_verb run shell' -l work-size -x -d 'What fits into its directory'
complete -c cloche -n '__cloche_verb run shell' -l output-size -x -d 'How much it may print'

complete -c cloche -n '__cloche_verb run' -s c -x -d 'Code to run'
complete -c cloche -n '__cloche_verb run' -l put -r -d 'Copy a file into the sandbox first'
complete -c cloche -n '__cloche_verb run' -l get -x -d 'Copy files out of it at the end'
complete -c cloche -n '__cloche_verb run' -l no-stdin -d 'Give it no input'
complete -c cloche -n '__cloche_verb run' -l json -d 'Print one JSON object'

complete -c cloche -n '__cloche_verb shell' -l no-tty -d 'Give it no terminal'

complete -c cloche -n '__cloche_verb cp' -a '(__cloche_sandboxes)' -d 'A sandbox'

complete -c cloche -n '__cloche_verb profiles' -f
complete -c cloche -n '__cloche_verb profiles' -l json -d 'Print the answer of the service'

complete -c cloche -n '__cloche_verb images' -f
complete -c cloche -n '__cloche_verb images' -a 'list build pull'
complete -c cloche -n '__cloche_verb images' -a '(__cloche_profiles)' -d 'A profile'
complete -c cloche -n '__cloche_verb images' -l base -x -d 'Build on this image'
complete -c cloche -n '__cloche_verb images' -l no-cache -d 'Build every step anew'
complete -c cloche -n '__cloche_verb images' -l pull -d 'Look for a newer base image first'
complete -c cloche -n '__cloche_verb images' -l image -x -d 'Pull this image'
complete -c cloche -n '__cloche_verb images' -l check -d 'Run the checks of the profiles'
complete -c cloche -n '__cloche_verb images' -l contexts -r -d 'Where the folders of the profiles are'
complete -c cloche -n '__cloche_verb images' -l json -d 'Print one JSON object'

complete -c cloche -n '__cloche_verb info' -f
complete -c cloche -n '__cloche_verb info' -l json -d 'Print the answer of the service'

complete -c cloche -n '__cloche_verb mcp' -f

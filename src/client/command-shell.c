/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche shell: a sandbox that somebody works in. At a terminal it is one (as podman run -it), from
 * a script it is not (as podman run -i).
 *
 * Which shell: bash where there is one, found by sh and not by trying, because what cannot be started
 * is a failed execution in the record. TERM goes along, as with ssh: without it no editor knows how
 * to draw. */

#include <string.h>

#include "client/command-shell.h"
#include "client/outcome.h"
#include "client/request-option.h"
#include "client/run.h"
#include "client/show.h"

static const char help[] =
        "Usage: cloche shell [OPTION…]\n"
        "       cloche shell [OPTION…] -- WORD…\n"
        "\n"
        "Opens a sandbox with a shell in it, or with another program. At a terminal every key goes\n"
        "to the shell, ^C and ^Z too; exit (or ^D) ends it, and with it the sandbox.\n"
        "\n"
        "  -- WORD…            A command instead of a shell\n"
        "\n" REQUEST_HELP
        "      --no-tty        Give it none, though we are at a terminal\n" COMMON_HELP "\n"
        "Exit codes: as those of cloche run.\n";

enum {
        OPTION_NO_TTY = REQUEST_OPTION_NEXT,
};

/* Takes the default away that only shell has. Returns -1 to go on, or the code to exit with. */
static int parse_options(int argc, char **argv, RequestOptions *o, AddressHints *hints) {
        static const struct option options[] = {
                REQUEST_OPTIONS,
                { "no-tty", no_argument, NULL, OPTION_NO_TTY },
                COMMON_OPTIONS,
                { 0 },
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "+h" REQUEST_LETTERS, options, NULL)) >= 0) {
                if (c == OPTION_NO_TTY) {
                        o->has_terminal = false;
                        continue;
                }
                r = request_option_take(c, o, hints, help);
                if (r >= 0)
                        return r;
        }
        return -1;
}

static bool is_at_terminal(void) {
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* -1 to go on, or the code to exit with. */
static int set_term(RunRequest *request) {
        const char *term = getenv("TERM");
        json_object *value;

        if (!term || !term[0] || json_object_object_get_ex(request->env, "TERM", &value))
                return -1;
        if (run_request_add_env(request, "TERM") >= 0)
                return -1;
        show_error("out of memory");
        return OUTCOME_FAILED;
}

static int command_shell(AddressHints *hints, int argc, char **argv) {
        static char sh[] = "sh", dash_c[] = "-c",
                    script[] = "command -v bash >/dev/null && exec bash -l; exec sh -l";
        static char *const words[] = { sh, dash_c, script };
        _cleanup_run_request_ RunRequest request = RUN_REQUEST_NONE;
        RequestOptions options = { .request = &request, .has_terminal = is_at_terminal() };
        _cleanup_address_ Address address = { 0 };
        Transfer transfer = { 0 };
        int r;

        r = parse_options(argc, argv, &options, hints);
        if (r >= 0)
                return r;
        if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
                show_error("a command goes after --: cloche shell … -- %s", argv[optind]);
                return OUTCOME_FAILED;
        }
        if (optind < argc)
                program_from_argv(argv + optind, (size_t)(argc - optind), options.profile,
                                  &request.program);
        else
                program_from_argv(words, ARRAY_SIZE(words), options.profile, &request.program);
        if (options.has_terminal) {
                r = set_term(&request);
                if (r >= 0)
                        return r;
        }
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        return run(&(const RunOptions){
                .address = &address,
                .request = &request,
                .transfer = &transfer,
                .name = options.name,
                .pass_stdin = true,
                .has_terminal = options.has_terminal,
                .lives = true,
        });
}

const Verb verb_shell = { "shell", "Work in a sandbox, at a terminal", command_shell };

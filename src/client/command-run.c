/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche run: its options, and what the program is. Options end at the first word that is none, so
 * that nothing after the file can be mistaken for one of ours. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/limits.h"
#include "client/command-run.h"
#include "client/outcome.h"
#include "client/request-option.h"
#include "client/run.h"
#include "client/show.h"

static const char help[] =
        "Usage: cloche run [OPTION…] FILE\n"
        "       cloche run [OPTION…] -c CODE\n"
        "       cloche run [OPTION…] -- WORD…\n"
        "\n"
        "Runs a program in a sandbox of its own. Input, output and exit code pass through;\n"
        "afterwards nothing of it is left.\n"
        "\n"
        "  FILE                Code in a file; \"-\" is stdin. The suffix tells the profile:\n"
        "                      .py python, .sh shell\n"
        "  -c CODE             Code; for the profile python if nothing else is said\n"
        "  -- WORD…            A command; in the profile shell if nothing else is said\n"
        "\n" REQUEST_HELP
        "      --put LOCAL[:PATH]  Copy a file into the sandbox first, to PATH or its own name\n"
        "      --get GLOB[:DIR]    Copy files out of it at the end, to DIR or where we are\n"
        "      --no-stdin      Give it no input\n"
        "      --json          Print one JSON object with the result and the output\n" COMMON_HELP
        "\n"
        "Exit codes: the program's own; 128 + N after signal N; 124 timeout; 125 cloche or the\n"
        "request failed; 130 cancelled; 137 out of memory; 153 too much output.\n";

enum {
        OPTION_PUT = REQUEST_OPTION_NEXT,
        OPTION_GET,
        OPTION_NO_STDIN,
        OPTION_JSON,
};

typedef struct Arguments {
        RunRequest request;
        RequestOptions options;
        Transfer transfer;
        const char *code;
        bool no_stdin;
        bool json;
} Arguments;

static void arguments_done(Arguments *a) {
        transfer_done(&a->transfer);
        run_request_done(&a->request);
}

/* Returns -1 to go on, or the code to exit with. */
static int take_option(int c, Arguments *a, AddressHints *hints) {
        switch (c) {
        case 'c':
                a->code = optarg;
                return -1;
        case OPTION_PUT:
                return transfer_add_put(&a->transfer, optarg) < 0 ? OUTCOME_FAILED : -1;
        case OPTION_GET:
                return transfer_add_get(&a->transfer, optarg) < 0 ? OUTCOME_FAILED : -1;
        case OPTION_NO_STDIN:
                a->no_stdin = true;
                return -1;
        case OPTION_JSON:
                a->json = true;
                return -1;
        default:
                return request_option_take(c, &a->options, hints, help);
        }
}

static int parse_options(int argc, char **argv, Arguments *a, AddressHints *hints) {
        static const struct option options[] = {
                REQUEST_OPTIONS,
                { "put", required_argument, NULL, OPTION_PUT },
                { "get", required_argument, NULL, OPTION_GET },
                { "no-stdin", no_argument, NULL, OPTION_NO_STDIN },
                { "json", no_argument, NULL, OPTION_JSON },
                COMMON_OPTIONS,
                { 0 },
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "+hc:" REQUEST_LETTERS, options, NULL)) >= 0) {
                r = take_option(c, a, hints);
                if (r >= 0)
                        return r;
        }
        return -1;
}

static int load_file(const char *file, const Arguments *a, Program *ret) {
        int r = program_load(file, a->options.profile, ret);

        if (r >= 0)
                return 0;
        if (r == -ENOTSUP)
                show_error("%s: the name does not tell which profile runs it; say --profile", file);
        else if (r == -EFBIG)
                show_error("%s: larger than a request may be (%zu bytes)", file,
                           (size_t)LINE_SIZE_MAX);
        else if (r == -ENOENT)
                show_error("%s: no such file. To run a command, write: cloche run -- %s …", file,
                           file);
        else
                show_error("cannot read %s: %s", file, strerror(-r));
        return OUTCOME_FAILED;
}

/* What the words after the options are. Returns 0, or the code to exit with. */
static int take_program(int argc, char **argv, Arguments *a) {
        bool is_argv = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
        int n = argc - optind;
        int r;

        if (a->code) {
                if (n > 0) {
                        show_error("-c CODE takes no further words: %s", argv[optind]);
                        return OUTCOME_FAILED;
                }
                r = program_from_code(a->code, a->options.profile, &a->request.program);
                if (r < 0) {
                        show_error("out of memory");
                        return OUTCOME_FAILED;
                }
                return 0;
        }
        if (n == 0) {
                show_error("nothing to run: say FILE, -c CODE or -- WORD…; --help says more");
                return OUTCOME_FAILED;
        }
        if (is_argv) {
                program_from_argv(argv + optind, (size_t)n, a->options.profile,
                                  &a->request.program);
                return 0;
        }
        if (n > 1) {
                show_error("a program in a file takes no words after it: %s\n"
                           "    Options go before the file; a command goes after --",
                           argv[optind + 1]);
                return OUTCOME_FAILED;
        }
        /* what is read as the program is not there as its input */
        a->no_stdin = a->no_stdin || strcmp(argv[optind], "-") == 0;
        return load_file(argv[optind], a, &a->request.program);
}

static int command_run(AddressHints *hints, int argc, char **argv) {
        _cleanup_(arguments_done) Arguments a = { .request = RUN_REQUEST_NONE };
        _cleanup_address_ Address address = { 0 };
        int r;

        a.options.request = &a.request;
        r = parse_options(argc, argv, &a, hints);
        if (r >= 0)
                return r;
        r = take_program(argc, argv, &a);
        if (r > 0)
                return r;
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        return run(&(const RunOptions){
                .address = &address,
                .request = &a.request,
                .transfer = &a.transfer,
                .name = a.options.name,
                .pass_stdin = !a.no_stdin,
                .has_terminal = a.options.has_terminal,
                .as_json = a.json,
        });
}

const Verb verb_run = { "run", "Run a program in a sandbox of its own", command_run };

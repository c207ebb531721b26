/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche run: its options, and what the program is. Options end at the first word that is none, so
 * that nothing after the file can be mistaken for one of ours. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "client/amount.h"
#include "client/command-run.h"
#include "client/outcome.h"
#include "client/run-request.h"
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
        "\n"
        "  -p, --profile NAME  Use this profile (\"cloche profiles\" lists them)\n"
        "  -e, --env NAME=VALUE  Set a variable, or pass on our own with NAME alone\n"
        "      --timeout TIME  Stop it after this time: 500ms, 90s, 5min\n"
        "      --memory SIZE   Memory it may use: 256M, 1G\n"
        "      --cpus NUMBER   CPUs it may use: 0.5\n"
        "      --tasks NUMBER  Processes and threads it may have\n"
        "      --work-size SIZE    What fits into its directory, /work\n"
        "      --output-size SIZE  How much it may print\n"
        "                      Limits can only be narrower than the profile's\n"
        "      --no-stdin      Give it no input\n"
        "      --json          Print one JSON object with the result and the output\n" COMMON_HELP
        "\n"
        "Exit codes: the program's own; 128 + N after signal N; 124 timeout; 125 cloche or the\n"
        "request failed; 130 cancelled; 137 out of memory; 153 too much output.\n";

enum {
        OPTION_TIMEOUT = VERB_OPTION_FIRST,
        OPTION_MEMORY,
        OPTION_CPUS,
        OPTION_TASKS,
        OPTION_WORK_SIZE,
        OPTION_OUTPUT_SIZE,
        OPTION_NO_STDIN,
        OPTION_JSON,
};

typedef struct Arguments {
        RunRequest request;
        const char *profile;
        const char *code;
        bool no_stdin;
        bool json;
} Arguments;

static void arguments_done(Arguments *a) {
        run_request_done(&a->request);
}

/* Returns -1, or the code to exit with. */
static int check_amount(int r, const char *option, const char *text, const char *example) {
        if (r >= 0)
                return -1;
        show_error("--%s %s: %s, for example %s", option, text,
                   r == -ERANGE ? "the number is too large" : "say a number and its unit", example);
        return OUTCOME_FAILED;
}

static int take_env(RunRequest *request, const char *text) {
        int r = run_request_add_env(request, text);

        if (r >= 0)
                return -1;
        show_error("--env %s: %s", text,
                   r == -ENOENT ? "there is no such variable here; say NAME=VALUE"
                                : "say NAME=VALUE");
        return OUTCOME_FAILED;
}

/* Returns -1 to go on, or the code to exit with. */
static int take_option(int c, Arguments *a, AddressHints *hints) {
        RunRequest *q = &a->request;

        switch (c) {
        case 'p':
                a->profile = optarg;
                return -1;
        case 'c':
                a->code = optarg;
                return -1;
        case 'e':
                return take_env(q, optarg);
        case OPTION_TIMEOUT:
                return check_amount(amount_parse_duration(optarg, &q->timeout_usec), "timeout",
                                    optarg, "90s");
        case OPTION_MEMORY:
                return check_amount(amount_parse_size(optarg, &q->memory_bytes), "memory", optarg,
                                    "256M");
        case OPTION_CPUS:
                return check_amount(amount_parse_cpus(optarg, &q->cpu_percent), "cpus", optarg,
                                    "0.5");
        case OPTION_TASKS:
                return check_amount(amount_parse_count(optarg, &q->tasks), "tasks", optarg, "64");
        case OPTION_WORK_SIZE:
                return check_amount(amount_parse_size(optarg, &q->work_bytes), "work-size", optarg,
                                    "64M");
        case OPTION_OUTPUT_SIZE:
                return check_amount(amount_parse_size(optarg, &q->output_bytes), "output-size",
                                    optarg, "1M");
        case OPTION_NO_STDIN:
                a->no_stdin = true;
                return -1;
        case OPTION_JSON:
                a->json = true;
                return -1;
        default:
                return command_take_common(c, hints, help);
        }
}

static int parse_options(int argc, char **argv, Arguments *a, AddressHints *hints) {
        static const struct option options[] = {
                { "profile", required_argument, NULL, 'p' },
                { "env", required_argument, NULL, 'e' },
                { "timeout", required_argument, NULL, OPTION_TIMEOUT },
                { "memory", required_argument, NULL, OPTION_MEMORY },
                { "cpus", required_argument, NULL, OPTION_CPUS },
                { "tasks", required_argument, NULL, OPTION_TASKS },
                { "work-size", required_argument, NULL, OPTION_WORK_SIZE },
                { "output-size", required_argument, NULL, OPTION_OUTPUT_SIZE },
                { "no-stdin", no_argument, NULL, OPTION_NO_STDIN },
                { "json", no_argument, NULL, OPTION_JSON },
                COMMON_OPTIONS,
                { 0 },
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "+hp:c:e:", options, NULL)) >= 0) {
                r = take_option(c, a, hints);
                if (r >= 0)
                        return r;
        }
        return -1;
}

static int load_file(const char *file, const Arguments *a, Program *ret) {
        int r = program_load(file, a->profile, ret);

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
                r = program_from_code(a->code, a->profile, &a->request.program);
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
                program_from_argv(argv + optind, (size_t)n, a->profile, &a->request.program);
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
        _cleanup_(arguments_done) Arguments a = {
                .request = {
                        .timeout_usec = LIMIT_UNSET,
                        .memory_bytes = LIMIT_UNSET,
                        .tasks = LIMIT_UNSET,
                        .cpu_percent = LIMIT_UNSET,
                        .work_bytes = LIMIT_UNSET,
                        .output_bytes = LIMIT_UNSET,
                },
        };
        _cleanup_address_ Address address = { 0 };
        _cleanup_json_ json_object *params = NULL;
        const char *what;
        int r;

        r = parse_options(argc, argv, &a, hints);
        if (r >= 0)
                return r;
        r = take_program(argc, argv, &a);
        if (r > 0)
                return r;
        a.request.stdin_open = !a.no_stdin;
        r = run_request_format(&a.request, &params, &what);
        if (r < 0) {
                if (r == -EILSEQ)
                        show_error("%s is not text in UTF-8, or holds a NUL character", what);
                else
                        show_error("out of memory");
                return OUTCOME_FAILED;
        }
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        return run(&(const RunOptions){
                .address = &address,
                .params = params,
                .pass_stdin = !a.no_stdin,
                .as_json = a.json,
        });
}

const Verb verb_run = { "run", "Run a program in a sandbox of its own", command_run };

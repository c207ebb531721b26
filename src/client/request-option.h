/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options that run and shell have in common: what is asked of the service. */

#include "client/command.h"
#include "client/run-request.h"

enum {
        REQUEST_OPTION_TIMEOUT = VERB_OPTION_FIRST,
        REQUEST_OPTION_MEMORY,
        REQUEST_OPTION_CPUS,
        REQUEST_OPTION_TASKS,
        REQUEST_OPTION_WORK_SIZE,
        REQUEST_OPTION_OUTPUT_SIZE,
        REQUEST_OPTION_NAME,
        REQUEST_OPTION_NEXT, /* a verb's own start here */
};

#define REQUEST_OPTIONS                                                                       \
        { "profile", required_argument, NULL, 'p' }, { "env", required_argument, NULL, 'e' }, \
                { "cwd", required_argument, NULL, 'w' }, { "tty", no_argument, NULL, 't' },   \
                { "timeout", required_argument, NULL, REQUEST_OPTION_TIMEOUT },               \
                { "memory", required_argument, NULL, REQUEST_OPTION_MEMORY },                 \
                { "cpus", required_argument, NULL, REQUEST_OPTION_CPUS },                     \
                { "tasks", required_argument, NULL, REQUEST_OPTION_TASKS },                   \
                { "work-size", required_argument, NULL, REQUEST_OPTION_WORK_SIZE },           \
                { "output-size", required_argument, NULL, REQUEST_OPTION_OUTPUT_SIZE }, {     \
                "name", required_argument, NULL, REQUEST_OPTION_NAME                          \
        }

#define REQUEST_LETTERS "p:e:w:t"

#define REQUEST_HELP                                                                     \
        "  -p, --profile NAME  Use this profile (\"cloche profiles\" lists them)\n"      \
        "  -e, --env NAME=VALUE  Set a variable, or pass on our own with NAME alone\n"   \
        "  -w, --cwd DIR       Where it starts; /work if nothing else is said\n"         \
        "  -t, --tty           Give it a terminal, with ours as its size and keyboard\n" \
        "      --name NAME     Let \"cloche cp\" reach it by this name while it runs\n"  \
        "      --timeout TIME  Stop it after this time: 500ms, 90s, 5min\n"              \
        "      --memory SIZE   Memory it may use: 256M, 1G\n"                            \
        "      --cpus NUMBER   CPUs it may use: 0.5\n"                                   \
        "      --tasks NUMBER  Processes and threads it may have\n"                      \
        "      --work-size SIZE    What fits into its directory, /work\n"                \
        "      --output-size SIZE  How much it may print\n"                              \
        "                      Limits can only be narrower than the profile's\n"

typedef struct RequestOptions {
        RunRequest *request;
        const char *profile; /* borrowed, as is the next; NULL when not said */
        const char *name;
        bool has_terminal;
} RequestOptions;

/* Takes an option that getopt_long() returned and the verb does not know, and all of the common ones.
 * Logging. Returns -1 to go on, or the code to exit with. */
int request_option_take(int c, RequestOptions *o, AddressHints *hints, const char *help);

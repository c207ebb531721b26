/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs: each has a file of its own with its options, its help and one function. The options of
 * all of them are here, and may stand before or after the verb. */

#include <getopt.h>
#include <stdbool.h>

#include "client/address.h"

typedef struct Verb {
        const char *name;
        const char *summary; /* one line of "cloche --help" */
        /* argv[0] is the name of the program. Returns the exit code. */
        int (*run)(AddressHints *hints, int argc, char **argv);
} Verb;

/* Values of long options without a letter. */
enum {
        COMMON_OPTION_HELP = 'h',
        COMMON_OPTION_SYSTEM = 256,
        COMMON_OPTION_USER,
        COMMON_OPTION_SOCKET,
        COMMON_OPTION_VERSION,
        VERB_OPTION_FIRST, /* a verb's own start here */
};

#define COMMON_OPTIONS                                                   \
        { "help", no_argument, NULL, COMMON_OPTION_HELP },               \
                { "version", no_argument, NULL, COMMON_OPTION_VERSION }, \
                { "system", no_argument, NULL, COMMON_OPTION_SYSTEM },   \
                { "user", no_argument, NULL, COMMON_OPTION_USER }, {     \
                "socket", required_argument, NULL, COMMON_OPTION_SOCKET  \
        }

#define COMMON_HELP                                                           \
        "      --system        Speak to the system's Cloche\n"                \
        "      --user          Speak to your own\n"                           \
        "      --socket PATH   Speak to this socket (or set CLOCHE_SOCKET)\n" \
        "  -h, --help          Show this help\n"                              \
        "      --version       Show the version\n"

/* Takes an option that getopt_long() returned and the verb does not know. Returns -1 to go on, or
 * the code to exit with: after --help, --version, and what is no option. */
int command_take_common(int option, AddressHints *hints, const char *help);

/* The options of a verb that has none but --json and the common ones, and no operands. Returns as
 * above. */
int command_parse_plain(int argc, char **argv, AddressHints *hints, const char *help,
                        bool *ret_json);

/* The socket to use. Returns 0, or the code to exit with. */
int command_find_address(const AddressHints *hints, Address *ret);

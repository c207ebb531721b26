/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* getopt_long() itself says what it does not understand, in the words every program uses. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/command.h"
#include "client/outcome.h"
#include "client/show.h"

int command_take_common(int option, AddressHints *hints, const char *help) {
        switch (option) {
        case COMMON_OPTION_HELP:
                (void)fputs(help, stdout);
                return show_done() < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
        case COMMON_OPTION_VERSION:
                (void)puts("cloche " CLOCHE_VERSION);
                return show_done() < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
        case COMMON_OPTION_SYSTEM:
                hints->mode = ADDRESS_SYSTEM;
                hints->socket = NULL;
                return -1;
        case COMMON_OPTION_USER:
                hints->mode = ADDRESS_USER;
                hints->socket = NULL;
                return -1;
        case COMMON_OPTION_SOCKET:
                hints->socket = optarg;
                return -1;
        default:
                return OUTCOME_FAILED;
        }
}

enum {
        OPTION_JSON = VERB_OPTION_FIRST,
};

int command_parse_plain(int argc, char **argv, AddressHints *hints, const char *help,
                        bool *ret_json) {
        static const struct option options[] = {
                { "json", no_argument, NULL, OPTION_JSON },
                COMMON_OPTIONS,
                { 0 },
        };
        int c, r;

        *ret_json = false;
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c == OPTION_JSON) {
                        *ret_json = true;
                        continue;
                }
                r = command_take_common(c, hints, help);
                if (r >= 0)
                        return r;
        }
        if (optind < argc) {
                show_error("there is nothing to say after the options: %s", argv[optind]);
                return OUTCOME_FAILED;
        }
        return -1;
}

static bool path_exists(const char *path) {
        return access(path, F_OK) == 0;
}

int command_find_address(const AddressHints *hints, Address *ret) {
        if (address_find(hints, path_exists, ret) < 0) {
                show_error("out of memory");
                return OUTCOME_FAILED;
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One run from request to result: input, output and signals pass through while it goes on. Logging:
 * what there is to say to a person is said on stderr here. */

#include <json-c/json.h>
#include <stdbool.h>

#include "client/address.h"

typedef struct RunOptions {
        const Address *address;
        json_object *params; /* of the request; borrowed */
        bool pass_stdin;
        bool as_json; /* keep the output and print one object at the end */
} RunOptions;

/* Returns the exit code. SIGINT, SIGTERM and SIGHUP are blocked from here on. */
int run(const RunOptions *options);

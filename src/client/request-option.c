/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Amounts are read here because people write units; whether one is too much is the service's to
 * say. */

#include <errno.h>

#include "client/amount.h"
#include "client/outcome.h"
#include "client/request-option.h"
#include "client/show.h"

/* Returns -1, or the code to exit with. */
static int check_amount(int r, const char *option, const char *example) {
        if (r >= 0)
                return -1;
        show_error("--%s %s: %s, for example %s", option, optarg,
                   r == -ERANGE ? "the number is too large" : "say a number and its unit", example);
        return OUTCOME_FAILED;
}

static int take_env(RunRequest *request) {
        int r = run_request_add_env(request, optarg);

        if (r >= 0)
                return -1;
        show_error("--env %s: %s", optarg,
                   r == -ENOENT ? "there is no such variable here; say NAME=VALUE"
                                : "say NAME=VALUE");
        return OUTCOME_FAILED;
}

static int take_limit(int c, RunRequest *q, AddressHints *hints, const char *help) {
        switch (c) {
        case REQUEST_OPTION_TIMEOUT:
                return check_amount(amount_parse_duration(optarg, &q->timeout_usec), "timeout",
                                    "90s");
        case REQUEST_OPTION_MEMORY:
                return check_amount(amount_parse_size(optarg, &q->memory_bytes), "memory", "256M");
        case REQUEST_OPTION_CPUS:
                return check_amount(amount_parse_cpus(optarg, &q->cpu_percent), "cpus", "0.5");
        case REQUEST_OPTION_TASKS:
                return check_amount(amount_parse_count(optarg, &q->tasks), "tasks", "64");
        case REQUEST_OPTION_WORK_SIZE:
                return check_amount(amount_parse_size(optarg, &q->work_bytes), "work-size", "64M");
        case REQUEST_OPTION_OUTPUT_SIZE:
                return check_amount(amount_parse_size(optarg, &q->output_bytes), "output-size",
                                    "1M");
        default:
                return command_take_common(c, hints, help);
        }
}

int request_option_take(int c, RequestOptions *o, AddressHints *hints, const char *help) {
        switch (c) {
        case 'p':
                o->profile = optarg;
                return -1;
        case 'e':
                return take_env(o->request);
        case 'w':
                o->request->cwd = optarg;
                return -1;
        case 't':
                o->has_terminal = true;
                return -1;
        case REQUEST_OPTION_NAME:
                o->name = optarg;
                return -1;
        default:
                return take_limit(c, o->request, hints, help);
        }
}

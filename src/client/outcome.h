/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the result of a run means to a shell and to a person. Pure. */

#include <json-c/json.h>

/* Exit codes of cloche besides those of the program. man/cloche.1 has the same list. */
enum {
        OUTCOME_TIMEOUT = 124,      /* as timeout(1) */
        OUTCOME_FAILED = 125,       /* cloche or the request failed, or the sandbox died */
        OUTCOME_SIGNAL_BASE = 128,  /* + the signal that ended the program */
        OUTCOME_CANCELLED = 130,    /* 128 + SIGINT */
        OUTCOME_OOM = 137,          /* 128 + SIGKILL: what the kernel does at the memory limit */
        OUTCOME_OUTPUT_LIMIT = 153, /* 128 + SIGXFSZ: what it does at a limit of a file's size */
};

/* 0…255 */
int outcome_exit_code(json_object *result);

/* One sentence for stderr, to be freed; *ret is NULL when there is nothing to say: a plain exit
 * within all limits. Returns 0 or -ENOMEM. */
int outcome_format(json_object *result, char **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs what lies beside a profile's Containerfile as check.* or check-*.*, in that profile, through
 * Cloche's own socket: what any user's program would find there. A check that exits with 0 has passed;
 * what others print is shown. */

#include <stdbool.h>
#include <stddef.h>

#include "client/images.h"

#define CHECKS_MAX      16          /* files of one profile */
#define CHECK_SIZE_MAX  (512 * KIB) /* bytes of one */
#define CHECK_LINES_MAX 40 /* last lines of each stream that are shown of one that failed */

/* names: n profiles; none of them is all that have a check. Shows a table, or one JSON object. Logging.
 * Returns 0 with *ret_failed, how many did not pass; or -errno. */
int images_check(const Images *i, char *const *names, size_t n, bool as_json, size_t *ret_failed);

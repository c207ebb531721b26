/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An output stream kept for its result: its beginning and its end, at most CAPTURE_SIZE_MAX bytes;
 * of a longer one the middle is left out. {} is an empty one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buffer.h"

typedef struct Capture {
        Buffer head;
        Buffer tail;
        uint64_t size; /* of all that came */
} Capture;

/* Returns 0 or -ENOMEM. */
int capture_add(Capture *c, const char *data, size_t size);

/* What was kept, as text: what is no UTF-8 in it becomes question marks, and a line says how much is
 * left out. *ret is malloc()ed. Returns 0 or -ENOMEM. */
int capture_format(const Capture *c, char **ret, bool *ret_is_truncated);

void capture_done(Capture *c);

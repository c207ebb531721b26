/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names nobody can guess: 128 bits from the kernel, as 32 lower-case hex digits. */

#include <stdbool.h>

#include "basic/limits.h"

/* Returns 0 or -errno. */
int id_new(char ret[static ID_SIZE]);

bool id_is_valid(const char *s);

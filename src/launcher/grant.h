/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits are only ever narrowed by a request. Pure. */

#include <stddef.h>

#include "wire/launcher-message.h"

/* Whether a uid may use Cloche at all: not one that containers are mapped to, not nobody. */
bool grant_uid(uint32_t uid);

/* What a sandbox gets: the request's value where it is set, else the ceiling's. Returns 0, or
 * -ERANGE with a sentence in reterr_detail that names the limit when a value is above its ceiling
 * or below the least that works; *ret is then untouched. */
int grant_limits(const LauncherLimits *ceiling, const LauncherLimits *wanted, LauncherLimits *ret,
                 char *reterr_detail, size_t detail_size);

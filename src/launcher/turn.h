/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whose turn it is, where only so many sandboxes may do something at a time. */

#include "launcher/sandbox.h"

typedef bool (*turn_predicate_t)(const Sandbox *s);

/* Among those that wait: the oldest of the user of whom the fewest go on. NULL when nobody waits, or max of
 * them go on already. */
Sandbox *turn_next(const Manager *m, turn_predicate_t waits, turn_predicate_t goes_on,
                   unsigned max);

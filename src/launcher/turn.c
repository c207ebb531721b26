/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Podman does what it is asked for one after another, behind locks, and the time limit of a request runs
 * meanwhile. So requests wait here, where their clock does not run yet, and where a user who has many
 * in the queue does not keep another one waiting. */

#include <limits.h>

#include "launcher/turn.h"

static unsigned count_of(const Manager *m, uint32_t uid, turn_predicate_t goes_on) {
        unsigned n = 0;

        for (const Sandbox *s = m->sandboxes; s; s = s->next)
                n += s->uid == uid && goes_on(s);
        return n;
}

Sandbox *turn_next(const Manager *m, turn_predicate_t waits, turn_predicate_t goes_on,
                   unsigned max) {
        unsigned n, total = 0, fewest = UINT_MAX;
        Sandbox *next = NULL;

        for (Sandbox *s = m->sandboxes; s; s = s->next) {
                total += goes_on(s);
                if (!waits(s))
                        continue;
                n = count_of(m, s->uid, goes_on);
                if (n <= fewest) { /* they stand in the order of their births, the oldest last */
                        next = s;
                        fewest = n;
                }
        }
        return total < max ? next : NULL;
}

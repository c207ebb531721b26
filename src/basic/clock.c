/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For code that has no event loop at hand; with one, sd_event_now() costs no system call. */

#include <time.h>

#include "basic/clock.h"
#include "basic/limits.h"

uint64_t clock_now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

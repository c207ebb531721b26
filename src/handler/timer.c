/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sd-event delays timers by up to 250 ms unless told otherwise, to save wake-ups; a deadline that a
 * client reads in its result should be closer than that. */

#include <time.h>

#include "basic/limits.h"
#include "handler/timer.h"

#define ACCURACY_USEC USEC_PER_MSEC

int timer_set(sd_event *event, sd_event_source **source, uint64_t usec,
              sd_event_time_handler_t callback, void *userdata) {
        int r;

        if (!*source)
                return sd_event_add_time_relative(event, source, CLOCK_MONOTONIC, usec,
                                                  ACCURACY_USEC, callback, userdata);
        r = sd_event_source_set_time_relative(*source, usec);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

void timer_clear(sd_event_source *source) {
        if (source)
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

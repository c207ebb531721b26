/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One-shot timers that are set again and again: a deadline that moves. */

#include <stdint.h>
#include <systemd/sd-event.h>

/* Calls callback once, usec from now on the monotonic clock, unless set again or cleared before.
 * *source is made at the first call and owned by the caller; callback and userdata of a source
 * never change. Returns 0 or -errno. */
int timer_set(sd_event *event, sd_event_source **source, uint64_t usec,
              sd_event_time_handler_t callback, void *userdata);

/* NULL is a no-op. */
void timer_clear(sd_event_source *source);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's side of one guest (wire/guest-frame.h): waits until it is ready, starts one program,
 * and learns how it ended. */

#include <systemd/sd-event.h>

#include "wire/guest-frame.h"

typedef enum GuestFault {
        GUEST_FAULT_LOST,     /* its end of the channel is closed */
        GUEST_FAULT_PROTOCOL, /* it sent what it may not: never listen to it again */
} GuestFault;

/* Called from the event loop, at most once each; nothing comes after on_fault. Each may free the
 * guest. */
typedef struct GuestEvents {
        void (*on_ready)(void *userdata);
        void (*on_exited)(const GuestExited *exited, void *userdata); /* borrowed */
        void (*on_fault)(GuestFault fault, void *userdata);
} GuestEvents;

typedef struct Guest Guest;

/* fd is the channel, consumed also on failure. Returns 0 or -errno. */
int guest_new(Guest **ret, sd_event *event, int fd, const GuestEvents *events, void *userdata);
/* Closes the channel: the guest ends itself, and with it everything in its sandbox. */
Guest *guest_free(Guest *g);

/* Starts the program, once, after on_ready. start is complete but for its header; fds are the
 * payload, stdin, stdout and stderr, and stay the caller's. Returns 0 or -errno. */
int guest_start(Guest *g, const GuestStart *start, const int fds[static 4]);

/* The id that the program has inside, for the path of its code. */
#define GUEST_EXEC_ID 1

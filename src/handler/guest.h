/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's side of one guest (wire/guest-frame.h): waits until it is ready, starts programs, and
 * learns what became of each. */

#include <stdbool.h>
#include <sys/types.h>
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
        void (*on_fault)(GuestFault fault, void *userdata);
} GuestEvents;

/* About one program, each at most once: on_child, on_written, then on_exited. Each may free the guest. */
typedef struct GuestProgramEvents {
        /* It was forked and waits for guest_go(). pid is the kernel's word for who said so. */
        void (*on_child)(pid_t pid, void *userdata);
        /* What guest_give_code() gave is in its file; or why it is not, an errno. */
        void (*on_written)(int error, void *userdata);
        void (*on_exited)(const GuestExited *exited, void *userdata); /* borrowed */
} GuestProgramEvents;

typedef struct Guest Guest;

/* fd is the channel, consumed also on failure. Returns 0 or -errno. */
int guest_new(Guest **ret, sd_event *event, int fd, const GuestEvents *events, void *userdata);
/* Closes the channel: the guest ends itself, and with it everything in its sandbox. */
Guest *guest_free(Guest *g);

/* The id of the next program, never used before. */
uint32_t guest_new_exec(Guest *g);

/* Starts a program, after on_ready. start is complete but for its header; fds are the payload,
 * stdin, stdout and stderr, and stay the caller's. Returns 0, -EBUSY when GUEST_EXECS_MAX run
 * already, -EAGAIN when the guest does not keep up, or -errno. */
int guest_start(Guest *g, uint32_t exec, const GuestStart *start, const int fds[static 4],
                const GuestProgramEvents *events, void *userdata);

/* Tells that somebody else has taken its READY; before anything was received. */
void guest_set_ready(Guest *g);

/* Takes over a program that somebody else has started and let go, before any other is started here; those
 * with the lower exec first. events NULL: nobody wants to know what becomes of it. */
void guest_adopt(Guest *g, uint32_t exec, const GuestProgramEvents *events, void *userdata);

/* Lets it go on, once, after on_child. */
void guest_go(Guest *g, uint32_t exec);

/* Gives a program that was started for it (GUEST_CODE_LATER) and let go its code, once: frame and memfd as
 * payload_pack_code() makes them, both the caller's. Returns 0, -EAGAIN when the guest does not keep up
 * (nothing was sent), or -errno. */
int guest_give_code(Guest *g, const GuestFrame *frame, int code_fd);

/* Tells its owner nothing more: for an owner that is gone before it. */
void guest_forget(Guest *g, uint32_t exec);

/* A signal to its main process, alone or with its process group; a new size of its terminal. Return 0, -EAGAIN when the guest does
 * not keep up (nothing was sent), or -errno. */
int guest_signal(Guest *g, uint32_t exec, uint32_t signo, bool to_group);
int guest_resize(Guest *g, uint32_t exec, uint16_t rows, uint16_t columns);

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-handler: parses what a client says, and is able to do nothing else. Its unit gives it
 * three descriptors (client, launcher, journal) and takes everything else away: no file system, no
 * network, no bus, no other socket, no new program. Whatever a client manages to make of this
 * process, it is left with asking the launcher for what this client may ask anyway. */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "handler/handler.h"
#include "handler/passed.h"

#define MEMORY_KEPT (4 * 1024 * 1024)

static int run(sd_event *event, const HandlerFds *fds) {
        Handler *h = NULL;
        int r;

        r = handler_new(&h, event, fds);
        if (r < 0)
                return log_error(r, "Cannot begin");
        r = sd_event_loop(event);
        handler_free(h);
        return r;
}

/* A client or a program that stops reading is an error code here, and SIGTERM ends the loop. */
static int prepare_signals(sd_event *event) {
        struct sigaction ignore = { .sa_handler = SIG_IGN };
        sigset_t mask;

        if (sigaction(SIGPIPE, &ignore, NULL) < 0)
                return -errno;
        (void)sigemptyset(&mask);
        (void)sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        return sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
}

int main(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        HandlerFds fds;
        int r;

        /* A message is taken apart in several pieces of up to twice its size. To get them from the kernel anew for each
         * message costs more than all that is done with it; so much stays for the next. */
        (void)mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT);
        (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
        r = passed_find(&fds);
        if (r < 0) {
                log_error(r, "No client was passed: this program is started by cloche.socket");
                return EXIT_FAILURE;
        }
        r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : sd_event_new(&event);
        if (r >= 0)
                r = prepare_signals(event);
        if (r < 0) {
                log_error(r, "Cannot begin");
                return EXIT_FAILURE;
        }
        return run(event, &fds) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

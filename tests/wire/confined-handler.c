/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-handler with its unit's sandbox made stricter: from its first step on it can open no file,
 * make no socket, connect to nothing and start nothing. What is only refused (open) it must do
 * without; what it has no reason to try at all kills it. */

#include <errno.h>
#include <seccomp.h>
#include <signal.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "handler/handler.h"
#include "handler/passed.h"

static int confine(void) {
        static const int refused[] = {
                SCMP_SYS(open),  SCMP_SYS(openat), SCMP_SYS(openat2),
                SCMP_SYS(creat), SCMP_SYS(stat),   SCMP_SYS(readlink),
        };
        static const int deadly[] = {
                SCMP_SYS(socket), SCMP_SYS(socketpair),    SCMP_SYS(connect), SCMP_SYS(bind),
                SCMP_SYS(listen), SCMP_SYS(accept),        SCMP_SYS(accept4), SCMP_SYS(execve),
                SCMP_SYS(fork),   SCMP_SYS(vfork),         SCMP_SYS(clone),   SCMP_SYS(clone3),
                SCMP_SYS(ptrace), SCMP_SYS(kill),          SCMP_SYS(unlink),  SCMP_SYS(mkdir),
                SCMP_SYS(mount),  SCMP_SYS(setuid),        SCMP_SYS(keyctl),  SCMP_SYS(bpf),
                SCMP_SYS(chdir),  SCMP_SYS(inotify_init1),
        };
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = filter ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(refused); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(deadly); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
        if (r == 0)
                r = seccomp_load(filter);
        if (filter)
                seccomp_release(filter);
        return r;
}

int main(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        struct sigaction ignore = { .sa_handler = SIG_IGN };
        Handler *h = NULL;
        HandlerFds fds;
        int r;

        (void)sigaction(SIGPIPE, &ignore, NULL);
        r = confine();
        if (r == 0)
                r = passed_find(&fds);
        if (r >= 0)
                r = sd_event_new(&event);
        if (r >= 0)
                r = handler_new(&h, event, &fds);
        if (r >= 0)
                r = sd_event_loop(event);
        handler_free(h);
        if (r < 0)
                log_error(r, "The confined handler failed");
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

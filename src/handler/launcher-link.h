/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The handler's end of the launcher's protocol (wire/launcher-message.h): greets, asks, matches the
 * answers, and asks again where a new launcher has taken over. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "wire/launcher-message.h"

typedef enum LauncherLinkState {
        LAUNCHER_LINK_GREETING, /* HELLO is sent */
        LAUNCHER_LINK_WELCOME,
        LAUNCHER_LINK_REFUSED, /* the launcher does not serve this client */
        LAUNCHER_LINK_LOST,    /* there is no launcher, or no more */
} LauncherLinkState;

typedef struct LauncherLink LauncherLink;
typedef struct LauncherCall LauncherCall;

typedef struct LauncherLinkEvents {
        void (*on_settled)(void *userdata); /* the greeting is over, one way or another; once */
        void (*on_lost)(void *userdata);    /* after a welcome; every call has been answered */
        void (*on_died)(const LauncherClosed *died, void *userdata);
} LauncherLinkEvents;

/* Called once with the answer, which is borrowed. With OPENED, fds are its descriptors (LauncherFd):
 * what is wanted of them is taken by TAKE_FD(), the rest is closed afterwards. answer is NULL when
 * the launcher is lost, did not answer in ANSWER_TIMEOUT_USEC, or lost the request when it was
 * replaced. For PROFILES, each PROFILE comes before that, and RESUMED says that those so far will
 * come again. The call is gone when DONE, REFUSED, OPENED, CLOSED or NULL comes. */
typedef void (*launcher_answer_t)(const LauncherMessage *answer, int *fds, void *userdata);

/* fd is a connected seqpacket socket, or -EBADF when there is none; consumed, also on failure.
 * client_fd is borrowed: a copy goes to the launcher, which decides by it. Nothing is called before
 * the event loop runs. Returns 0 or -errno. */
int launcher_link_new(LauncherLink **ret, sd_event *event, int fd, int client_fd,
                      const LauncherLinkEvents *events, void *userdata);
/* Forgets all calls without an answer. */
LauncherLink *launcher_link_free(LauncherLink *l);

LauncherLinkState launcher_link_state(const LauncherLink *l);
/* What the launcher said; zeroed before a welcome. */
const LauncherWelcome *launcher_link_welcome(const LauncherLink *l);
/* Why it refused; zeroed unless it did. */
const LauncherRefused *launcher_link_refused(const LauncherLink *l);

/* Asks. Returns 0, and the answer comes from the event loop; -ENOTCONN when there is no launcher
 * (any more); or -errno. launcher-request.h has each question by its name. */
int launcher_link_ask(LauncherLink *l, const LauncherMessage *message, launcher_answer_t answer,
                      void *userdata);

/* Whoever asked with this userdata is gone: what it asked still happens, and nobody is told. Not
 * for OPEN. */
void launcher_link_forget(LauncherLink *l, void *userdata);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all of the launcher shares: the event loop, its connections to systemd, Podman and the
 * journal, the profiles, and who is there (clients and their sandboxes). */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "audit/audit.h"
#include "basic/cleanup.h"
#include "launcher/podman-api.h"
#include "launcher/profile.h"
#include "launcher/scope.h"
#include "launcher/state.h"

typedef struct Client Client;
typedef struct Pool Pool;
typedef struct Sandbox Sandbox;

typedef struct Manager {
        bool system_mode;
        bool audit_required;
        bool stopping;     /* SIGTERM came: everything is being ended */
        char *runtime_dir; /* private, 0700: /run/cloche-launcher or below $XDG_RUNTIME_DIR */
        char *sandbox_dir; /* <runtime_dir>/sandbox: sockets waiting for their guest */
        char *podman_socket;
        int seccomp_fd; /* sealed memfd: the program each guest loads */

        sd_event *event;
        sd_bus *bus;
        sd_event_source *listener;
        sd_event_source *idle_timer;
        ScopeBus *scopes;
        PodmanApi *podman;
        ProfileStore *profiles;
        Audit *audit;
        State *state;

        /* of recovery.c: since it has looked for strays a sandbox was begun, or it was told nothing */
        bool may_have_strays;
        unsigned looks; /* so often */
        uint64_t gone;  /* sandboxes, since the launcher began */
        uint64_t
                gone_at_look; /* … of them when it asked; UINT64_MAX: what goes meanwhile does not matter */

        Client *clients;
        Sandbox *sandboxes;        /* the youngest first */
        sd_event_source *births;   /* one more may begin */
        sd_event_source *removals; /* one more may be tried */
        Pool *pools;
        sd_event_source *pool_consider;
        sd_event_source *pool_timer;
        uint64_t pool_pause_usec; /* none is made before that, CLOCK_MONOTONIC, … */
        uint64_t pool_due_usec;   /* … or that */
} Manager;

/* Connects to everything that a launcher needs. Logs what is wrong. Returns 0 or -errno. */
int manager_new(Manager **ret, bool system_mode);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager, manager_free)

/* Takes the listening socket, and after a crash the connections in the descriptor store; then
 * serves until idle or stopped. Returns the program's exit status or -errno. */
int manager_run(Manager *m);

/* Told after every client or sandbox that is gone: starts or stops the idle timer, and ends the
 * loop when stopping and nothing is left. */
void manager_consider_exit(Manager *m);

/* Has handler called once from the event loop, with the manager; *source is made at the first call. */
void manager_defer(Manager *m, sd_event_source **source, sd_event_handler_t handler);

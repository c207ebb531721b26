/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One handler's connection, and by it one client: who it is (from the peer credentials of its own
 * socket), what it asked for, and which sandboxes are its own. When the connection ends, for
 * whatever reason, every one of them is ended; the client itself is freed when the last of them is
 * gone. */

#include "launcher/manager.h"
#include "wire/launcher-message.h"

#define CLIENT_FD_NAME "connection-" /* and the id: its name in systemd's descriptor store */

typedef struct Lease Lease;
typedef struct Listing Listing;

struct Client {
        Manager *manager;
        Client *next;
        int fd; /* -EBADF once ended */
        sd_event_source *watch;
        sd_event_source *hello_timer;
        StateConnection *record; /* NULL before HELLO */
        uint32_t uid;
        Lease *leases;
        Listing *listing; /* PROFILES under way */
};

/* Takes a freshly accepted handler (fd is consumed, also on failure). Returns 0 or -errno. */
int client_new(Manager *m, int fd);

/* Takes over a connection of a launcher that died, with its record and the sandboxes that it holds.
 * fd is consumed. Returns 0 or -errno. */
int client_adopt(Manager *m, int fd, StateConnection *record);

/* Sends one message, with n_fds descriptors that stay the caller's. A handler that takes no messages is
 * ended. */
void client_send(Client *c, const LauncherMessage *message, const int *fds, size_t n_fds);
void client_refuse(Client *c, uint64_t serial, LauncherRefusal refusal, const char *detail);

/* Ends the connection and everything in it. The client may be gone when this returns. */
void client_end(Client *c);

/* Frees an ended client without leases; otherwise does nothing. */
void client_consider_free(Client *c);

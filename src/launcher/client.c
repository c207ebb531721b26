/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The handler on the other side parses a stranger's bytes, so it is trusted with nothing: the
 * client's uid is read from the client's own socket, which the handler passes with HELLO (a handler
 * cannot make one with another user's credentials), messages are checked by wire/launcher-message.c
 * before they are looked at, and every id it names is looked up among its own sandboxes only.
 *
 * The connection's descriptor is also given to systemd's store, and what must be remembered of it
 * to the state memory; so if this process dies, the kernel keeps the connection open, and the next
 * launcher goes on with it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/id.h"
#include "basic/log.h"
#include "launcher/client.h"
#include "launcher/grant.h"
#include "launcher/lease.h"
#include "launcher/listing.h"
#include "launcher/pool.h"

static void store_fd(Client *c) {
        char text[128];

        (void)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" CLIENT_FD_NAME "%s",
                       c->record->sequence.connection);
        (void)sd_pid_notify_with_fds(0, false, text, &c->fd, 1);
}

static void unstore_fd(Client *c) {
        char text[128];

        (void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=" CLIENT_FD_NAME "%s",
                       c->record->sequence.connection);
        (void)sd_notify(false, text);
}

void client_consider_free(Client *c) {
        Manager *m = c->manager;

        if (c->fd >= 0 || c->leases)
                return;
        for (Client **p = &m->clients; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        if (c->record)
                c->record->used = 0;
        free(c);
        manager_consider_exit(m);
}

void client_end(Client *c) {
        int r;

        if (c->fd < 0)
                return;
        c->watch = sd_event_source_disable_unref(c->watch);
        c->hello_timer = sd_event_source_disable_unref(c->hello_timer);
        c->listing = listing_free(c->listing);
        c->fd = close_fd(c->fd);
        if (c->record) {
                unstore_fd(c);
                r = audit_event(c->manager->audit, &c->record->sequence, CONNECTION_CLOSED,
                                AUDIT_NUMBER(UID, c->uid));
                if (r < 0)
                        log_warning(r, "Cannot write the end of a connection to the journal, "
                                       "ignoring");
        }
        lease_end_all(c);
        client_consider_free(c);
}

void client_send(Client *c, const LauncherMessage *message, const int *fds, size_t n_fds) {
        int r;

        if (c->fd < 0)
                return;
        r = fd_send(c->fd, message,
                    launcher_message_size((LauncherMessageType)message->header.type), fds, n_fds);
        if (r < 0) {
                if (r != -EPIPE && r != -ECONNRESET)
                        log_warning(r, "A handler takes no messages, ending its connection");
                /* its end of file is handled from the loop, where nobody holds the client */
                (void)shutdown(c->fd, SHUT_RDWR);
        }
}

void client_refuse(Client *c, uint64_t serial, LauncherRefusal refusal, const char *detail) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_REFUSED, serial);
        m.refused.refusal = refusal;
        (void)snprintf(m.refused.detail, sizeof(m.refused.detail), "%s", detail);
        client_send(c, &m, NULL, 0);
}

/* -- HELLO ----------------------------------------------------------------------------------- */

/* Reads who is at the other end of the client's socket. Returns 0, or -EBADMSG when it is not a
 * connected unix stream socket. */
static int read_peer(int fd, struct ucred *ret) {
        socklen_t size = sizeof(int);
        int domain, type;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX)
                return -EBADMSG;
        size = sizeof(int);
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
                return -EBADMSG;
        size = sizeof(*ret);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) < 0 || ret->pid == 0)
                return -EBADMSG;
        return 0;
}

static bool is_admitted(const Client *c, uint32_t uid, LauncherRefusal *ret_refusal,
                        const char **ret_detail) {
        size_t n = 0, n_of_uid = 0;

        if (!grant_uid(uid) || (!c->manager->system_mode && uid != getuid() && uid != 0)) {
                *ret_refusal = LAUNCHER_REFUSAL_UID;
                *ret_detail = "this user may not use this Cloche";
                return false;
        }
        for (Client *i = c->manager->clients; i; i = i->next)
                if (i->record) {
                        n++; /* one that has ended counts until its last sandbox is gone … */
                        n_of_uid += i->fd >= 0 && i->uid == uid; /* … but not against its user */
                }
        if (n >= CONNECTIONS_MAX || n_of_uid >= CONNECTIONS_PER_UID_MAX) {
                *ret_refusal = LAUNCHER_REFUSAL_TOO_MANY_CONNECTIONS;
                *ret_detail =
                        n >= CONNECTIONS_MAX
                                ? "as many clients are connected as this machine allows, try later"
                                : "this user has as many connections as one user may have, "
                                  "close one";
                return false;
        }
        return true;
}

static int admit(Client *c, const struct ucred *peer) {
        StateConnection *record;
        LauncherMessage m;
        int r;

        record = state_new_connection(c->manager->state);
        if (!record)
                return -ENOBUFS;
        r = id_new(record->sequence.connection);
        if (r < 0)
                return r;
        record->uid = c->uid = peer->uid;
        record->used = 1;
        c->record = record;

        r = audit_event(c->manager->audit, &record->sequence, CONNECTION_OPENED,
                        AUDIT_NUMBER(UID, c->uid), AUDIT_NUMBER(PEER_PID, (uint64_t)peer->pid));
        if (r < 0) {
                log_warning(r, "Cannot write a connection to the journal");
                if (c->manager->audit_required)
                        return r;
        }
        store_fd(c);

        launcher_message_init(&m, LAUNCHER_WELCOME, 0);
        memcpy(m.welcome.connection, record->sequence.connection, sizeof(m.welcome.connection));
        m.welcome.uid = c->uid;
        m.welcome.system_mode = c->manager->system_mode;
        m.welcome.audit_required = c->manager->audit_required;
        client_send(c, &m, NULL, 0);
        pool_user_came(c->manager, c->uid);
        return 0;
}

/* Returns 0, or -errno after which the connection must end. */
static int on_hello(Client *c, uint64_t serial, int client_fd) {
        LauncherRefusal refusal;
        const char *detail;
        struct ucred peer;
        int r;

        if (c->record || client_fd < 0)
                return -EBADMSG;
        r = read_peer(client_fd, &peer);
        if (r < 0)
                return r;
        c->hello_timer = sd_event_source_disable_unref(c->hello_timer);

        if (!is_admitted(c, peer.uid, &refusal, &detail)) {
                client_refuse(c, serial, refusal, detail);
                (void)audit_event(c->manager->audit, NULL, CONNECTION_REFUSED,
                                  AUDIT_NUMBER(UID, peer.uid),
                                  AUDIT_TEXT(REASON, launcher_refusal_name(refusal)),
                                  AUDIT_TEXT(DETAIL, detail));
                return -EPERM;
        }
        r = admit(c, &peer);
        if (r < 0)
                client_refuse(c, serial, LAUNCHER_REFUSAL_AUDIT,
                              "the journal cannot be written and policy requires it");
        return r;
}

/* -- messages -------------------------------------------------------------------------------- */

/* Returns 0, or -errno after which the connection must end. */
static int dispatch(Client *c, const LauncherMessage *m, int fd) {
        if (m->header.type == LAUNCHER_HELLO)
                return on_hello(c, m->header.serial, fd);
        if (!c->record || fd >= 0)
                return -EBADMSG;

        switch ((LauncherMessageType)m->header.type) {
        case LAUNCHER_PROFILES:
                return listing_begin(c, m->header.serial);
        case LAUNCHER_OPEN:
                return lease_open(c, &m->open);
        case LAUNCHER_PLACE:
                lease_place(c, &m->place);
                return 0;
        case LAUNCHER_END:
                lease_end(c, &m->end);
                return 0;
        case LAUNCHER_CLOSE:
                return lease_close(c, &m->close);
        case LAUNCHER_MESSAGE_INVALID:
        case LAUNCHER_HELLO:
        case LAUNCHER_WELCOME:
        case LAUNCHER_PROFILE:
        case LAUNCHER_DONE:
        case LAUNCHER_OPENED:
        case LAUNCHER_REFUSED:
        case LAUNCHER_PLACED:
        case LAUNCHER_ENDED:
        case LAUNCHER_CLOSED:
        case LAUNCHER_DIED:
        case LAUNCHER_RESUMED:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                return -EBADMSG;
        }
}

static int on_readable(sd_event_source *source _unused_, int watched_fd _unused_,
                       uint32_t revents _unused_, void *userdata) {
        Client *c = userdata;
        _cleanup_close_ int passed = -EBADF;
        LauncherMessage m;
        char data[sizeof(m)];
        ssize_t n;
        int r;

        n = fd_receive(c->fd, data, sizeof(data), &passed, 1, NULL);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                client_end(c);
                return 0;
        }
        r = launcher_message_parse(data, (size_t)n, LAUNCHER_FROM_HANDLER, &m);
        if (r >= 0)
                r = dispatch(c, &m, passed);
        if (r < 0) {
                if (r == -EBADMSG)
                        log_warning(0, "A handler broke the protocol, ending its connection");
                client_end(c);
        }
        return 0;
}

static int on_hello_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata) {
        client_end(userdata);
        return 0;
}

static int client_alloc(Client **ret, Manager *m, int fd) {
        Client *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                close_fd(fd);
                return -ENOMEM;
        }
        *c = (Client){ .manager = m, .next = m->clients, .fd = fd };
        m->clients = c;
        r = sd_event_add_io(m->event, &c->watch, fd, EPOLLIN, on_readable, c);
        if (r < 0) {
                client_end(c);
                return r;
        }
        manager_consider_exit(m);
        *ret = c;
        return 0;
}

int client_new(Manager *m, int fd) {
        Client *c;
        int r;

        r = client_alloc(&c, m, fd);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(m->event, &c->hello_timer, CLOCK_MONOTONIC,
                                       HANDSHAKE_TIMEOUT_USEC, 0, on_hello_timeout, c);
        if (r < 0)
                client_end(c);
        return r;
}

int client_adopt(Manager *m, int fd, StateConnection *record) {
        LauncherMessage message;
        Client *c;
        int r;

        r = client_alloc(&c, m, fd);
        if (r < 0)
                return r;
        c->record = record;
        c->uid = record->uid;
        r = lease_adopt_all(c);
        if (r < 0) {
                client_end(c);
                return r;
        }
        launcher_message_init(&message, LAUNCHER_RESUMED, 0);
        client_send(c, &message, NULL, 0);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A lease is made by OPEN and lives until its sandbox is gone, so it outlives CLOSE, and even its
 * client's connection: the client is freed with its last lease. Before there is a sandbox it waits
 * for its profile; after the sandbox was ended it only waits for the removal. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/grant.h"
#include "launcher/leaf.h"
#include "launcher/lease.h"
#include "launcher/pool.h"
#include "launcher/sandbox.h"
#include "launcher/warm.h"

struct Lease {
        Client *client;
        Lease *next;
        uint64_t serial;
        bool keep;
        char profile[PROFILE_NAME_SIZE];
        LauncherLimits wanted;
        ProfileRequest *request;
        Sandbox *sandbox;
};

static Lease *lease_new(Client *c) {
        Lease *l = calloc(1, sizeof(*l));

        if (!l)
                return NULL;
        l->client = c;
        l->next = c->leases;
        c->leases = l;
        return l;
}

static void lease_free(Lease *l) {
        for (Lease **p = &l->client->leases; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        break;
                }
        profile_request_free(l->request);
        free(l);
}

static void audit_refusal(Lease *l, LauncherRefusal refusal, const char *detail) {
        int r = audit_event(
                l->client->manager->audit, &l->client->record->sequence, SANDBOX_REFUSED,
                AUDIT_NUMBER(UID, l->client->uid), AUDIT_TEXT(PROFILE, l->profile),
                AUDIT_TEXT(REASON, launcher_refusal_name(refusal)), AUDIT_TEXT(DETAIL, detail));

        if (r < 0)
                log_warning(r, "Cannot write a refusal to the journal, ignoring");
}

/* -- what a sandbox tells ---------------------------------------------------------------------- */

static void on_opened(Sandbox *s, const int *fds, void *userdata) {
        Lease *l = userdata;
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_OPENED, l->serial);
        memcpy(m.opened.sandbox, s->id, sizeof(m.opened.sandbox));
        memcpy(m.opened.profile, s->profile->name, sizeof(m.opened.profile));
        memcpy(m.opened.digest, s->profile->digest, sizeof(m.opened.digest));
        memcpy(m.opened.interpreter, s->profile->interpreter, sizeof(m.opened.interpreter));
        memcpy(m.opened.driver, s->profile->driver, sizeof(m.opened.driver));
        memcpy(m.opened.code_name, s->profile->code_name, sizeof(m.opened.code_name));
        m.opened.limits = s->limits;
        m.opened.guest_is_ready = s->warm != NULL;
        m.opened.driver_pid = s->warm ? s->warm->driver_pid : 0;
        m.opened.stand_in_pid = s->warm ? s->warm->stand_in_pid : 0;
        client_send(l->client, &m, fds, launcher_message_count_fds(&m));
        pool_pause(l->client->manager);
}

static void on_refused(Sandbox *s _unused_, LauncherRefusal refusal, const char *detail,
                       void *userdata) {
        Lease *l = userdata;

        audit_refusal(l, refusal, detail);
        client_refuse(l->client, l->serial, refusal, detail);
}

static void send_ended(Client *c, uint64_t serial, bool known, uint32_t left,
                       const LauncherUsage *usage) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_ENDED, serial);
        m.ended.known = known;
        m.ended.left = left;
        m.ended.usage = *usage;
        client_send(c, &m, NULL, 0);
}

static void on_ended(Sandbox *s _unused_, uint64_t serial, uint32_t left,
                     const LauncherUsage *usage, void *userdata) {
        Lease *l = userdata;

        send_ended(l->client, serial, true, left, usage);
}

static void send_closed(Client *c, LauncherMessageType type, uint64_t serial, const char *id,
                        bool known, LauncherDeath death, const LauncherUsage *usage) {
        LauncherMessage m;

        launcher_message_init(&m, type, serial);
        memcpy(m.closed.sandbox, id, sizeof(m.closed.sandbox));
        m.closed.known = known;
        m.closed.death = death;
        m.closed.usage = *usage;
        client_send(c, &m, NULL, 0);
}

static void on_died(Sandbox *s, LauncherDeath death, const LauncherUsage *usage, void *userdata) {
        Lease *l = userdata;

        send_closed(l->client, LAUNCHER_DIED, 0, s->id, true, death, usage);
}

static void on_gone(Sandbox *s _unused_, void *userdata) {
        Lease *l = userdata;
        Client *c = l->client;

        pool_consider(c->manager);
        lease_free(l);
        client_consider_free(c);
}

static const SandboxEvents lease_events = {
        .opened = on_opened,
        .refused = on_refused,
        .ended = on_ended,
        .died = on_died,
        .gone = on_gone,
};

/* -- OPEN ------------------------------------------------------------------------------------ */

static void refuse(Lease *l, LauncherRefusal refusal, const char *detail) {
        audit_refusal(l, refusal, detail);
        client_refuse(l->client, l->serial, refusal, detail);
        lease_free(l);
}

static void on_profile(LauncherRefusal refusal, Profile *profile, const char *detail,
                       void *userdata) {
        Lease *l = userdata;
        char text[DETAIL_SIZE];
        LauncherLimits limits;
        int r;

        l->request = NULL;
        if (refusal != LAUNCHER_REFUSAL_INVALID) {
                refuse(l, refusal, detail);
                return;
        }
        if (grant_limits(&profile->limits, &l->wanted, &limits, text, sizeof(text)) < 0) {
                refuse(l, LAUNCHER_REFUSAL_LIMIT, text);
                return;
        }
        l->sandbox = pool_take(l->client->manager, l->client->uid, profile, &limits,
                               &l->client->record->sequence, &lease_events, l);
        if (l->sandbox)
                return;
        r = sandbox_new(&l->sandbox, l->client->manager, profile, l->client->uid, &limits, l->keep,
                        &l->client->record->sequence, &lease_events, l);
        if (r < 0) {
                log_error(r, "Cannot begin a sandbox");
                refuse(l, LAUNCHER_REFUSAL_INTERNAL, "a sandbox could not be begun");
        }
}

int lease_open(Client *c, const LauncherOpen *message) {
        ProfileRequest *request = NULL;
        size_t n = 0, n_in_total = 0;
        Lease *l;
        int r;

        for (Lease *i = c->leases; i; i = i->next)
                n += !i->sandbox || !sandbox_is_ended(i->sandbox);
        for (Sandbox *s = c->manager->sandboxes; s; s = s->next)
                n_in_total += s->sequence || s->is_stray; /* what is warm takes nobody's place */

        l = lease_new(c);
        if (!l)
                return -ENOMEM;
        l->serial = message->header.serial;
        l->keep = message->keep;
        l->wanted = message->limits;
        memcpy(l->profile, message->profile, sizeof(l->profile));

        if (c->manager->stopping) {
                refuse(l, LAUNCHER_REFUSAL_INTERNAL, "the launcher is being stopped");
                return 0;
        }
        if (n >= SANDBOXES_PER_CONNECTION_MAX) {
                refuse(l, LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES,
                       "this connection has as many sandboxes as one may have, wait for one to end");
                return 0;
        }
        if (n_in_total >= STATE_SANDBOXES_MAX) {
                refuse(l, LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES,
                       "this machine has as many sandboxes as it may have, try later");
                return 0;
        }
        /* the callback may run, and free the lease, before this returns; then it stores no request
         */
        r = profile_store_get(c->manager->profiles, l->profile, on_profile, l, &request);
        if (r < 0) {
                log_error(r, "Cannot begin to load a profile");
                refuse(l, LAUNCHER_REFUSAL_INTERNAL, "the profile could not be loaded");
                return 0;
        }
        if (request)
                l->request = request;
        return 0;
}

/* -- the end --------------------------------------------------------------------------------- */

static Lease *find(Client *c, const char *id) {
        for (Lease *l = c->leases; l; l = l->next)
                if (l->sandbox && strcmp(l->sandbox->id, id) == 0)
                        return l;
        return NULL;
}

/* The sandbox of that id, if it is the client's and alive. */
static Sandbox *find_open(Client *c, const char *id) {
        Lease *l = find(c, id);

        return l && l->sandbox->state == SANDBOX_OPEN ? l->sandbox : NULL;
}

/* -- PLACE and END --------------------------------------------------------------------------- */

static const char *explain(int outcome) {
        switch (outcome) {
        case LEAF_E_FOREIGN:
                return "that process is not, or no longer, one of this sandbox's";
        case LEAF_E_ENDING:
                return "that execution is being ended";
        case LEAF_E_TOO_MANY:
                return "this sandbox has as many executions as it may have, close it";
        default:
                return "the process could not be moved to a cgroup of its own";
        }
}

void lease_place(Client *c, const LauncherPlace *message) {
        Sandbox *s = find_open(c, message->sandbox);
        LauncherMessage m;
        int r;

        if (!s) {
                client_refuse(c, message->header.serial, LAUNCHER_REFUSAL_INTERNAL,
                              "there is no such sandbox");
                return;
        }
        r = leaf_place(s, message->exec, message->pid);
        if (r < 0)
                log_error(r, "Cannot place a process of sandbox %s", s->id);
        if (r != LEAF_DONE) {
                client_refuse(c, message->header.serial, LAUNCHER_REFUSAL_INTERNAL, explain(r));
                return;
        }
        launcher_message_init(&m, LAUNCHER_PLACED, message->header.serial);
        client_send(c, &m, NULL, 0);
}

void lease_end(Client *c, const LauncherEnd *message) {
        Sandbox *s = find_open(c, message->sandbox);
        int r;

        r = s ? leaf_end(s, message->exec, message->kill, message->header.serial) : LEAF_E_UNKNOWN;
        if (r == LEAF_E_UNKNOWN)
                send_ended(c, message->header.serial, false, 0, &(LauncherUsage){});
        else if (r != LEAF_DONE)
                client_refuse(c, message->header.serial, LAUNCHER_REFUSAL_INTERNAL,
                              "that execution is being ended");
}

/* -- CLOSE ----------------------------------------------------------------------------------- */

int lease_close(Client *c, const LauncherClose *message) {
        Lease *l = find(c, message->sandbox);
        bool known = l && !sandbox_is_ended(l->sandbox);
        LauncherDeath death = LAUNCHER_DEATH_INVALID;
        LauncherUsage usage = {};

        if (known)
                sandbox_end(l->sandbox, &usage, &death);
        send_closed(c, LAUNCHER_CLOSED, message->header.serial, message->sandbox, known, death,
                    &usage);
        return 0;
}

int lease_adopt_all(Client *c) {
        State *state = c->manager->state;

        for (size_t i = 0; i < ARRAY_SIZE(state->sandboxes); i++) {
                StateSandbox *record = &state->sandboxes[i];
                char id[ID_SIZE];
                Lease *l;
                int r;

                if (!record->used ||
                    strcmp(record->connection, c->record->sequence.connection) != 0)
                        continue;
                memcpy(id, record->id, sizeof(id));
                l = lease_new(c);
                if (!l)
                        return -ENOMEM;
                r = sandbox_adopt(&l->sandbox, c->manager, record, &c->record->sequence,
                                  &lease_events, l);
                if (r < 0) {
                        record->used = 0;
                        lease_free(l);
                        send_closed(c, LAUNCHER_DIED, 0, id, true, LAUNCHER_DEATH_KILLED,
                                    &(LauncherUsage){});
                }
        }
        return 0;
}

void lease_end_all(Client *c) {
        Lease *next;

        for (Lease *l = c->leases; l; l = next) {
                next = l->next;
                if (l->sandbox)
                        sandbox_end(l->sandbox, NULL, NULL);
                else
                        lease_free(l);
        }
}

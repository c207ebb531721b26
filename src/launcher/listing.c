/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Profiles are loaded one after another: each first load starts a podman process, and a list is not
 * worth a burst of them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "launcher/listing.h"

struct Listing {
        Client *client;
        uint64_t serial;
        char (*names)[PROFILE_NAME_SIZE];
        size_t n;
        size_t next;
        bool names_asked; /* the manager will answer, and its answer needs this memory */
        bool in_loop;
        ProfileRequest *request;
};

Listing *listing_free(Listing *l) {
        if (!l)
                return NULL;
        l->client = NULL;
        if (l->names_asked)
                return NULL; /* on_names() frees it */
        profile_request_free(l->request);
        free(l->names);
        free(l);
        return NULL;
}

static void copy(char *to, size_t size, const char *from) {
        (void)snprintf(to, size, "%.*s", (int)size - 1, from);
}
#define COPY(field, from) copy(field, sizeof(field), from)

static void send_profile(Listing *l, const char *name, const Profile *p, const char *problem) {
        LauncherMessage m;

        launcher_message_init(&m, LAUNCHER_PROFILE, l->serial);
        COPY(m.profile.name, name);
        COPY(m.profile.problem, problem);
        if (p) {
                COPY(m.profile.language, p->language);
                COPY(m.profile.description, p->description);
                COPY(m.profile.image, p->image);
                COPY(m.profile.digest, p->digest);
                m.profile.limits = p->limits;
        }
        client_send(l->client, &m, NULL, 0);
}

static void step(Listing *l);

static void on_profile(LauncherRefusal refusal, Profile *profile, const char *detail,
                       void *userdata) {
        Listing *l = userdata;

        l->request = NULL;
        send_profile(l, l->names[l->next - 1], profile,
                     refusal == LAUNCHER_REFUSAL_INVALID ? "" : detail);
        if (!l->in_loop)
                step(l);
}

/* A profile that is kept is answered before profile_store_get() returns; in_loop makes that a loop
 * instead of a recursion. */
static void step(Listing *l) {
        LauncherMessage m;

        l->in_loop = true;
        while (l->next < l->n && !l->request) {
                ProfileRequest *request = NULL;
                size_t i = l->next++;
                int r;

                r = profile_store_get(l->client->manager->profiles, l->names[i], on_profile, l,
                                      &request);
                if (r < 0)
                        send_profile(l, l->names[i], NULL, "the profile could not be loaded");
                else if (request)
                        l->request = request;
        }
        l->in_loop = false;
        if (l->request)
                return;

        launcher_message_init(&m, LAUNCHER_DONE, l->serial);
        client_send(l->client, &m, NULL, 0);
        l->client->listing = NULL;
        listing_free(l);
}

static int compare(const void *a, const void *b) {
        return strcmp(a, b);
}

static void on_names(int error, char *const *names, size_t n, void *userdata) {
        Listing *l = userdata;

        l->names_asked = false;
        if (!l->client) {
                listing_free(l);
                return;
        }
        if (error < 0) {
                client_refuse(l->client, l->serial, LAUNCHER_REFUSAL_INTERNAL,
                              "the service manager did not list its units");
                l->client->listing = NULL;
                listing_free(l);
                return;
        }
        l->names = calloc(n + 1, sizeof(*l->names));
        for (size_t i = 0; l->names && i < n && l->n < PROFILES_MAX; i++)
                if (launcher_profile_name_is_valid(names[i]))
                        COPY(l->names[l->n++], names[i]);
        if (l->names)
                qsort(l->names, l->n, sizeof(*l->names), compare);
        step(l);
}

int listing_begin(Client *c, uint64_t serial) {
        int r;

        if (c->listing) {
                client_refuse(c, serial, LAUNCHER_REFUSAL_INTERNAL, "a list is under way");
                return 0;
        }
        c->listing = calloc(1, sizeof(*c->listing));
        if (!c->listing)
                return -ENOMEM;
        *c->listing = (Listing){ .client = c, .serial = serial };
        c->listing->names_asked = true;
        r = profile_store_list(c->manager->profiles, on_names, c->listing);
        if (r >= 0)
                return 0;
        c->listing->names_asked = false;
        c->listing = listing_free(c->listing);
        return r;
}

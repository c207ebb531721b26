/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Podman's REST API at the socket beside Cloche's own (podman.sock, cloche-podman.socket): one request,
 * waited for to its end. Who may reach that socket is for the file system to say: root, or in a user's
 * manager the user. */

#include <json-c/json.h>
#include <stddef.h>

#include "basic/cleanup.h"
#include "client/address.h"

typedef struct Podman {
        char *path; /* of the socket, owned */
        AddressMode mode;
} Podman;

void podman_done(Podman *p);
#define _cleanup_podman_ _cleanup_(podman_done)

/* The socket that belongs to Cloche's. Returns 0 or -ENOMEM. */
int podman_find(const Address *address, Podman *ret);

typedef struct PodmanCall {
        const char *method;  /* GET or POST */
        const char *target;  /* the path behind /libpod and the query, percent-encoded */
        const void *archive; /* a tar archive to send, or NULL */
        size_t size;
        /* For every object of a good answer, in order: most have one, a build's progress has many.
         * Returns 0 or -errno, which ends the call. */
        int (*on_object)(json_object *object, void *userdata);
        void *userdata;
} PodmanCall;

/* Not logging. Returns the HTTP status of an answer that came to its end, with *reterr (owned, to be
 * freed, may be NULL) Podman's words when that is 400 or more; or -errno: of connecting as
 * address_connect(), -EBADMSG for what is not HTTP or not JSON, -ECONNRESET when no answer came. */
int podman_call(const Podman *p, const PodmanCall *call, char **reterr);

/* text as part of a target: all but letters, digits and "-._~" as %XX. To be freed; NULL without
 * memory. */
char *podman_quote(const char *text);

/* Tells that a call failed, by -errno or by status and words, and what to do. */
void podman_show_failure(const Podman *p, int result, const char *words);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which socket to speak to. The first that is said wins: --socket, --system or --user,
 * $CLOCHE_SOCKET; else root takes the system's, and everybody else his own if it is there, and the
 * system's otherwise. */

#include <stdbool.h>
#include <sys/types.h>

#define ADDRESS_SYSTEM_PATH "/run/cloche/cloche.sock"

typedef enum AddressMode {
        ADDRESS_ANY, /* not said, or a path that somebody gave */
        ADDRESS_SYSTEM,
        ADDRESS_USER,
} AddressMode;

/* What is known. Strings are borrowed, NULL when not said. */
typedef struct AddressHints {
        AddressMode mode;        /* --system, --user */
        const char *socket;      /* --socket */
        const char *environment; /* $CLOCHE_SOCKET */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR */
        uid_t uid;
} AddressHints;

typedef struct Address {
        char *path;       /* owned */
        AddressMode mode; /* whose socket it is: what to tell who finds it missing */
} Address;

void address_done(Address *a);
#define _cleanup_address_ _cleanup_(address_done)

/* exists answers whether a path is there. Returns 0 or -ENOMEM. */
int address_find(const AddressHints *hints, bool (*exists)(const char *path), Address *ret);

/* A connected stream socket, close-on-exec. Returns the descriptor or -errno; -ENAMETOOLONG for a
 * path that no unix socket can have. */
int address_connect(const char *path);

/* What to do about address_connect() having failed with this error, as one or more sentences for a
 * person, or NULL without memory. To be freed. */
char *address_explain(const Address *a, int error);

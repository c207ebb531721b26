/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Stands where journald is, for tests of the audit: a datagram socket, and journald's reading of
 * what arrives there. Everything asserts; nothing here returns an error. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/cleanup.h"

typedef struct Field {
        char name[64];
        const char *value;
        size_t size;
} Field;

typedef struct Entry {
        char *data;
        size_t size;
        Field fields[64];
        size_t n_fields;
} Entry;

/* Takes a datagram apart; consumes data, which was malloc()ed. */
Entry *entry_new(char *data, size_t size);
Entry *entry_free(Entry *e);

DEFINE_CLEANUP(Entry, entry_free)

/* The one field of this name; fails when there is none or more than one. */
const Field *entry_get(const Entry *e, const char *name);
bool entry_has(const Entry *e, const char *name);
void entry_assert(const Entry *e, const char *name, const char *value);

typedef struct Journal {
        char directory[32];
        char path[64];
        int fd;
} Journal;

Journal *journal_new(void);
Journal *journal_free(Journal *j);

/* Goes away, leaving its path behind, and comes back as another socket at the same path. */
void journal_close(Journal *j);
void journal_listen(Journal *j);

/* The next entry, from the datagram or from the memfd that came with it. */
Entry *journal_receive(const Journal *j, bool *ret_was_memfd);
/* Whether nothing is left to receive. */
bool journal_is_empty(const Journal *j);

/* A socket connected to it. */
int journal_connect(const Journal *j);

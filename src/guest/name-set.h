/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The first names, in bytewise order, of any number that are added: what is beyond the set's size is
 * forgotten, and that there was more is remembered. */

#include <stdbool.h>
#include <stddef.h>

#define NAME_SET_MAX 65536

typedef struct NameSet {
        char **names; /* sorted, no two equal; owned */
        size_t n, max;
        bool has_more;
} NameSet;

/* max: 1…NAME_SET_MAX. Returns 0, -EINVAL or -ENOMEM. */
int name_set_init(NameSet *s, size_t max);
void name_set_done(NameSet *s);

/* Whether this name, or any that comes behind it, would still have a place. */
bool name_set_has_room(const NameSet *s, const char *name);

/* Copies name. Returns 0 or -ENOMEM. */
int name_set_add(NameSet *s, const char *name);

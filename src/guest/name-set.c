/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A directory may hold more names than fit into memory, and a page of a listing is the first few of
 * them; so they are sorted as they come and what falls off the end is dropped at once. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "guest/name-set.h"

int name_set_init(NameSet *s, size_t max) {
        if (max == 0 || max > NAME_SET_MAX)
                return -EINVAL;
        *s = (NameSet){ .names = calloc(max, sizeof(char *)), .max = max };
        return s->names ? 0 : -ENOMEM;
}

void name_set_done(NameSet *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->names[i]);
        free(s->names);
        *s = (NameSet){};
}

/* Where name is, or belongs. */
static size_t find_place(const NameSet *s, const char *name, bool *ret_is_there) {
        size_t low = 0, high = s->n;

        *ret_is_there = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(s->names[middle], name);

                if (order == 0) {
                        *ret_is_there = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

bool name_set_has_room(const NameSet *s, const char *name) {
        return s->n < s->max || strcmp(name, s->names[s->n - 1]) < 0;
}

int name_set_add(NameSet *s, const char *name) {
        bool is_there;
        size_t i = find_place(s, name, &is_there);
        char *copy;

        if (is_there)
                return 0;
        if (s->n == s->max) {
                s->has_more = true;
                if (i == s->n)
                        return 0;
        }
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        if (s->n == s->max)
                free(s->names[--s->n]);
        memmove(&s->names[i + 1], &s->names[i], (s->n - i) * sizeof(char *));
        s->names[i] = copy;
        s->n++;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory with files like a cgroup's. It differs from one where the kernel acts: nobody is moved
 * and nobody is killed, what was written stands in the file; and it does not say when it changes. */

#include <stddef.h>

typedef struct CgroupBox {
        char path[64];
        int fd;
} CgroupBox;

/* For cmocka: *state is a CgroupBox, empty. */
int cgroup_box_set_up(void **state);
int cgroup_box_tear_down(void **state);

/* Makes a directory below, or writes or reads a whole file. */
void cgroup_box_make(const CgroupBox *b, const char *name);
void cgroup_box_write(const CgroupBox *b, const char *name, const char *text);
void cgroup_box_read(const CgroupBox *b, const char *name, char *text, size_t size);

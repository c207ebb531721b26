/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first process of a scope, and the last: a scope cannot be made without a process, and systemd
 * removes its cgroup with its last one, which would take along what the run used before anybody has
 * read it. This one does nothing but be there until the cgroup is killed. Static, so that it weighs
 * a few pages. */

#include <unistd.h>

int main(void) {
        for (;;)
                (void)pause();
}

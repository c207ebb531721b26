/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-conmon: what Podman starts as its monitor of a container (conmon_path in policy/containers.conf.in).
 * It becomes conmon, with all that Podman says but one thing: the command to run when the container has
 * ended, "podman container cleanup". In our containers the launcher does that work. It asks for the removal at
 * once, and a second Podman for each container that ends costs as much as the removal itself, and comes in
 * its way: forty that end at once keep the store's locks for a minute.
 *
 * Static, so that it costs a container's start next to nothing. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXEC_FAILED 127 /* exit status, as of a shell */

static int is_dropped(const char *word) {
        return strcmp(word, "--exit-command") == 0 || strcmp(word, "--exit-command-arg") == 0;
}

int main(int argc, char *argv[]) {
        /* where Podman looks by default, in its order */
        static const char *const paths[] = {
                "/usr/libexec/podman/conmon",
                "/usr/local/libexec/podman/conmon",
                "/usr/local/lib/podman/conmon",
                "/usr/bin/conmon",
                "/usr/sbin/conmon",
                "/usr/local/bin/conmon",
                "/usr/local/sbin/conmon",
                "/run/current-system/sw/bin/conmon",
        };
        int n = 1;

        if (argc < 1)
                return EXEC_FAILED;
        for (int i = 1; i < argc; i++)
                if (is_dropped(argv[i]))
                        i++; /* with its value */
                else
                        argv[n++] = argv[i];
        argv[n] = NULL;
        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
                (void)execv(paths[i], argv);
                if (errno != ENOENT)
                        break;
        }
        (void)fprintf(stderr, "Cannot start conmon: %m. Is it installed?\n");
        return EXEC_FAILED;
}

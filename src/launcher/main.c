/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche-launcher: the only part of Cloche that starts anything. See manager.c for its frame,
 * client.c for whom it believes, sandbox.c for what it makes. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/manager.h"

static int help(void) {
        printf("cloche-launcher [--system|--user]\n\n"
               "Starts and ends Cloche's sandboxes. Started by cloche-launcher.socket, not by hand.\n\n"
               "     --system  Serve the system manager (needs root)\n"
               "     --user    Serve the calling user's manager\n"
               "  -h --help    Show this help\n"
               "     --version Show the version\n");
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "system", no_argument, NULL, 's' },
                { "user", no_argument, NULL, 'u' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };
        _cleanup_(manager_freep) Manager *m = NULL;
        bool system_mode = geteuid() == 0;
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 's':
                        system_mode = true;
                        break;
                case 'u':
                        system_mode = false;
                        break;
                case 'h':
                        return help();
                case 'V':
                        puts("cloche-launcher " CLOCHE_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return EXIT_FAILURE;
                }
        if (optind < argc) {
                fprintf(stderr, "cloche-launcher takes no arguments, see --help\n");
                return EXIT_FAILURE;
        }

        (void)umask(0077);
        r = manager_new(&m, system_mode);
        if (r >= 0)
                r = manager_run(m);
        return r < 0 ? EXIT_FAILURE : r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files go in and out of a sandbox through these commands, so that no path which the code can bend
 * is ever opened outside of it. The host starts them like any program of the client's: as the code's
 * user, without rights, under the filter, in a cgroup of their own. So what they can reach is what
 * the code can reach, what they use is on the sandbox's bill, and the host may kill them at any
 * moment; nothing here defends the container against its own user.
 *
 * What has to hold instead: they never wait for anything but their own stdin and stdout (a FIFO or
 * a device is never opened), every failure is a record with an errno, and memory stays bounded.
 *
 * A command that returns an error has said nothing of it yet; it is said here. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "basic/cleanup.h"
#include "guest/file-collect.h"
#include "guest/file-get.h"
#include "guest/file-list.h"
#include "guest/file-put.h"
#include "guest/file-remove.h"
#include "guest/file-reply.h"
#include "guest/file.h"

typedef struct FileCommand {
        const char *name;
        int min_argc, max_argc; /* behind the name; 0: any number */
        bool has_end;           /* its records are followed by END */
        int (*run)(int argc, char **argv);
} FileCommand;

static const FileCommand commands[] = {
        { "get",     3, 3, false, file_get_run     },
        { "put",     2, 3, false, file_put_run     },
        { "list",    3, 4, true,  file_list_run    },
        { "remove",  1, 2, false, file_remove_run  },
        { "collect", 3, 0, true,  file_collect_run },
};

static const FileCommand *find_command(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

int file_run(int argc, char **argv) {
        const FileCommand *c = argc > 0 ? find_command(argv[0]) : NULL;
        int r;

        if (!c) {
                (void)file_reply_error(EINVAL, "");
                return 2;
        }
        argc--;
        argv++;
        r = argc < c->min_argc || (c->max_argc > 0 && argc > c->max_argc) ? -EINVAL
                                                                          : c->run(argc, argv);
        if (r < 0)
                (void)(c->has_end ? file_reply_end(-r) : file_reply_error(-r, ""));
        return r == 0 ? 0 : 1;
}

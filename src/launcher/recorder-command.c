/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What has to go and why: a client has no -d, refuses --cgroups=split, and would write the
 * --cidfile itself; the others are decisions about the one container of a unit, which is never
 * made. Any other
 * --cgroups stays and is refused in the JSON by name. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"
#include "launcher/recorder-command.h"

typedef struct Dropped {
        const char *word;
        const char *value; /* only with this value; NULL: with any */
        bool has_value;
} Dropped;

static const Dropped dropped[] = {
        { "-d",         NULL,    false },
        { "--detach",   NULL,    false },
        { "--rm",       NULL,    false },
        { "--replace",  NULL,    false },
        { "--cidfile",  NULL,    true  },
        { "--sdnotify", NULL,    true  },
        { "--cgroups",  "split", true  },
};

/* How many words from here belong to an option that is left out: 0, 1, or 2. */
static size_t dropped_words(const char *const *words) {
        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
                const Dropped *d = &dropped[i];
                size_t n = strlen(d->word);
                const char *value;

                if (strncmp(words[0], d->word, n) != 0)
                        continue;
                if (!d->has_value && words[0][n] == 0)
                        return 1;
                value = words[0][n] == '=' ? words[0] + n + 1 : words[0][n] == 0 ? words[1] : NULL;
                if (!d->has_value || !value || (d->value && strcmp(value, d->value) != 0))
                        continue;
                return words[0][n] == '=' ? 1 : 2;
        }
        return 0;
}

static bool is_podman(const char *path) {
        const char *name = strrchr(path, '/');

        return path[0] == '/' && strcmp(name, "/podman") == 0;
}

int recorder_command_new(const char *const *argv, const char *url, const char ***ret) {
        const char **command;
        size_t n = 0, o = 0;

        while (argv[n])
                n++;
        if (n < 3 || !is_podman(argv[0]) || strcmp(argv[1], "run") != 0)
                return -EINVAL;

        command = calloc(n + 4, sizeof(*command));
        if (!command)
                return -ENOMEM;
        command[o++] = argv[0];
        command[o++] = "--remote";
        command[o++] = "--url";
        command[o++] = url;
        command[o++] = "create";
        for (size_t i = 2; i < n;) {
                size_t skip = dropped_words(argv + i);

                if (skip == 0)
                        command[o++] = argv[i++];
                else
                        i += skip;
        }

        *ret = command;
        return 0;
}

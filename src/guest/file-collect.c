/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Patterns are matched here and not by glob(3), which has no bound on what it allocates, and which
 * looks users up, something that a static program cannot do. Part by part: one without a special
 * character is only appended, one with them is compared with what is in the directory so far. Links
 * are followed, as in `get`; a pattern has so many parts and no more, so a loop of links ends. It
 * can still multiply, hence a budget of directories and of names.
 *
 * A file that two patterns match is one file. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "guest/file-collect.h"
#include "guest/file-directory.h"
#include "guest/file-regular.h"
#include "guest/file-reply.h"
#include "guest/name-set.h"

#define DIRECTORIES_READ_MAX 4096
#define NAMES_LOOKED_AT_MAX  1000000

typedef struct Collection {
        NameSet names;
        size_t n_directories, n_looked_at;
        char path[FILE_PATH_MAX]; /* what is matched so far */
} Collection;

static int match(Collection *c, size_t n, const char *pattern, unsigned depth);

/* Appends name at n and goes on with the rest of the pattern: slashes and more, or nothing. */
static int match_rest(Collection *c, size_t n, const char *name, size_t size, const char *rest,
                      unsigned depth) {
        struct stat st;

        if (n + size + 1 >= sizeof(c->path))
                return 0;
        memcpy(c->path + n, name, size);
        n += size;
        c->path[n] = 0;
        if (*rest) {
                c->path[n++] = '/';
                c->path[n] = 0;
                return match(c, n, rest + strspn(rest, "/"), depth + 1);
        }
        if (stat(c->path, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        return name_set_add(&c->names, c->path);
}

static int match_names(Collection *c, size_t n, const char *part, const char *rest,
                       unsigned depth) {
        _cleanup_(closedirp) DIR *d = NULL;
        const char *name;

        if (++c->n_directories > DIRECTORIES_READ_MAX)
                return -E2BIG;
        if (file_directory_open(AT_FDCWD, n > 0 ? c->path : ".", 0, &d) < 0)
                return 0;
        while (file_directory_next(d, &name, NULL) > 0) {
                int r;

                if (++c->n_looked_at > NAMES_LOOKED_AT_MAX)
                        return -E2BIG;
                if (fnmatch(part, name, FNM_PERIOD) != 0)
                        continue;
                r = match_rest(c, n, name, strlen(name), rest, depth);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The first n bytes of c->path are matched. */
static int match(Collection *c, size_t n, const char *pattern, unsigned depth) {
        size_t size = strcspn(pattern, "/");
        const char *rest = pattern + size;
        _cleanup_free_ char *part = NULL;

        c->path[n] = 0;
        if (size == 0 || depth > FILE_DEPTH_MAX)
                return 0;
        if (strcspn(pattern, "*?[\\") >= size)
                return match_rest(c, n, pattern, size, rest, depth);
        part = strndup(pattern, size);
        return part ? match_names(c, n, part, rest, depth) : -ENOMEM;
}

static int match_pattern(Collection *c, const char *pattern) {
        size_t n_slashes = strspn(pattern, "/");

        if (n_slashes > 0)
                c->path[0] = '/';
        return match(c, n_slashes > 0, pattern + n_slashes, 0);
}

static int reply_one(const char *path, uint64_t *left) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        fd = file_regular_open(path, O_RDONLY, &st);
        if (fd < 0)
                return file_reply_error(-fd, path);
        if ((uint64_t)st.st_size > *left)
                return file_reply_too_large(&st, path);
        *left -= (uint64_t)st.st_size;
        r = file_reply_file(&st, (uint64_t)st.st_size, path);
        return r < 0 ? r : file_reply_bytes(fd, 0, (uint64_t)st.st_size);
}

static void collection_done(Collection *c) {
        name_set_done(&c->names);
}

int file_collect_run(int argc, char **argv) {
        _cleanup_(collection_done) Collection c = {};
        uint64_t max_files, left;
        int r;

        r = file_parse_number(argv[0], &max_files);
        if (r < 0)
                return r;
        r = file_parse_number(argv[1], &left);
        if (r < 0)
                return r;
        r = name_set_init(&c.names, max_files);
        for (int i = 2; i < argc && r == 0; i++)
                r = match_pattern(&c, argv[i]);
        if (r == -E2BIG)
                c.names.has_more = true;
        else if (r < 0)
                return r;

        for (size_t i = 0; i < c.names.n; i++) {
                r = reply_one(c.names.names[i], &left);
                if (r != 0)
                        return r;
        }
        return file_reply_end(c.names.has_more ? E2BIG : 0);
}

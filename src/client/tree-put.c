/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Goes down by descriptors, so that nobody who moves things meanwhile leads us elsewhere. The protocol
 * makes directories on the way to a file, with mode 0755, and has no method for an empty one: that
 * comes of a file that is put there and removed. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/utf8.h"
#include "client/show.h"
#include "client/tree-put.h"
#include "client/tree.h"

#define PLACEHOLDER ".cloche-empty"

typedef struct Put {
        const Copier *copier;
        size_t n_entries;
        size_t n_failed;
} Put;

static int put_directory(Put *p, int fd, const char *local, const char *path, unsigned depth);

/* Counts and tells one that is left out; returns 0. */
static int leave_out(Put *p, const char *local, const char *why) {
        _cleanup_free_ char *shown = show_name(local);

        p->n_failed++;
        show_error("%s was not copied: %s", shown ? shown : "a file", why);
        return 0;
}

/* Makes an empty directory. */
static int make_directory(Put *p, const char *path) {
        _cleanup_json_ json_object *params = NULL, *result = NULL, *error = NULL;
        _cleanup_free_ char *inside = tree_join(path, PLACEHOLDER);
        _cleanup_close_ int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int r;

        if (!inside)
                return -ENOMEM;
        if (nothing < 0)
                return -errno;
        r = copy_put(p->copier, nothing, path, inside, 0600);
        if (r < 0)
                return r;
        r = copy_format(p->copier, inside, &params);
        if (r >= 0)
                r = session_call(p->copier->session, "file.remove", TAKE_PTR(params), &result,
                                 &error);
        if (r < 0)
                (void)session_tell(p->copier->session, r, error);
        return r;
}

static int put_entry(Put *p, int directory_fd, const char *name, const char *local,
                     const char *path, unsigned depth) {
        _cleanup_close_ int fd = openat(directory_fd, name,
                                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        int r;

        if (!utf8_is_valid(name, strlen(name)))
                return leave_out(p, local, "its name is not UTF-8");
        if (fd < 0 && errno == ELOOP)
                return leave_out(p, local, "it is a symbolic link");
        if (fd < 0 && errno == ENXIO)
                return leave_out(p, local, "it is neither a file nor a directory");
        if (fd < 0 || fstat(fd, &st) < 0)
                return leave_out(p, local, strerror(errno));
        if (S_ISDIR(st.st_mode))
                return put_directory(p, fd, local, path, depth + 1);
        if (!S_ISREG(st.st_mode))
                return leave_out(p, local, "it is neither a file nor a directory");
        r = copy_put(p->copier, fd, local, path, st.st_mode & 0777);
        p->n_failed += r < 0;
        return tree_judge(r);
}

static int is_entry(const struct dirent *d) {
        return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int put_entries(Put *p, int fd, struct dirent **entries, int n, const char *local,
                       const char *path, unsigned depth) {
        int r = 0;

        for (int i = 0; r >= 0 && i < n; i++) {
                _cleanup_free_ char *entry_local = tree_join(local, entries[i]->d_name);
                _cleanup_free_ char *entry_path = tree_join(path, entries[i]->d_name);

                if (!entry_local || !entry_path)
                        return -ENOMEM;
                if (++p->n_entries > TREE_ENTRIES_MAX) {
                        show_error("%s and what follows was not copied: one copy may have %d files "
                                   "and directories",
                                   entry_local, TREE_ENTRIES_MAX);
                        return -EFBIG;
                }
                r = put_entry(p, fd, entries[i]->d_name, entry_local, entry_path, depth);
        }
        return r;
}

static int put_directory(Put *p, int fd, const char *local, const char *path, unsigned depth) {
        struct dirent **entries;
        int n, r;

        if (depth > TREE_DEPTH_MAX)
                return leave_out(p, local, "it is too deep");
        n = scandirat(fd, ".", &entries, is_entry, alphasort);
        if (n < 0)
                return leave_out(p, local, strerror(errno));
        if (n > 0)
                r = put_entries(p, fd, entries, n, local, path, depth);
        else if (path[0]) {
                r = make_directory(p, path);
                p->n_failed += r < 0;
                r = tree_judge(r);
        } else
                r = 0;
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
        return r;
}

int tree_put(const Copier *c, int directory_fd, const char *local, const char *path,
             size_t *ret_failed) {
        Put p = { .copier = c };
        int r = put_directory(&p, directory_fd, local, path, 0);

        if (r == -ENOMEM)
                show_error("out of memory");
        *ret_failed = p.n_failed;
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trust: the listing is a sandbox's, where anybody may have made it up. Each part of a name is checked
 * to be one (landing.h), and the way to it is opened part by part from the directory that the caller
 * gave, without following a link; so nothing is written outside of it, whatever stands in a name or is
 * put there meanwhile. Names must come in order, so that a listing goes on or ends; how many there may
 * be, how deep, and how many bytes come with them is bounded, since a sandbox can be asked for more than
 * it could ever hold: a sparse file costs it nothing.
 *
 * A directory is made so that we can write into it and gets its own permissions when everything is
 * there; one that was there before keeps those it has. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "client/landing.h"
#include "client/show.h"
#include "client/tree-get.h"
#include "client/tree.h"

typedef struct Made {
        char *name; /* relative to the top, owned */
        mode_t mode;
} Made;

typedef struct Get {
        Copier copier;
        const char *path;
        const char *local;
        int fd;
        Made *made; /* directories, in the order of their making */
        size_t n_made;
        size_t n_entries;
        size_t n_failed;
        uint64_t size_left;
        char *last;   /* the last name of the listing */
        char *closed; /* a directory that could not be made: nothing below it is tried */
} Get;

static void get_done(Get *g) {
        for (size_t i = 0; i < g->n_made; i++)
                free(g->made[i].name);
        free(g->made);
        free(g->last);
        free(g->closed);
}

/* Counts and tells one that is left out; returns 0. */
static int leave_out(Get *g, const char *name, const char *why) {
        _cleanup_free_ char *path = tree_join(g->path, name),
                            *shown = path ? show_name(path) : NULL;

        if (g->n_failed++ < TREE_TOLD_MAX)
                show_error("%s was not copied: %s", shown ? shown : "a file", why);
        return 0;
}

/* Opens the directory that name is in. Returns the descriptor or -errno; *ret_last is name's last part,
 * borrowed. */
static int open_parent(const Get *g, const char *name, const char **ret_last) {
        _cleanup_close_ int fd = openat(g->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        unsigned depth = 0;

        if (fd < 0)
                return -errno;
        for (const char *slash; (slash = strchr(name, '/')); name = slash + 1) {
                _cleanup_free_ char *part = strndup(name, (size_t)(slash - name));
                int next;

                if (!part)
                        return -ENOMEM;
                if (!landing_name_is_good(part) || ++depth > TREE_DEPTH_MAX)
                        return -EINVAL;
                next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (next < 0)
                        return -errno;
                (void)close(fd);
                fd = next;
        }
        if (!landing_name_is_good(name))
                return -EINVAL;
        *ret_last = name;
        return TAKE_FD(fd);
}

static int note_made(Get *g, const char *name, mode_t mode) {
        Made *made = reallocarray(g->made, g->n_made + 1, sizeof(*made));
        char *copy = strdup(name);

        if (made)
                g->made = made;
        if (!made || !copy) {
                free(copy);
                return -ENOMEM;
        }
        made[g->n_made++] = (Made){ copy, mode };
        return 0;
}

static const char *explain(int error) {
        return error == -ELOOP || error == -ENOTDIR
                       ? "there is a symbolic link or a file in the place of a directory"
               : error == -EINVAL ? "that is no name for a file"
                                  : strerror(-error);
}

static int get_directory(Get *g, int parent_fd, const char *last, const char *name, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdirat(parent_fd, last, 0700) == 0)
                return note_made(g, name, mode);
        if (errno == EEXIST)
                fd = openat(parent_fd, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                return 0;
        (void)leave_out(g, name, explain(-errno));
        free(g->closed);
        g->closed = tree_join(name, "");
        return g->closed ? 0 : -ENOMEM;
}

static int get_file(Get *g, int parent_fd, const char *last, const char *name) {
        _cleanup_free_ char *path = tree_join(g->path, name), *where = NULL;
        int r;

        where = last == name ? strdup("") : strndup(name, (size_t)(last - name) - 1);
        if (path && where) {
                char *directory = where[0] ? tree_join(g->local, where) : strdup(g->local);

                free(where);
                where = directory;
        }
        if (!path || !where)
                return -ENOMEM;
        r = copy_get(&g->copier, path, parent_fd, where, last, NULL);
        g->n_failed += r < 0;
        return r == -EFBIG ? r : tree_judge(r);
}

static int get_entry(Get *g, json_object *entry) {
        const char *name = show_string_of(entry, "name"), *type = show_string_of(entry, "type");
        _cleanup_close_ int parent = -EBADF;
        const char *last;

        if (!name[0])
                return leave_out(g, "a file", "its name is not UTF-8");
        if (g->last && strcmp(name, g->last) <= 0) {
                show_error("the sandbox's list of %s makes no sense", g->path);
                return -EBADMSG;
        }
        free(g->last);
        g->last = strdup(name);
        if (!g->last)
                return -ENOMEM;
        if (g->closed && strncmp(name, g->closed, strlen(g->closed)) == 0)
                return 0;
        parent = open_parent(g, name, &last);
        if (parent == -ENOMEM)
                return parent;
        if (parent < 0)
                return leave_out(g, name, explain(parent));
        if (strcmp(type, "directory") == 0)
                return get_directory(g, parent, last, name,
                                     (mode_t)strtoul(show_string_of(entry, "mode"), NULL, 8));
        if (strcmp(type, "file") == 0)
                return get_file(g, parent, last, name);
        return leave_out(g, name,
                         strcmp(type, "symlink") == 0 ? "it is a symbolic link"
                                                      : "it is neither a file nor a directory");
}

/* One page of the listing. Returns 1 when there are more, 0, or -errno, told. */
static int get_page(Get *g) {
        _cleanup_json_ json_object *params = NULL, *result = NULL, *error = NULL;
        json_object *entries = NULL, *truncated = NULL;
        _cleanup_free_ char *before = g->last ? strdup(g->last) : NULL;
        int r;

        r = g->last && !before ? -ENOMEM
                               : copy_format(&g->copier, g->path[0] ? g->path : ".", &params);
        if (r >= 0)
                r = json_set_bool(params, "recursive", true);
        if (r >= 0 && g->last)
                r = json_set_string(params, "after", g->last);
        if (r >= 0)
                r = session_call(g->copier.session, "file.list", TAKE_PTR(params), &result, &error);
        if (r >= 0 && (!json_object_object_get_ex(result, "entries", &entries) ||
                       !json_object_is_type(entries, json_type_array)))
                r = -EBADMSG;
        if (r < 0) {
                (void)session_tell(g->copier.session, r, error);
                return r;
        }
        for (size_t i = 0; r >= 0 && i < json_object_array_length(entries); i++) {
                if (++g->n_entries > TREE_ENTRIES_MAX) {
                        show_error("not all of %s was copied: one copy may have %d files and "
                                   "directories",
                                   g->path, TREE_ENTRIES_MAX);
                        return -EFBIG;
                }
                r = get_entry(g, json_object_array_get_idx(entries, i));
        }
        (void)json_object_object_get_ex(result, "truncated", &truncated);
        if (r < 0 || !json_object_get_boolean(truncated))
                return r;
        if (g->last && (!before || strcmp(g->last, before) != 0))
                return 1;
        return leave_out(g, "", "the names behind those that are not UTF-8 cannot be asked for");
}

/* The permissions of the directories that were made, the innermost first. Each is opened as the one that
 * something in it would be in. */
static int finish_directories(Get *g) {
        mode_t mask = umask(0);
        int r = 0;

        (void)umask(mask);
        for (size_t i = g->n_made; r >= 0 && i-- > 0;) {
                _cleanup_free_ char *inside = tree_join(g->made[i].name, "x");
                const char *last;
                _cleanup_close_ int fd = -EBADF;

                if (!inside)
                        return -ENOMEM;
                fd = open_parent(g, inside, &last);
                if (fd < 0 || fchmod(fd, g->made[i].mode & 0777 & ~mask) < 0)
                        r = leave_out(g, g->made[i].name, "its permissions could not be set");
        }
        return r;
}

int tree_get(const Copier *c, const char *path, int directory_fd, const char *local,
             size_t *ret_failed) {
        _cleanup_(get_done) Get g = {
                .copier = *c,
                .path = path,
                .local = local,
                .fd = directory_fd,
                .size_left = TREE_SIZE_MAX,
        };
        int finished, r;

        g.copier.size_left = &g.size_left;
        do
                r = get_page(&g);
        while (r > 0);
        finished = finish_directories(&g);
        r = r < 0 ? r : finished;
        if (g.n_failed > TREE_TOLD_MAX)
                show_error("%zu were not copied in all", g.n_failed);
        if (r == -ENOMEM)
                show_error("out of memory");
        *ret_failed = g.n_failed;
        return r;
}

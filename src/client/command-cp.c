/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche cp: a file or a directory into a sandbox that runs under a name, or out of it, with podman
 * cp's words and rules for what becomes of a destination. The cloche that has the sandbox is asked, in
 * the service's own protocol (control.h), because nobody else can: a sandbox belongs to one
 * connection. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "client/command-cp.h"
#include "client/control-name.h"
#include "client/copy.h"
#include "client/landing.h"
#include "client/outcome.h"
#include "client/show.h"
#include "client/tree-get.h"
#include "client/tree-put.h"
#include "client/tree.h"

static const char help[] =
        "Usage: cloche cp [OPTION…] FILE NAME:[PATH]\n"
        "       cloche cp [OPTION…] NAME:PATH FILE\n"
        "\n"
        "Copies a file, or a directory with all in it, into a sandbox or out of one, while\n"
        "\"cloche shell --name NAME\" or \"cloche run --name NAME\" has it. PATH is relative to\n"
        "/work. A directory as the destination gets a file or directory of the same name;\n"
        "DIR/. is what is in DIR.\n"
        "\n" COMMON_HELP "\n"
        "Exit codes: 0; 125 when it failed; 128 + N after signal N.\n";

typedef struct Place {
        char *name;       /* of a sandbox; NULL: here. Owned */
        const char *path; /* borrowed */
} Place;

static void place_done(Place *p) {
        free(p->name);
}

/* A colon before the first slash makes a sandbox's name of what stands before it: ./a:b is a file. */
static int parse_place(const char *text, Place *ret) {
        size_t n = strcspn(text, ":/");

        *ret = (Place){ .path = text };
        if (text[n] != ':')
                return 0;
        ret->name = strndup(text, n);
        ret->path = text + n + 1;
        return ret->name ? 0 : -ENOMEM;
}

typedef enum Kind {
        KIND_NOTHING,
        KIND_DIRECTORY,
        KIND_FILE, /* or anything else that is there and no directory */
} Kind;

/* What path of the sandbox is. Returns a Kind, or -errno, told. */
static int find_kind(const Copier *c, const char *path) {
        _cleanup_json_ json_object *params = NULL, *result = NULL, *error = NULL;
        int r;

        r = copy_format(c, path, &params);
        if (r >= 0)
                r = session_call(c->session, "file.list", TAKE_PTR(params), &result, &error);
        if (r >= 0)
                return KIND_DIRECTORY;
        if (r == -EREMOTEIO) {
                const char *reason = session_reason_of(error);

                if (strcmp(reason, "file_not_found") == 0)
                        return KIND_NOTHING;
                if (strcmp(reason, "not_a_directory") == 0)
                        return KIND_FILE;
        }
        (void)session_tell(c->session, r, error);
        return r;
}

/* Whether a path says a directory by its slash. */
static bool has_slash(const char *path) {
        size_t n = strlen(path);

        return n > 0 && path[n - 1] == '/';
}

/* A directory's path without slashes and "." at its end, "" for "."; to be freed. *ret_name (borrowed
 * from it) is the name that its copy has in another directory, NULL when what is in it is meant: after
 * ".", and for "..", which is no name, and "/". NULL without memory. */
static char *parse_directory(const char *text, const char **ret_name) {
        char *path = strdup(text);
        bool is_content = false;
        size_t n;

        if (!path)
                return NULL;
        for (n = strlen(path); n > 0; n--)
                if (path[n - 1] == '.' && (n == 1 || path[n - 2] == '/'))
                        is_content = true;
                else if (path[n - 1] != '/' || n == 1)
                        break;
        path[n] = 0;
        *ret_name = !is_content && landing_name_is_good(landing_name_of(path))
                            ? landing_name_of(path)
                            : NULL;
        return path;
}

/* What came of a tree: a file that is not there makes a failure of the whole. */
static int judge(int r, size_t n_failed) {
        return r < 0 ? r : n_failed > 0 ? -EIO : 0;
}

static int put_directory(const Copier *c, int fd, const char *local, const char *path, Kind kind) {
        const char *name = NULL, *ignored;
        _cleanup_free_ char *from = parse_directory(local, &name), *to = NULL;
        size_t n_failed = 0;
        int r;

        if (kind == KIND_FILE) {
                show_error("%s is a directory, and %s is none", local, path);
                return -ENOTDIR;
        }
        to = kind == KIND_DIRECTORY && name ? tree_join(path, name)
                                            : parse_directory(path, &ignored);
        if (!from || !to) {
                show_error("out of memory");
                return -ENOMEM;
        }
        r = tree_put(c, fd, from[0] ? from : ".", to, &n_failed);
        return judge(r, n_failed);
}

static int put_file(const Copier *c, int fd, const char *local, const char *path, Kind kind,
                    mode_t mode) {
        _cleanup_free_ char *inside = NULL;

        inside = kind == KIND_DIRECTORY || has_slash(path) ? tree_join(path, landing_name_of(local))
                                                           : strdup(path);
        if (!inside) {
                show_error("out of memory");
                return -ENOMEM;
        }
        return copy_put(c, fd, local, inside, mode);
}

static int put(const Copier *c, const char *local, const char *path) {
        _cleanup_close_ int fd = open(local, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                show_error("cannot read %s: %s", local, strerror(-r));
                return r;
        }
        r = path[0] ? find_kind(c, path) : KIND_DIRECTORY;
        if (r < 0)
                return r;
        if (S_ISDIR(st.st_mode))
                return put_directory(c, fd, local, path, (Kind)r);
        return put_file(c, fd, local, path, (Kind)r,
                        S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0644);
}

/* The directory and the name that a local path means for a file from there. */
static int find_landing(const char *local, const char *path, char **ret_directory,
                        const char **ret_name) {
        const char *name = landing_name_of(local);
        struct stat st;

        if (!name[0] || (stat(local, &st) == 0 && S_ISDIR(st.st_mode))) {
                *ret_name = landing_name_of(path);
                *ret_directory = strdup(local);
        } else {
                *ret_name = name;
                *ret_directory =
                        name == local ? strdup(".") : strndup(local, (size_t)(name - local));
        }
        return *ret_directory ? 0 : -ENOMEM;
}

/* Opens a directory of ours, told when it cannot be. */
static int open_directory(const char *path, int flags) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags), r;

        if (fd >= 0)
                return fd;
        r = -errno;
        show_error("cannot use the directory %s: %s", path, strerror(-r));
        return r;
}

static int get_file(const Copier *c, const char *path, const char *local) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *name;
        int r;

        r = find_landing(local, path, &directory, &name);
        if (r < 0) {
                show_error("out of memory");
                return r;
        }
        fd = open_directory(directory, 0);
        return fd < 0 ? fd : copy_get(c, path, fd, directory, name, NULL);
}

/* path and name as of parse_directory(). */
static int get_directory(const Copier *c, const char *path, const char *name, const char *local) {
        struct stat st;
        bool is_inside = name && stat(local, &st) == 0 && S_ISDIR(st.st_mode);
        _cleanup_free_ char *target = is_inside ? tree_join(local, name) : strdup(local);
        _cleanup_close_ int fd = -EBADF;
        size_t n_failed = 0;
        int r;

        if (!target) {
                show_error("out of memory");
                return -ENOMEM;
        }
        if (mkdir(target, 0777) < 0 && errno != EEXIST) {
                r = -errno;
                show_error("cannot make the directory %s: %s", target, strerror(-r));
                return r;
        }
        /* what the user named may be a link; what a sandbox named must not */
        fd = open_directory(target, is_inside ? O_NOFOLLOW : 0);
        if (fd < 0)
                return fd;
        r = tree_get(c, path, fd, target, &n_failed);
        return judge(r, n_failed);
}

static int get(const Copier *c, const char *path, const char *local) {
        const char *name = NULL;
        _cleanup_free_ char *directory = parse_directory(path, &name);
        int r;

        if (!directory) {
                show_error("out of memory");
                return -ENOMEM;
        }
        r = find_kind(c, directory[0] ? directory : ".");
        if (r < 0)
                return r;
        return r == KIND_DIRECTORY ? get_directory(c, directory, name, local)
                                   : get_file(c, path, local);
}

/* Connects to whoever has the sandbox. Returns 0 or -errno, told. */
static int find_session(const char *name, Address *address, Session *s) {
        int fd, r;

        if (!control_name_is_good(name)) {
                show_error("%s is no name of a sandbox", name);
                return -EINVAL;
        }
        r = control_name_find(name, &address->path);
        if (r < 0) {
                show_error("%s", r == -ENXIO ? "XDG_RUNTIME_DIR is not set, so no name is known"
                                             : "out of memory");
                return r;
        }
        fd = address_connect(address->path);
        if (fd == -ENOENT || fd == -ECONNREFUSED)
                show_error("there is no sandbox %s; \"cloche shell --name %s\" makes one", name,
                           name);
        else if (fd < 0)
                show_error("cannot reach %s: %s", address->path, strerror(-fd));
        if (fd < 0)
                return fd;
        s->address = address;
        r = connection_new(&s->connection, fd);
        return r < 0 ? r : session_take_signals(s);
}

static int copy(const Place *from, const Place *to) {
        _cleanup_address_ Address address = { 0 };
        _cleanup_session_ Session s = SESSION_NONE;
        Copier copier = { .session = &s };
        int r;

        if (from->name && !from->path[0]) {
                show_error("say which file of %s to copy; \"%s:.\" is all of /work", from->name,
                           from->name);
                return OUTCOME_FAILED;
        }
        r = find_session(from->name ? from->name : to->name, &address, &s);
        if (r >= 0)
                r = from->name ? get(&copier, from->path, to->path)
                               : put(&copier, from->path, to->path);
        if (r == -EINTR && s.signo > 0)
                return OUTCOME_SIGNAL_BASE + s.signo;
        return r < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

static int command_cp(AddressHints *hints, int argc, char **argv) {
        static const struct option options[] = { COMMON_OPTIONS, { 0 } };
        _cleanup_(place_done) Place from = { 0 };
        _cleanup_(place_done) Place to = { 0 };
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                r = command_take_common(c, hints, help);
                if (r >= 0)
                        return r;
        }
        if (argc - optind != 2) {
                show_error("say what to copy and where to: cloche cp FILE NAME:PATH, or cloche cp "
                           "NAME:PATH FILE");
                return OUTCOME_FAILED;
        }
        if (parse_place(argv[optind], &from) < 0 || parse_place(argv[optind + 1], &to) < 0) {
                show_error("out of memory");
                return OUTCOME_FAILED;
        }
        if (!from.name == !to.name) {
                show_error("one of the two, and not both, is in a sandbox: NAME:PATH");
                return OUTCOME_FAILED;
        }
        return copy(&from, &to);
}

const Verb verb_cp = { "cp", "Copy files into a sandbox or out of one", command_cp };

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche cp: a file into a sandbox that runs under a name, or out of it, with podman cp's words. The
 * cloche that has the sandbox is asked, in the service's own protocol (control.h), because nobody
 * else can: a sandbox belongs to one connection. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "client/command-cp.h"
#include "client/control-name.h"
#include "client/copy.h"
#include "client/landing.h"
#include "client/match.h"
#include "client/outcome.h"
#include "client/show.h"

static const char help[] =
        "Usage: cloche cp [OPTION…] FILE NAME:[PATH]\n"
        "       cloche cp [OPTION…] NAME:PATH FILE\n"
        "\n"
        "Copies a file into a sandbox, or out of one, while \"cloche shell --name NAME\" or\n"
        "\"cloche run --name NAME\" has it. PATH is relative to /work. A directory as the\n"
        "destination gets a file of the same name.\n"
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

/* Whether path of the sandbox is a directory. Returns 1, 0 also when there is nothing, -errno, told. */
static int is_directory(const Copier *c, const char *path) {
        _cleanup_json_ json_object *params = NULL, *result = NULL, *error = NULL;
        int r;

        r = copy_format(c, path, &params);
        if (r >= 0)
                r = session_call(c->session, "file.list", TAKE_PTR(params), &result, &error);
        if (r >= 0)
                return 1;
        if (r == -EREMOTEIO) {
                const char *reason = session_reason_of(error);

                if (strcmp(reason, "file_not_found") == 0 || strcmp(reason, "not_a_directory") == 0)
                        return 0;
        }
        (void)session_tell(c->session, r, error);
        return r;
}

static int put(const Copier *c, const char *local, const char *path) {
        _cleanup_close_ int fd = open(local, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *inside = NULL;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                show_error("cannot read %s: %s", local, strerror(-r));
                return r;
        }
        if (S_ISDIR(st.st_mode)) {
                show_error("%s is a directory; copy its files one by one, or an archive", local);
                return -EISDIR;
        }
        if (!path[0] || path[strlen(path) - 1] == '/')
                r = 1;
        else
                r = is_directory(c, path);
        if (r < 0)
                return r;
        if (r > 0) {
                const char *slash = !path[0] || path[strlen(path) - 1] == '/' ? "" : "/";

                if (asprintf(&inside, "%s%s%s", path, slash, landing_name_of(local)) < 0) {
                        inside = NULL;
                        show_error("out of memory");
                        return -ENOMEM;
                }
        }
        return copy_put(c, fd, local, inside ? inside : path,
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

static int get(const Copier *c, const char *path, const char *local) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *name;
        int r;

        r = find_landing(local, path, &directory, &name);
        if (r < 0) {
                show_error("out of memory");
                return r;
        }
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                r = -errno;
                show_error("cannot use the directory %s: %s", directory, strerror(-r));
                return r;
        }
        r = is_directory(c, path);
        if (r > 0) {
                show_error("%s is a directory; copy its files one by one, or an archive", path);
                return -EISDIR;
        }
        return r < 0 ? r : copy_get(c, path, fd, directory, name, NULL);
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

        if (from->name && !landing_name_of(from->path)[0]) {
                show_error("say which file of %s to copy", from->name);
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

const Verb verb_cp = { "cp", "Copy a file into a sandbox or out of one", command_cp };

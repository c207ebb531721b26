/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "crun start" looks whether its container's first process is alive, and some milliseconds later
 * opens a fifo for it to read. Where the process is killed in between, the open never returns.
 * Podman waits for it and holds the container's lock meanwhile, so every command on that store that
 * comes to this container hangs, for ever. Where Podman itself was killed too, nobody waits, but
 * the runtime stays. So the runtime is ended by us once there is nothing to start any more.
 *
 * Podman's service spawns conmon and the runtime into its own cgroup, and there they are looked
 * for, by their command lines. A number may be given to a stranger at any time; so a process is
 * held by a pidfd before anything of it is read, and proven to be alive after. The cgroup is the
 * neighbour of ours: both are units of the same manager and slice. Elsewhere nothing is found, and
 * nothing is killed.
 *
 * The directories are those of every Podman and crun that was not configured otherwise; elsewhere
 * there is nothing to remove and nothing is. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/cgroup.h"
#include "launcher/conmon.h"

#define SERVICE_CGROUP "cloche-podman.service"
#define COMMAND_SIZE   16384 /* conmon's is about 3000 bytes; a longer one is nobody we look for */

DEFINE_CLEANUP(FILE, fclose)

static bool is_container_id(const char *s) {
        return strlen(s) == CONTAINER_ID_SIZE - 1 &&
               strspn(s, "0123456789abcdef") == CONTAINER_ID_SIZE - 1;
}

/* -- by descent ------------------------------------------------------------------------------ */

int conmon_open(pid_t guest) {
        char path[64], text[512];
        _cleanup_close_ int fd = -EBADF;
        const char *end;
        ssize_t n;
        int parent, pidfd;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)guest);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -ESRCH;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -ESRCH;
        text[n] = 0;

        /* "PID (NAME) STATE PPID …", and a name may hold anything */
        end = strrchr(text, ')');
        if (!end || sscanf(end + 1, " %*c %d", &parent) != 1 || parent <= 1)
                return -ESRCH;
        pidfd = pidfd_open(parent, 0);
        return pidfd < 0 ? -errno : pidfd;
}

/* -- by command line ------------------------------------------------------------------------- */

typedef struct Command {
        char text[COMMAND_SIZE]; /* words, each with its NUL */
        size_t size;
} Command;

/* The word after this one; the first for NULL; NULL at the end. */
static const char *next_word(const Command *c, const char *word) {
        const char *next = word ? word + strlen(word) + 1 : c->text;

        return next < c->text + c->size ? next : NULL;
}

/* The word behind an option of one word, or NULL. */
static const char *find_option(const Command *c, const char *option) {
        for (const char *w = next_word(c, NULL); w; w = next_word(c, w))
                if (strcmp(w, option) == 0)
                        return next_word(c, w);
        return NULL;
}

/* "conmon … -c ID … -n NAME …" */
static bool is_monitor(const Command *c, const void *name) {
        const char *id = find_option(c, "-c"), *value = find_option(c, "-n");

        return id && is_container_id(id) && value && strcmp(value, name) == 0;
}

/* The container of "crun … create … ID" or "crun … start ID", or NULL for anything else. */
static const char *find_runtime_container(const Command *c) {
        const char *last = NULL;
        bool has_verb = false;

        for (const char *w = next_word(c, NULL); w; w = next_word(c, w)) {
                has_verb = has_verb || strcmp(w, "create") == 0 || strcmp(w, "start") == 0;
                last = w;
        }
        return has_verb && is_container_id(last) ? last : NULL;
}

static int read_command(pid_t pid, Command *c) {
        char path[64];
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -ESRCH;
        n = read(fd, c->text, sizeof(c->text));
        if (n <= 0 || (size_t)n == sizeof(c->text) || c->text[n - 1] != 0)
                return -ESRCH;
        c->size = (size_t)n;
        return 0;
}

/* The processes of Podman's service, and its cgroup's path. */
static int open_service(FILE **ret, char **ret_path) {
        _cleanup_free_ char *own = NULL, *path = NULL;
        _cleanup_close_ int dir = -EBADF, fd = -EBADF;
        char *slash;
        int r;

        r = cgroup_of_pid(0, &own);
        if (r < 0)
                return r;
        slash = strrchr(own, '/');
        if (!slash)
                return -EBADMSG;
        *slash = 0;
        if (asprintf(&path, "%s/" SERVICE_CGROUP, own) < 0)
                return -ENOMEM;
        dir = cgroup_open(path);
        if (dir < 0)
                return dir;
        fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret = fdopen(fd, "re");
        if (!*ret)
                return -errno;
        (void)TAKE_FD(fd);
        *ret_path = TAKE_PTR(path);
        return 0;
}

static bool is_in_cgroup(pid_t pid, const char *path) {
        _cleanup_free_ char *cgroup = NULL;

        return cgroup_of_pid(pid, &cgroup) >= 0 && strcmp(cgroup, path) == 0;
}

/* A pidfd of the next process of the service that this is true of; c gets its command line. */
static int find_next(FILE *procs, const char *path,
                     bool (*is_it)(const Command *c, const void *what), const void *what,
                     Command *c) {
        int pid;

        while (fscanf(procs, "%d", &pid) == 1) {
                _cleanup_close_ int pidfd = pid > 0 ? pidfd_open(pid, 0) : -EBADF;

                if (pidfd < 0 || read_command(pid, c) < 0 || !is_it(c, what) ||
                    !is_in_cgroup(pid, path))
                        continue;
                if (poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 0) == 0)
                        return TAKE_FD(pidfd); /* alive, so the number was its own all the time */
        }
        return -ESRCH;
}

int conmon_find(const char *name, char ret_container[static CONTAINER_ID_SIZE]) {
        _cleanup_(fclosep) FILE *procs = NULL;
        _cleanup_free_ char *path = NULL;
        Command c;
        int r;

        r = open_service(&procs, &path);
        if (r < 0)
                return r;
        r = find_next(procs, path, is_monitor, name, &c);
        if (r >= 0)
                memcpy(ret_container, find_option(&c, "-c"), CONTAINER_ID_SIZE);
        return r;
}

static int end_all(bool (*is_it)(const Command *c, const void *what), const void *what) {
        _cleanup_(fclosep) FILE *procs = NULL;
        _cleanup_free_ char *path = NULL;
        Command c;
        int r, pidfd, n = 0;

        r = open_service(&procs, &path);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        while ((pidfd = find_next(procs, path, is_it, what, &c)) >= 0) {
                if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
                        n++;
                close_fd(pidfd);
        }
        return n;
}

static bool is_runtime(const Command *c, const void *container) {
        const char *found = find_runtime_container(c);

        return found && strcmp(found, container) == 0;
}

int conmon_end_runtime(const char *container) {
        return is_container_id(container) ? end_all(is_runtime, container) : 0;
}

typedef struct Known {
        conmon_is_known_t is_known;
        const void *userdata;
} Known;

static bool is_strange_runtime(const Command *c, const void *what) {
        const char *found = find_runtime_container(c);
        const Known *known = what;

        return found && !known->is_known(found, known->userdata);
}

int conmon_end_strange_runtimes(conmon_is_known_t is_known, const void *userdata) {
        return end_all(is_strange_runtime, &(Known){ .is_known = is_known, .userdata = userdata });
}

/* -- files ----------------------------------------------------------------------------------- */

/* A directory with nothing but files in it, or one file. */
static void remove_path(const char *path) {
        struct dirent *e;
        DIR *dir;

        if (unlink(path) == 0)
                return;
        dir = opendir(path);
        if (!dir)
                return;
        while ((e = readdir(dir)))
                (void)unlinkat(dirfd(dir), e->d_name, 0);
        (void)closedir(dir);
        (void)rmdir(path);
}

void conmon_sweep(bool system_mode, const char *container) {
        static const char *const in_system[] = { "/libpod/persist", "/libpod/exits", "/crun" };
        static const char *const in_user[] = { "/libpod/tmp/persist", "/libpod/tmp/exits",
                                               "/crun" };
        const char *top = system_mode ? "/run" : getenv("XDG_RUNTIME_DIR");

        if (!is_container_id(container) || !top)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(in_system); i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s%s/%s", top, (system_mode ? in_system : in_user)[i],
                             container) >= 0)
                        remove_path(path);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The directory in the container's cgroup is the leaf; what is kept here beside it is only who
 * waits for it, and how many forks the scope had refused before the code came. So a launcher that takes
 * over finds every leaf by its name.
 *
 * Who may lie: the handler, about pids and about numbers. A process is moved only if it lives in
 * this very container before the move and is the same one afterwards, so a handler can shuffle about
 * the processes of its own sandboxes and no others; the guest never leaves its leaf, and a leaf that
 * is being killed takes nobody in.
 *
 * What is counted where: memory, its peak and its kills belong to the leaf of the process. A fork
 * that is refused is counted by older kernels where it was tried, in the leaf, and from 6.11 on
 * where the limit is, in the scope: so the two are added, the scope's as a difference, from the moment on
 * that the last process was placed: before that, a stand-in may have waited for its code. An execution
 * beside another one may then be told of the other's failed fork; the limit is the sandbox's. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/cgroup.h"
#include "launcher/leaf.h"

#define KILL_AGAIN_USEC (200 * USEC_PER_MSEC)
#define LEAF_PREFIX     "exec-"

/* below the scope's cgroup */
#define CONTAINER_PATH_SIZE (sizeof("libpod-") + sizeof(((Sandbox *)NULL)->container_id))
#define LEAF_PATH_SIZE      (CONTAINER_PATH_SIZE + sizeof("/" LEAF_PREFIX "4294967295"))

struct Leaf {
        Sandbox *sandbox;
        Leaf *next;
        uint32_t exec;
        char path[LEAF_PATH_SIZE];
        uint64_t forks_failed_before; /* in the scope */
        bool killed;
        LauncherUsage usage; /* until it was killed */
        uint64_t give_up_usec;
        uint64_t waiting[LEAF_WAITING_MAX]; /* serials */
        size_t n_waiting;
        sd_event_source *empty_watch;
        sd_event_source *timer;
};

/* Whether that is an error because the cgroup does not exist any more. */
static bool is_gone(int error) {
        return error == -ENOENT || error == -ENODEV;
}

static void format_container(const Sandbox *s, char path[static CONTAINER_PATH_SIZE]) {
        (void)snprintf(path, CONTAINER_PATH_SIZE, "libpod-%s", s->container_id);
}

static int open_guest(const Sandbox *s) {
        char path[LEAF_PATH_SIZE];

        (void)snprintf(path, sizeof(path), "libpod-%s/guest", s->container_id);
        return cgroup_open_below(s->cgroup_fd, path);
}

static Leaf *leaf_new(Sandbox *s, uint32_t exec) {
        Leaf *l = calloc(1, sizeof(*l));

        if (!l)
                return NULL;
        *l = (Leaf){
                .sandbox = s,
                .next = s->leaves,
                .exec = exec,
                .forks_failed_before = cgroup_count_failed_forks(s->cgroup_fd),
        };
        (void)snprintf(l->path, sizeof(l->path), "libpod-%s/" LEAF_PREFIX "%" PRIu32,
                       s->container_id, exec);
        s->leaves = l;
        return l;
}

static void leaf_free(Leaf *l) {
        for (Leaf **p = &l->sandbox->leaves; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        break;
                }
        sd_event_source_disable_unref(l->empty_watch);
        sd_event_source_disable_unref(l->timer);
        free(l);
}

void leaf_free_all(Sandbox *s) {
        while (s->leaves)
                leaf_free(s->leaves);
}

static Leaf *find(Sandbox *s, uint32_t exec) {
        for (Leaf *l = s->leaves; l; l = l->next)
                if (l->exec == exec)
                        return l;
        return NULL;
}

/* -- before the first execution --------------------------------------------------------------- */

int leaf_prepare(const Sandbox *s, pid_t guest) {
        _cleanup_close_ int fd = -EBADF;
        char path[CONTAINER_PATH_SIZE];
        int r;

        format_container(s, path);
        fd = cgroup_open_below(s->cgroup_fd, path);
        if (fd < 0)
                return fd;
        r = cgroup_move_to_leaf(fd, "guest", guest);
        return r < 0 ? r : cgroup_enable_controllers(fd);
}

int leaf_adopt_all(Sandbox *s) {
        char path[CONTAINER_PATH_SIZE];
        struct dirent *e;
        DIR *dir;
        int fd, r = 0;

        format_container(s, path);
        fd = cgroup_open_below(s->cgroup_fd, path);
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                close_fd(fd);
                return 0; /* it died, and will be found dead */
        }
        while (r == 0 && (e = readdir(dir))) {
                unsigned long exec;
                char *end;

                if (strncmp(e->d_name, LEAF_PREFIX, strlen(LEAF_PREFIX)) != 0)
                        continue;
                exec = strtoul(e->d_name + strlen(LEAF_PREFIX), &end, 10);
                if (*end == 0 && exec >= 1 && exec <= UINT32_MAX && !leaf_new(s, (uint32_t)exec))
                        r = -ENOMEM;
        }
        (void)closedir(dir);
        return r;
}

int leaf_is_guest_oom_killed(const Sandbox *s) {
        _cleanup_close_ int fd = open_guest(s);
        LauncherUsage usage;
        int r;

        if (fd < 0)
                return fd;
        r = cgroup_read_usage(fd, &usage);
        return r < 0 ? r : usage.oom_kills > 0;
}

/* -- PLACE ----------------------------------------------------------------------------------- */

/* Returns a pidfd of a living process of the container that may be moved, or -errno: -ESRCH when it
 * is none. */
static int open_process(const Sandbox *s, pid_t pid) {
        _cleanup_close_ int pidfd = -EBADF;
        _cleanup_free_ char *cgroup = NULL, *container = NULL;

        if (pid == s->guest_pid)
                return -ESRCH;
        pidfd = cgroup_open_process(pid, &cgroup);
        if (pidfd < 0)
                return pidfd;
        if (asprintf(&container, "%s/libpod-%s", s->cgroup, s->container_id) < 0)
                return -ENOMEM;
        return cgroup_contains(container, cgroup) ? TAKE_FD(pidfd) : -ESRCH;
}

int leaf_place(Sandbox *s, uint32_t exec, pid_t pid) {
        _cleanup_close_ int pidfd = -EBADF;
        Leaf *l = find(s, exec);
        bool is_new = !l;
        size_t n = 0;
        int r;

        if (l && l->killed)
                return LEAF_E_ENDING;
        for (const Leaf *i = s->leaves; i; i = i->next)
                n++;
        if (is_new && n >= LEAVES_MAX)
                return LEAF_E_TOO_MANY;

        pidfd = open_process(s, pid);
        if (pidfd < 0)
                return pidfd == -ESRCH ? LEAF_E_FOREIGN : pidfd;
        if (is_new)
                l = leaf_new(s, exec);
        else
                l->forks_failed_before = cgroup_count_failed_forks(s->cgroup_fd);
        if (!l)
                return -ENOMEM;
        r = cgroup_move_to_leaf(s->cgroup_fd, l->path, pid);
        if (r >= 0 && !cgroup_process_is_alive(pidfd))
                r = -ESRCH;
        if (r < 0 && is_new && unlinkat(s->cgroup_fd, l->path, AT_REMOVEDIR) == 0)
                leaf_free(l); /* else it was quick, and what it has forked is there */
        return r == -ESRCH ? LEAF_E_FOREIGN : r;
}

/* -- END ------------------------------------------------------------------------------------- */

/* Returns whether anything lives in the leaf. */
static bool read_leaf(const Leaf *l, LauncherUsage *ret_usage, uint32_t *ret_left) {
        _cleanup_close_ int fd = cgroup_open_below(l->sandbox->cgroup_fd, l->path);
        bool is_populated = fd >= 0 ? cgroup_is_populated(fd) : !is_gone(fd);
        uint64_t forks_failed = cgroup_count_failed_forks(l->sandbox->cgroup_fd);

        *ret_usage = (LauncherUsage){};
        if (fd >= 0)
                (void)cgroup_read_usage(fd, ret_usage);
        if (forks_failed > l->forks_failed_before)
                ret_usage->forks_failed += forks_failed - l->forks_failed_before;
        /* the count has the dead whom nobody has waited for yet; they are not left */
        *ret_left = fd >= 0 && is_populated ? (uint32_t)cgroup_count_tasks(fd) : 0;
        return is_populated;
}

static void tell_waiting(Leaf *l, uint32_t left) {
        Sandbox *s = l->sandbox;

        for (size_t i = 0; i < l->n_waiting; i++)
                s->events->ended(s, l->waiting[i], left, &l->usage, s->userdata);
        l->n_waiting = 0;
}

static void finish(Leaf *l) {
        Sandbox *s = l->sandbox;

        if (unlinkat(s->cgroup_fd, l->path, AT_REMOVEDIR) < 0 && !is_gone(-errno))
                log_warning(errno, "Cannot remove %s of %s, leaving it to the end of the sandbox",
                            l->path, s->scope_name);
        tell_waiting(l, 0);
        leaf_free(l);
}

static int on_empty(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                    void *userdata) {
        if (!cgroup_read_events(fd))
                finish(userdata);
        return 0;
}

static int add_watch(Leaf *l, bool *ret_is_populated) {
        _cleanup_close_ int dir_fd = cgroup_open_below(l->sandbox->cgroup_fd, l->path);
        _cleanup_close_ int fd = dir_fd < 0 ? dir_fd : cgroup_open_events(dir_fd);
        int r;

        if (fd < 0)
                return fd;
        *ret_is_populated = cgroup_read_events(fd);
        r = sd_event_add_io(l->sandbox->manager->event, &l->empty_watch, fd, EPOLLPRI, on_empty, l);
        if (r < 0)
                return r;
        (void)sd_event_source_set_io_fd_own(l->empty_watch, 1);
        (void)TAKE_FD(fd);
        return 0;
}

/* Has the leaf removed when it is empty, at once when it is. */
static void remove_when_empty(Leaf *l) {
        bool is_populated = true;
        int r = 0;

        if (!l->empty_watch)
                r = add_watch(l, &is_populated);
        if (is_gone(r) || !is_populated)
                finish(l);
        else if (r < 0)
                log_warning(r, "Cannot watch %s of %s, leaving it to the end of the sandbox",
                            l->path, l->sandbox->scope_name);
}

static int on_kill_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void kill_once(Leaf *l) {
        _cleanup_close_ int fd = cgroup_open_below(l->sandbox->cgroup_fd, l->path);
        int r;

        r = fd < 0 ? fd : cgroup_kill(fd);
        if (r < 0 && !is_gone(r))
                log_warning(r, "Cannot kill %s of %s, trying again", l->path,
                            l->sandbox->scope_name);
        l->timer = sd_event_source_disable_unref(l->timer);
        r = sd_event_add_time_relative(l->sandbox->manager->event, &l->timer, CLOCK_MONOTONIC,
                                       KILL_AGAIN_USEC, USEC_PER_MSEC, on_kill_timer, l);
        if (r < 0)
                log_warning(r, "Cannot wait for the end of %s of %s", l->path,
                            l->sandbox->scope_name);
}

static int on_kill_timer(sd_event_source *source _unused_, uint64_t usec, void *userdata) {
        Leaf *l = userdata;
        LauncherUsage ignored;
        uint32_t left;

        if (!read_leaf(l, &ignored, &left))
                finish(l);
        else if (usec < l->give_up_usec)
                kill_once(l);
        else {
                l->timer = sd_event_source_disable_unref(l->timer);
                log_warning(0, "%s of %s was killed, but %" PRIu32 " tasks are left", l->path,
                            l->sandbox->scope_name, left);
                tell_waiting(l, left);
        }
        return 0;
}

/* Its end is told when it has come. */
static void begin_kill(Leaf *l, uint64_t serial) {
        uint64_t now = 0;

        l->waiting[l->n_waiting++] = serial;
        l->killed = true;
        (void)sd_event_now(l->sandbox->manager->event, CLOCK_MONOTONIC, &now);
        l->give_up_usec = now + EMPTY_TIMEOUT_USEC;
        kill_once(l);
        remove_when_empty(l);
}

int leaf_end(Sandbox *s, uint32_t exec, bool kill, uint64_t serial) {
        Leaf *l = find(s, exec);
        LauncherUsage usage;
        uint32_t left;

        if (!l)
                return LEAF_E_UNKNOWN;
        if (kill && l->n_waiting >= LEAF_WAITING_MAX)
                return LEAF_E_TOO_MANY;
        (void)read_leaf(l, &usage, &left);
        if (!l->killed)
                l->usage = usage;
        if (kill) {
                begin_kill(l, serial);
                return LEAF_DONE;
        }
        s->events->ended(s, serial, left, &usage, s->userdata);
        remove_when_empty(l);
        return LEAF_DONE;
}

void leaf_end_all(Sandbox *s) {
        for (Leaf *l = s->leaves; l; l = l->next)
                tell_waiting(l, 0);
        leaf_free_all(s);
}

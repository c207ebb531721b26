/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of cgroup v2, read and written whole. A directory descriptor is kept per sandbox, so that a
 * path that systemd reuses or removes can never be mistaken for ours: once the cgroup is gone,
 * every access through the descriptor says ENODEV (or ENOENT), and that is an answer, not a fault.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "launcher/cgroup.h"

#define CGROUP_ROOT      "/sys/fs/cgroup"
#define CGROUP_FILE_SIZE 4096 /* longest file read here; all are a few lines */
#define REMOVE_DEPTH_MAX \
        4 /* below a scope: containers, their leaves, and room for what is not ours */

/* Reads a small file of the cgroup. Returns its length or -errno. */
static ssize_t read_file(int dir_fd, const char *name, char buffer[static CGROUP_FILE_SIZE]) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT ? -ENODEV : -errno;
        n = read(fd, buffer, CGROUP_FILE_SIZE - 1);
        if (n < 0)
                return -errno;
        buffer[n] = 0;
        return n;
}

static int write_file(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return errno == ENOENT ? -ENODEV : -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The number behind "key " at the start of a line, 0 when there is none. */
static uint64_t find_key(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; line && *line;) {
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return strtoull(line + n + 1, NULL, 10);
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        return 0;
}

/* Sums every "key=NUMBER" of a file, as in io.stat with its line a device. */
static uint64_t sum_key(const char *text, const char *key) {
        uint64_t sum = 0;
        size_t n = strlen(key);

        for (const char *p = strstr(text, key); p; p = strstr(p + n, key))
                if (p[n] == '=')
                        sum += strtoull(p + n + 1, NULL, 10);
        return sum;
}

int cgroup_of_pid(pid_t pid, char **ret) {
        char path[64], text[CGROUP_FILE_SIZE];
        char *end, *copy;

        (void)snprintf(path, sizeof(path), pid == 0 ? "self/cgroup" : "%d/cgroup", (int)pid);
        {
                _cleanup_close_ int proc = open("/proc", O_DIRECTORY | O_PATH | O_CLOEXEC);
                ssize_t n;

                if (proc < 0)
                        return -errno;
                n = read_file(proc, path, text);
                if (n < 0)
                        return n == -ENODEV ? -ESRCH : (int)n;
        }
        end = strchr(text, '\n');
        if (strncmp(text, "0::/", 4) != 0 || !end || end[1])
                return -EBADMSG;
        *end = 0;
        copy = strdup(text + 3);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

bool cgroup_process_is_alive(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) == 0;
}

int cgroup_open_process(pid_t pid, char **ret_cgroup) {
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        _cleanup_free_ char *cgroup = NULL;
        int r;

        if (pidfd < 0) /* of a thread: EINVAL, later ENOENT */
                return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
        r = cgroup_of_pid(pid, &cgroup);
        if (r < 0)
                return r;
        if (!cgroup_process_is_alive(pidfd))
                return -ESRCH;
        *ret_cgroup = TAKE_PTR(cgroup);
        return TAKE_FD(pidfd);
}

int cgroup_open(const char *path) {
        _cleanup_free_ char *full = NULL;
        int fd;

        if (asprintf(&full, CGROUP_ROOT "%s", path) < 0)
                return -ENOMEM;
        fd = open(full, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

int cgroup_open_below(int dir_fd, const char *path) {
        int fd = openat(dir_fd, path, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

int cgroup_move_to_leaf(int dir_fd, const char *leaf, pid_t pid) {
        _cleanup_close_ int leaf_fd = -EBADF;
        char text[32];

        if (mkdirat(dir_fd, leaf, 0755) < 0 && errno != EEXIST)
                return -errno;
        leaf_fd = cgroup_open_below(dir_fd, leaf);
        if (leaf_fd < 0)
                return leaf_fd;
        (void)snprintf(text, sizeof(text), "%d", (int)pid);
        return write_file(leaf_fd, "cgroup.procs", text);
}

/* Whether a word stands in a line of words. */
static bool has_word(const char *line, const char *word) {
        size_t n = strlen(word);

        for (const char *p = line; *p; p += strcspn(p, " \n")) {
                p += strspn(p, " \n");
                if (strcspn(p, " \n") == n && strncmp(p, word, n) == 0)
                        return true;
        }
        return false;
}

int cgroup_enable_controllers(int dir_fd) {
        static const char *const wanted[] = { "memory", "pids", "cpu", "io" };
        char text[CGROUP_FILE_SIZE], line[64];
        size_t n = 0;
        ssize_t r;

        r = read_file(dir_fd, "cgroup.controllers", text);
        if (r < 0)
                return (int)r;
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                if (has_word(text, wanted[i]))
                        n += (size_t)snprintf(line + n, sizeof(line) - n, "+%s ", wanted[i]);
        return n > 0 ? write_file(dir_fd, "cgroup.subtree_control", line) : 0;
}

bool cgroup_contains(const char *cgroup, const char *path) {
        size_t n = strlen(cgroup);

        return strncmp(path, cgroup, n) == 0 && (path[n] == 0 || path[n] == '/');
}

int cgroup_read_usage(int dir_fd, LauncherUsage *ret) {
        char text[CGROUP_FILE_SIZE];
        LauncherUsage u = {};

        *ret = u;
        if (read_file(dir_fd, "cpu.stat", text) < 0)
                return -ENODEV;
        u.cpu_user_usec = find_key(text, "user_usec");
        u.cpu_system_usec = find_key(text, "system_usec");
        if (read_file(dir_fd, "memory.peak", text) >= 0)
                u.memory_peak_bytes = strtoull(text, NULL, 10);
        if (read_file(dir_fd, "pids.peak", text) >= 0)
                u.tasks_peak = strtoull(text, NULL, 10);
        if (read_file(dir_fd, "memory.events", text) >= 0)
                u.oom_kills = find_key(text, "oom_kill");
        u.forks_failed = cgroup_count_failed_forks(dir_fd);
        if (read_file(dir_fd, "io.stat", text) >= 0) {
                u.io_read_bytes = sum_key(text, "rbytes");
                u.io_write_bytes = sum_key(text, "wbytes");
        }
        *ret = u;
        return 0;
}

uint64_t cgroup_count_failed_forks(int dir_fd) {
        char text[CGROUP_FILE_SIZE];

        return read_file(dir_fd, "pids.events", text) >= 0 ? find_key(text, "max") : 0;
}

uint64_t cgroup_count_tasks(int dir_fd) {
        char text[CGROUP_FILE_SIZE];

        return read_file(dir_fd, "pids.current", text) >= 0 ? strtoull(text, NULL, 10) : 0;
}

int cgroup_open_events(int dir_fd) {
        int fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

bool cgroup_read_events(int events_fd) {
        char text[CGROUP_FILE_SIZE];
        ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                return false;
        text[n] = 0;
        return find_key(text, "populated") > 0;
}

bool cgroup_is_populated(int dir_fd) {
        char text[CGROUP_FILE_SIZE];

        return read_file(dir_fd, "cgroup.events", text) >= 0 && find_key(text, "populated") > 0;
}

int cgroup_kill(int dir_fd) {
        int r = write_file(dir_fd, "cgroup.kill", "1");

        return r == -ENODEV ? 0 : r;
}

/* Bounded, as every recursion here. fd is consumed. */
static void remove_below(int fd, unsigned depth) {
        struct dirent *e;
        DIR *dir;

        dir = fdopendir(fd);
        if (!dir) {
                close_fd(fd);
                return;
        }
        while ((e = readdir(dir))) {
                int child;

                if (e->d_type != DT_DIR || e->d_name[0] == '.')
                        continue;
                child = depth > 1 ? cgroup_open_below(fd, e->d_name) : -EBADF;
                if (child >= 0)
                        remove_below(child, depth - 1);
                (void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
        }
        (void)closedir(dir);
}

void cgroup_remove(const char *path) {
        int fd = cgroup_open(path);
        _cleanup_free_ char *full = NULL;

        if (fd < 0)
                return;
        remove_below(fd, REMOVE_DEPTH_MAX);
        if (asprintf(&full, CGROUP_ROOT "%s", path) >= 0)
                (void)rmdir(full);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files live like the socket beside them (birth.c): they are there when Podman is asked for the
 * container, and when its guest has connected they are mounted, so that their names can go. The
 * mounts keep them from then on, and they end with the sandbox whatever happens to the launcher. One
 * that dies before that leaves names, which its successor removes (recovery.c).
 *
 * Everybody may read them, because in the container they belong to nobody; the directory they are in
 * is the launcher's. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/numbers-file.h"

typedef enum Kind {
        KIND_MEMINFO,
        KIND_STAT,
        KIND_CPUINFO,
        KIND_ONLINE,
        KIND_MAX,
} Kind;

static const char *const suffixes[KIND_MAX] = {
        [KIND_MEMINFO] = "meminfo",
        [KIND_STAT] = "stat",
        [KIND_CPUINFO] = "cpuinfo",
        [KIND_ONLINE] = "online",
};

static const struct {
        const char *path;
        Kind kind;
} places[NUMBERS_FILES_MAX] = {
        { "/proc/meminfo",                    KIND_MEMINFO },
        { "/proc/stat",                       KIND_STAT    },
        { "/proc/cpuinfo",                    KIND_CPUINFO },
        { "/sys/devices/system/cpu/online",   KIND_ONLINE  },
        { "/sys/devices/system/cpu/possible", KIND_ONLINE  },
        { "/sys/devices/system/cpu/present",  KIND_ONLINE  },
};

static inline void cleanup_stream(FILE **f) {
        if (*f)
                (void)fclose(*f);
}
#define _cleanup_stream_ _cleanup_(cleanup_stream)

void numbers_file_measure(unsigned *ret_cpus, uint64_t *ret_bytes) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES),
             size = sysconf(_SC_PAGESIZE);

        *ret_cpus = cpus > 0 ? (unsigned)cpus : 1;
        *ret_bytes = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

/* As the kernel has it in its own /proc/stat: the two clocks go on together. */
static uint64_t boot_sec(void) {
        struct timespec real = {}, boot = {};

        (void)clock_gettime(CLOCK_REALTIME, &real);
        (void)clock_gettime(CLOCK_BOOTTIME, &boot);
        return (uint64_t)(real.tv_sec - boot.tv_sec - (real.tv_nsec < boot.tv_nsec));
}

static int write_kind(Kind kind, const Numbers *n, FILE *to) {
        _cleanup_stream_ FILE *machine = NULL;

        switch (kind) {
        case KIND_MEMINFO:
                return numbers_write_meminfo(n, to);
        case KIND_STAT:
                return numbers_write_stat(n, boot_sec(), to);
        case KIND_CPUINFO:
                machine = fopen("/proc/cpuinfo", "re");
                return machine ? numbers_write_cpuinfo(n, machine, to) : -errno;
        case KIND_ONLINE:
                return numbers_write_online(n, to);
        case KIND_MAX:
        default:
                return -EINVAL;
        }
}

static int make_kind(const char *path, Kind kind, const Numbers *n) {
        _cleanup_free_ char *text = NULL, *name = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_stream_ FILE *to = NULL;
        int r;

        if (asprintf(&name, "%s.%s", path, suffixes[kind]) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
        if (fd < 0 || fchmod(fd, 0444) < 0) /* whatever the umask is */
                return -errno;
        to = fdopen(fd, "w");
        if (!to)
                return -errno;
        (void)TAKE_FD(fd);
        r = write_kind(kind, n, to);
        if (r < 0)
                return r;
        return fclose(TAKE_PTR(to)) == 0 ? 0 : -errno;
}

int numbers_file_make(const char *path, const Numbers *numbers, NumbersFiles *ret) {
        _cleanup_(numbers_file_done) NumbersFiles files = {};
        int r;

        for (Kind kind = 0; kind < KIND_MAX; kind++) {
                r = make_kind(path, kind, numbers);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                if (access(places[i].path, F_OK) < 0)
                        continue;
                if (asprintf(&files.names[files.n], "%s.%s", path, suffixes[places[i].kind]) < 0) {
                        files.names[files.n] = NULL;
                        return -ENOMEM;
                }
                files.files[files.n] = (SpecFile){ files.names[files.n], places[i].path };
                files.n++;
        }

        *ret = files;
        files = (NumbersFiles){};
        return 0;
}

void numbers_file_done(NumbersFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                free(files->names[i]);
        *files = (NumbersFiles){};
}

void numbers_file_remove(const char *path) {
        for (Kind kind = 0; kind < KIND_MAX; kind++) {
                _cleanup_free_ char *name = NULL;

                if (asprintf(&name, "%s.%s", path, suffixes[kind]) < 0)
                        name = NULL;
                else
                        (void)unlink(name);
        }
}

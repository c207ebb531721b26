/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program that takes its number of threads or the size of its caches from the machine's numbers
 * gets into its sandbox's limits at once: threads that a quota stops most of the time, memory that
 * ends in a kill. So the files that libraries read (glibc, libuv, psutil, procps) say the limits.
 *
 * They are written once, before anything has run, and are true of that moment: nothing used, nothing
 * counted. What is used can be read in the sandbox's own cgroup, /sys/fs/cgroup/memory.current and
 * its like, where the kernel counts. The machine's load, which its own /proc/stat would tell, is
 * nobody's in a sandbox.
 *
 * Nothing is pinned: sandboxes of one processor each shall not share the same one. So what reads
 * sched_getaffinity(2) alone still sees all processors; for what does, there are environment
 * variables (spec.c). sysinfo(2), too, tells the machine's memory.
 *
 * Trust: the machine's /proc/cpuinfo is the kernel's. Its format is each architecture's own; where a
 * processor has no paragraph of its own that begins with its number (s390), all of it is copied. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "basic/cleanup.h"
#include "launcher/numbers.h"

Numbers numbers_of(const LauncherLimits *limits, unsigned machine_cpus, uint64_t machine_bytes) {
        uint64_t cpus = limits->cpu_percent / 100 + (limits->cpu_percent % 100 != 0);

        return (Numbers){
                .cpus = cpus < 1              ? 1
                        : cpus < machine_cpus ? (unsigned)cpus
                                              : machine_cpus,
                .memory_bytes =
                        limits->memory_bytes < machine_bytes ? limits->memory_bytes : machine_bytes,
        };
}

static void write_size(FILE *to, const char *name, uint64_t bytes) {
        (void)fprintf(to, "%s:%*llu kB\n", name, (int)(23 - strlen(name)),
                      (unsigned long long)(bytes / 1024));
}

int numbers_write_meminfo(const Numbers *n, FILE *to) {
        /* what procps, psutil and libuv look for; each of them takes a missing one for a fault */
        static const char *const unused[] = {
                "Buffers",   "Cached",   "SwapCached", "Active",     "Inactive",
                "SwapTotal", "SwapFree", "Dirty",      "Writeback",  "Mapped",
                "AnonPages", "Shmem",    "Slab",       "SUnreclaim", "SReclaimable",
        };

        write_size(to, "MemTotal", n->memory_bytes);
        write_size(to, "MemFree", n->memory_bytes);
        write_size(to, "MemAvailable", n->memory_bytes);
        for (size_t i = 0; i < ARRAY_SIZE(unused); i++)
                write_size(to, unused[i], 0);
        return 0;
}

int numbers_write_stat(const Numbers *n, uint64_t boot_sec, FILE *to) {
        static const char times[] = " 0 0 0 0 0 0 0 0 0 0\n";

        (void)fprintf(to, "cpu %s", times);
        for (unsigned i = 0; i < n->cpus; i++)
                (void)fprintf(to, "cpu%u%s", i, times);
        (void)fprintf(to,
                      "intr 0\nctxt 0\nbtime %llu\nprocesses 0\nprocs_running 1\n"
                      "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
                      (unsigned long long)boot_sec);
        return 0;
}

int numbers_write_online(const Numbers *n, FILE *to) {
        if (n->cpus == 1)
                (void)fputs("0\n", to);
        else
                (void)fprintf(to, "0-%u\n", n->cpus - 1);
        return 0;
}

/* Whether a line is "name<white space>: …". */
static bool is_field(const char *line, const char *name) {
        size_t n = strlen(name);

        return strncmp(line, name, n) == 0 && line[n + strspn(line + n, " \t")] == ':';
}

/* Stops reading at the first processor that is too much: on a large machine the kernel makes the
 * rest only when it is read, and asks each processor for its clock. */
int numbers_write_cpuinfo(const Numbers *n, FILE *machine, FILE *to) {
        _cleanup_free_ char *line = NULL;
        unsigned cpus = 0;
        size_t size = 0;

        errno = 0;
        while (getline(&line, &size, machine) >= 0) {
                if (is_field(line, "processor")) {
                        if (cpus == n->cpus)
                                return 0;
                        (void)fprintf(to, "processor\t: %u\n", cpus++);
                } else if (is_field(line, "siblings"))
                        (void)fprintf(to, "siblings\t: %u\n", n->cpus);
                else if (is_field(line, "cpu cores"))
                        (void)fprintf(to, "cpu cores\t: %u\n", n->cpus);
                else
                        (void)fputs(line, to);
        }
        return errno == ENOMEM ? -ENOMEM : 0;
}

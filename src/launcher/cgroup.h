/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cgroup of a scope, by its directory: what it used, whether anything lives in it, and the end
 * of everything in it. Unit states are not asked, because systemd has been wrong about them; the
 * kernel's files are. Only cgroup v2 is known here. */

#include <stdbool.h>
#include <sys/types.h>

#include "wire/launcher-message.h"

/* The cgroup of a process as "/a/b/c", malloc()ed. pid 0 is oneself. Returns 0, -ESRCH when there
 * is no such process, -EBADMSG when it is not on the unified hierarchy alone, or -errno. */
int cgroup_of_pid(pid_t pid, char **ret);

/* Opens a living process and says in which cgroup it is; both are of the same process, whoever gets
 * its number later. Returns a pidfd, -ESRCH when there is no such process or it is a thread of one,
 * or -errno. */
int cgroup_open_process(pid_t pid, char **ret_cgroup);
bool cgroup_process_is_alive(int pidfd);

/* Opens the directory of a cgroup ("/a/b/c"), or of one below another ("b/c"). Returns the
 * descriptor or -errno. */
int cgroup_open(const char *path);
int cgroup_open_below(int dir_fd, const char *path);

/* Makes a cgroup below (its parent exists) and moves a process there. A cgroup with children that
 * have controllers has no processes of its own, so all of them live in leaves. Returns 0 or -errno,
 * -ESRCH when there is no such process. */
int cgroup_move_to_leaf(int dir_fd, const char *leaf, pid_t pid);

/* Gives the children of a cgroup a count of their own of whatever is counted in the cgroup itself:
 * memory, tasks, processor time, input and output. No process may be in it. Returns 0 or -errno. */
int cgroup_enable_controllers(int dir_fd);

/* Whether path is cgroup itself or below it. */
bool cgroup_contains(const char *cgroup, const char *path);

/* Reads everything that a run is billed for. What the kernel has no file for stays 0. Returns 0, or
 * -ENODEV when the cgroup is gone (*ret is then all 0). */
int cgroup_read_usage(int dir_fd, LauncherUsage *ret);

/* Processes and threads in the cgroup and below; 0 when it is gone or nobody counts there. */
uint64_t cgroup_count_tasks(int dir_fd);

/* How often a fork was refused at the task limit of this cgroup, or, before Linux 6.11, in it. */
uint64_t cgroup_count_failed_forks(int dir_fd);

/* Opens cgroup.events, which reports EPOLLPRI when "populated" changes, once for each time it was
 * read through that descriptor before. Returns the descriptor or -errno. */
int cgroup_open_events(int dir_fd);

/* What it says; false for a cgroup that is gone. */
bool cgroup_read_events(int events_fd);

/* Whether any process is in the cgroup or below. A cgroup that is gone is not populated. */
bool cgroup_is_populated(int dir_fd);

/* Kills every process in the cgroup and below at once (SIGKILL, new forks included). Returns 0,
 * also when the cgroup is gone, or -errno. */
int cgroup_kill(int dir_fd);

/* Removes an empty cgroup that systemd does not know (any more), with what is below it: a scope's
 * containers and their leaves. What is populated or gone is left as it is. */
void cgroup_remove(const char *path);

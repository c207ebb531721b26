/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sandbox is one scope with one container in it, made for one client. Its life, in order:
 *
 *   QUEUED    it waits for its turn
 *   SCOPE     a holder process is spawned and systemd makes the scope around it, limits and all
 *   CREATE    the holder is in a leaf; Podman creates the container with the scope as its parent
 *   START     Podman starts it; meanwhile the guest connects to the sandbox's own socket (birth.c)
 *   WARM      it was made for nobody yet (pool.c): it waits for its client, and its driver loads (warm.c)
 *   OPEN      the channel has been handed to the handler; from here on we only watch
 *   KILLING   everything in the scope was killed (cgroup.kill), not seen empty yet
 *   REMOVING  empty; Podman forgets the container (removal.c)
 *
 * Every step may fail, time out, or be overtaken by sandbox_end(); there is one way out of each:
 * removal_begin(). The name of scope and container is the sandbox's id, so whatever was half made
 * can be ended by name, by us or by a launcher after us.
 *
 * The holder lives as long as the scope: it keeps the cgroup, and so the bill, readable after the
 * last process of the container is gone. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/cleanup.h"
#include "basic/id.h"
#include "basic/log.h"
#include "basic/process.h"
#include "launcher/birth.h"
#include "launcher/cgroup.h"
#include "launcher/conmon.h"
#include "launcher/leaf.h"
#include "launcher/numbers-file.h"
#include "launcher/removal.h"
#include "launcher/sandbox.h"
#include "launcher/warm.h"

static bool is_guest_dead(const Sandbox *s) {
        struct pollfd p = { .fd = s->guest_pidfd, .events = POLLIN };

        return s->guest_pidfd >= 0 && poll(&p, 1, 0) > 0;
}

/* Why a sandbox that nobody ended is dead; INVALID when it is not. That a process of an execution
 * was killed for memory is nobody's death but its own; where it cannot be told from the guest's any
 * more, it is believed to be the cause. */
static LauncherDeath find_death(const Sandbox *s, const LauncherUsage *usage) {
        bool is_dead = !cgroup_is_populated(s->cgroup_fd) || is_guest_dead(s);
        uint64_t now;

        if (is_dead && usage->oom_kills > 0 && leaf_is_guest_oom_killed(s) != 0)
                return LAUNCHER_DEATH_OOM;
        /* then systemd kills it, and a guest's channel ends a moment before its process does */
        if (sd_event_now(s->manager->event, CLOCK_MONOTONIC, &now) >= 0 && now >= s->deadline_usec)
                return LAUNCHER_DEATH_LIFETIME;
        return is_dead ? LAUNCHER_DEATH_KILLED : LAUNCHER_DEATH_INVALID;
}

static const char *death_name(LauncherDeath death) {
        switch (death) {
        case LAUNCHER_DEATH_OOM:
                return "oom";
        case LAUNCHER_DEATH_LIFETIME:
                return "lifetime";
        case LAUNCHER_DEATH_KILLED:
                return "killed";
        case LAUNCHER_DEATH_INVALID:
        case _LAUNCHER_DEATH_MAX:
        default:
                return "closed";
        }
}

static void audit_end(Sandbox *s, LauncherDeath death, const LauncherUsage *u) {
        int r;

        r = audit_event(s->manager->audit, s->sequence, SANDBOX_ENDED, AUDIT_TEXT(SANDBOX, s->id),
                        AUDIT_NUMBER(UID, s->uid), AUDIT_TEXT(PROFILE, s->profile_name),
                        AUDIT_TEXT(SCOPE, s->scope_name), AUDIT_TEXT(DEATH, death_name(death)),
                        AUDIT_NUMBER(CPU_USER_USEC, u->cpu_user_usec),
                        AUDIT_NUMBER(CPU_SYSTEM_USEC, u->cpu_system_usec),
                        AUDIT_NUMBER(MEMORY_PEAK_BYTES, u->memory_peak_bytes),
                        AUDIT_NUMBER(TASKS_PEAK, u->tasks_peak),
                        AUDIT_NUMBER(IO_READ_BYTES, u->io_read_bytes),
                        AUDIT_NUMBER(IO_WRITE_BYTES, u->io_write_bytes));
        if (r < 0)
                log_warning(r, "Cannot write the end of sandbox %s to the journal, ignoring",
                            s->id);
}

static int on_populated(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                        void *userdata) {
        Sandbox *s = userdata;
        LauncherUsage usage;
        LauncherDeath death;

        if (cgroup_read_events(fd))
                return 0;
        s->populated_watch = sd_event_source_disable_unref(s->populated_watch);

        switch (s->state) {
        case SANDBOX_CREATE:
        case SANDBOX_START:
                birth_refuse(s, LAUNCHER_REFUSAL_SCOPE, "the scope was stopped from outside");
                break;
        case SANDBOX_WARM:
                sandbox_lose(s);
                break;
        case SANDBOX_OPEN:
                (void)cgroup_read_usage(s->cgroup_fd, &usage);
                death = find_death(s, &usage);
                audit_end(s, death, &usage);
                leaf_end_all(s);
                s->events->died(s, death, &usage, s->userdata);
                removal_begin(s);
                break;
        case SANDBOX_KILLING:
        case SANDBOX_REMOVING:
                removal_continue(s);
                break;
        case SANDBOX_QUEUED:
        case SANDBOX_SCOPE:
        default:
                break;
        }
        return 0;
}

int sandbox_watch_cgroup(Sandbox *s) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        s->cgroup_fd = cgroup_open(s->cgroup);
        if (s->cgroup_fd < 0)
                return s->cgroup_fd;
        fd = cgroup_open_events(s->cgroup_fd);
        if (fd < 0)
                return fd;
        (void)cgroup_read_events(fd);
        r = sd_event_add_io(s->manager->event, &s->populated_watch, fd, EPOLLPRI, on_populated, s);
        if (r < 0)
                return r;
        (void)sd_event_source_set_io_fd_own(s->populated_watch, 1);
        (void)TAKE_FD(fd);
        return 0;
}

/* The guest of a sandbox that was somebody else's, if it is alive. */
static void adopt_guest(Sandbox *s, pid_t pid) {
        _cleanup_free_ char *cgroup = NULL, *leaf = NULL;
        _cleanup_close_ int pidfd = cgroup_open_process(pid, &cgroup);

        if (pidfd < 0 || asprintf(&leaf, "%s/libpod-%s/guest", s->cgroup, s->container_id) < 0 ||
            strcmp(cgroup, leaf) != 0)
                return;
        s->guest_pidfd = TAKE_FD(pidfd);
        s->guest_pid = pid;
        s->conmon_pidfd = conmon_open(pid);
}

/* -- from outside ---------------------------------------------------------------------------- */

static int sandbox_alloc(Sandbox **ret, Manager *m, const char *id, uint32_t uid) {
        Sandbox *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        *s = (Sandbox){
                .manager = m,
                .next = m->sandboxes,
                .uid = uid,
                .cgroup_fd = -EBADF,
                .guest_pidfd = -EBADF,
                .conmon_pidfd = -EBADF,
                .holder_pidfd = -EBADF,
                .listener_fd = -EBADF,
        };
        memcpy(s->id, id, sizeof(s->id));
        (void)snprintf(s->scope_name, sizeof(s->scope_name), "cloche-%s.scope", id);
        (void)snprintf(s->container, sizeof(s->container), "cloche-%s", id);
        m->sandboxes = s;
        m->may_have_strays = true;
        manager_consider_exit(m);
        *ret = s;
        return 0;
}

int sandbox_new(Sandbox **ret, Manager *m, Profile *profile, uint32_t uid,
                const LauncherLimits *limits, bool keep, AuditSequence *sequence,
                const SandboxEvents *events, void *userdata) {
        char id[ID_SIZE];
        Sandbox *s;
        int r;

        r = id_new(id);
        if (r < 0)
                return r;
        r = sandbox_alloc(&s, m, id, uid);
        if (r < 0)
                return r;
        s->profile = profile_ref(profile);
        memcpy(s->profile_name, profile->name, sizeof(s->profile_name));
        s->limits = *limits;
        s->keep = keep;
        s->sequence = sequence;
        s->events = events;
        s->userdata = userdata;

        birth_consider(m);
        *ret = s;
        return 0;
}

int sandbox_new_warm(Sandbox **ret, Manager *m, Profile *profile, uint32_t uid,
                     const SandboxEvents *events, void *userdata) {
        return sandbox_new(ret, m, profile, uid, &profile->limits, /* keep= */ true, NULL, events,
                           userdata);
}

void sandbox_lose(Sandbox *s) {
        leaf_end_all(s);
        s->events->died(s, LAUNCHER_DEATH_KILLED, &(LauncherUsage){}, s->userdata);
        removal_begin(s);
}

bool sandbox_has_guest(const Sandbox *s) {
        return s->guest_pidfd >= 0 && !is_guest_dead(s);
}

void sandbox_describe(const Sandbox *s, const char *state) {
        int r;

        r = scope_describe(s->manager->scopes, s->scope_name, s->profile_name, s->uid, state);
        if (r < 0)
                log_warning(r, "Cannot tell the service manager what %s is, ignoring",
                            s->scope_name);
}

void sandbox_claim(Sandbox *s, const LauncherLimits *limits, AuditSequence *sequence,
                   const SandboxEvents *events, void *userdata) {
        s->limits = *limits;
        s->sequence = sequence;
        s->events = events;
        s->userdata = userdata;
        s->has_old_description = s->scope_asked;
}

int sandbox_hand_over(Sandbox *s, const LauncherLimits *limits, AuditSequence *sequence,
                      const SandboxEvents *events, void *userdata) {
        int r;

        s->limits = *limits;
        s->sequence = sequence;
        r = birth_record(s);
        if (r < 0) {
                s->sequence = NULL;
                return r;
        }
        s->events = events;
        s->userdata = userdata;
        s->state = SANDBOX_OPEN;
        s->has_old_description = true;
        s->events->opened(s, s->warm->fds, s->userdata);
        s->warm = warm_free(s->warm);
        return 0;
}

int sandbox_adopt(Sandbox **ret, Manager *m, StateSandbox *record, AuditSequence *sequence,
                  const SandboxEvents *events, void *userdata) {
        Sandbox *s;
        int r;

        r = sandbox_alloc(&s, m, record->id, record->uid);
        if (r < 0)
                return r;
        memcpy(s->profile_name, record->profile, sizeof(s->profile_name));
        memcpy(s->container_id, record->container_id, sizeof(s->container_id));
        s->state = SANDBOX_OPEN;
        s->scope_asked = s->create_asked = true;
        s->deadline_usec = record->deadline_usec;
        s->sequence = sequence;
        s->events = events;
        s->userdata = userdata;
        s->cgroup = strdup(record->cgroup);
        r = s->cgroup ? sandbox_watch_cgroup(s) : -ENOMEM;
        if (r >= 0)
                r = leaf_adopt_all(s);
        if (r < 0) {
                sandbox_free(s);
                return r;
        }
        adopt_guest(s, record->guest_pid);
        s->record = record;
        *ret = s;
        return 0;
}

int sandbox_end_stray(Manager *m, const char *id) {
        Sandbox *s;
        int r;

        r = sandbox_alloc(&s, m, id, UINT32_MAX);
        if (r < 0)
                return r;
        s->state = SANDBOX_OPEN;
        s->scope_asked = s->create_asked = s->is_stray = true;
        /* while it is there: the end of the scope is conmon's too */
        s->conmon_pidfd = conmon_find(s->container, s->container_id);
        removal_begin(s);
        return 0;
}

void sandbox_tell_stray(Sandbox *s, const char *container_id, const char *cgroup) {
        if (!s->is_stray)
                return;
        (void)snprintf(s->container_id, sizeof(s->container_id), "%s", container_id);
        if (s->cgroup || !cgroup || cgroup[0] != '/' || strstr(cgroup, "..") ||
            strcmp(strrchr(cgroup, '/') + 1, s->scope_name) != 0)
                return;
        s->cgroup = strdup(cgroup);
        if (s->cgroup && s->cgroup_fd < 0)
                s->cgroup_fd = cgroup_open(s->cgroup);
}

bool sandbox_is_ended(const Sandbox *s) {
        return s->state >= SANDBOX_KILLING;
}

void sandbox_end(Sandbox *s, LauncherUsage *ret_usage, LauncherDeath *ret_death) {
        LauncherUsage usage = {};
        LauncherDeath death = LAUNCHER_DEATH_INVALID;

        if (!sandbox_is_ended(s)) {
                if (s->cgroup_fd >= 0)
                        (void)cgroup_read_usage(s->cgroup_fd, &usage);
                if (s->state == SANDBOX_OPEN) {
                        death = find_death(s, &usage);
                        audit_end(s, death, &usage);
                }
                removal_begin(s);
        }
        if (ret_usage)
                *ret_usage = usage;
        if (ret_death)
                *ret_death = death;
}

Sandbox *sandbox_find(Manager *m, const char *id) {
        for (Sandbox *s = m->sandboxes; s; s = s->next)
                if (strcmp(s->id, id) == 0)
                        return s;
        return NULL;
}

void sandbox_remove_files(Sandbox *s) {
        if (s->listener_fd < 0)
                return;
        (void)unlink(s->socket_path);
        numbers_file_remove(s->socket_path);
        s->listener_fd = close_fd(s->listener_fd);
}

Sandbox *sandbox_free(Sandbox *s) {
        if (!s)
                return NULL;
        for (Sandbox **p = &s->manager->sandboxes; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        leaf_free_all(s);
        warm_free(s->warm);
        scope_start_free(s->scope_start);
        podman_request_free(s->request);
        podman_command_free(s->command);
        sd_event_source_disable_unref(s->conmon_watch);
        sd_event_source_disable_unref(s->holder_watch);
        sd_event_source_disable_unref(s->listener_watch);
        sd_event_source_disable_unref(s->populated_watch);
        sd_event_source_disable_unref(s->timer);
        s->holder_pidfd = process_end(s->holder_pidfd);
        close_fd(s->cgroup_fd);
        close_fd(s->guest_pidfd);
        close_fd(s->conmon_pidfd);
        sandbox_remove_files(s);
        profile_unref(s->profile);
        free(s->socket_path);
        free(s->cgroup);
        free(s);
        return NULL;
}

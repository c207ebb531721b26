/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending is the part that must not fail, so it asks nobody's state and assumes nothing: everything
 * that may exist is ended by name, in the one order that works.
 *
 *   1. cgroup.kill on the scope, or a stop of the scope by name where its cgroup never got known
 *   2. wait until a request under way has been answered: what Podman began it finishes, and a
 *      container that is created after its removal would be an orphan. A runtime that waits for a
 *      process which we killed is ended, or there would never be an answer (conmon.c)
 *   3. wait for "populated 0" in cgroup.events; kill again while it is not
 *   4. DELETE the container by name. After conmon was killed Podman refuses the first time and
 *      obeys the second, or hangs: so each try has its time limit, and is repeated; after a few the
 *      command line "podman rm -f" is tried as well, then all of it again, slower, without end.
 *      At most REMOVALS_AT_ONCE go on at their first try at a time (turn.c); those that come after it
 *      have pauses between them, and one that hangs takes nobody's turn
 *   5. wait for conmon to be gone, and remove what it wrote after that (conmon.c)
 *   6. stop the scope by name, which systemd has mostly done by itself
 *
 * Only the launcher's own end stops this, and its successor finds the rest by label and by unit
 * name. */

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/birth.h"
#include "launcher/cgroup.h"
#include "launcher/conmon.h"
#include "launcher/leaf.h"
#include "launcher/podman-command.h"
#include "launcher/removal.h"
#include "launcher/turn.h"
#include "launcher/warm.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

#define KILL_AGAIN_USEC       (200 * USEC_PER_MSEC)
#define REMOVE_TIMEOUT_USEC   (5 * USEC_PER_SEC)
#define REMOVE_AGAIN_USEC     (100 * USEC_PER_MSEC) /* doubled with each try … */
#define REMOVE_AGAIN_MAX_USEC (5 * USEC_PER_SEC)    /* … up to this */
#define CONMON_TIMEOUT_USEC   (3 * USEC_PER_SEC)    /* container removed → its conmon gone */
#define REMOVE_TRIES_BY_API   3                     /* then the command line once, and again */

static void finish(Sandbox *s) {
        Manager *m = s->manager;
        int r;

        /* a container that was started after its scope was gone leaves a cgroup that nobody else
         * knows */
        if (s->cgroup)
                cgroup_remove(s->cgroup);
        /* a user's systemd has been seen to keep a scope as running whose cgroup was empty and gone */
        if (s->scope_asked)
                (void)scope_stop(m->scopes, s->scope_name);
        conmon_sweep(m->system_mode, s->container_id);

        r = audit_event(m->audit, s->sequence, SANDBOX_REMOVED, AUDIT_TEXT(SANDBOX, s->id),
                        AUDIT_TEXT(SCOPE, s->scope_name));
        if (r < 0)
                log_warning(r, "Cannot write the removal of sandbox %s to the journal, ignoring",
                            s->id);
        if (s->events)
                s->events->gone(s, s->userdata);
        sandbox_free(s);
        m->gone++;
        manager_consider_exit(m);
}

/* The scope's cgroup where nobody told it: a stray's, whose scope systemd may have forgotten while
 * the runtime makes the directory again. Our unit is two steps below the manager's cgroup. */
static char *find_cgroup(const char *scope_name) {
        _cleanup_free_ char *own = NULL, *pattern = NULL;
        char *found = NULL;
        glob_t g = {};

        if (cgroup_of_pid(0, &own) < 0)
                return NULL;
        for (size_t i = 0; i < 2 && strrchr(own, '/'); i++)
                *strrchr(own, '/') = 0;
        if (asprintf(&pattern, CGROUP_ROOT "%s/cloche.slice/cloche-u*.slice/%s", own, scope_name) <
            0)
                return NULL;
        if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0 && g.gl_pathc == 1)
                found = strdup(g.gl_pathv[0] + strlen(CGROUP_ROOT));
        globfree(&g);
        return found;
}

/* Ends what may still bring the container to life, or wait for it without end; once a guest was
 * there, nothing does. A container that is started after its scope was gone gets a cgroup of the
 * same path, which no descriptor of ours leads to. */
static void end_birth(Sandbox *s) {
        _cleanup_close_ int late = -EBADF;
        int n;

        if (s->guest_pidfd >= 0)
                return;
        if (s->conmon_pidfd < 0)
                s->conmon_pidfd = conmon_find(s->container, s->container_id);
        n = conmon_end_runtime(s->container_id);
        if (n < 0)
                log_warning(n, "Cannot look for the start of container %s, ignoring", s->container);
        else if (n > 0)
                log_info("Broke off the start of container %s, which is to end", s->container);
        if (!s->cgroup)
                s->cgroup = find_cgroup(s->scope_name);
        if (!s->cgroup)
                return;
        late = cgroup_open(s->cgroup);
        if (late >= 0)
                (void)cgroup_kill(late);
        if (s->cgroup_fd < 0)
                s->cgroup_fd = TAKE_FD(late); /* to see it empty */
}

static void wait_at_most(Sandbox *s, uint64_t usec);

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Sandbox *s = userdata;

        s->timer = sd_event_source_disable_unref(s->timer);
        if (s->request) { /* of the birth: a removal's own is waited for without a timer */
                end_birth(s);
                wait_at_most(s, KILL_AGAIN_USEC);
        } else
                removal_continue(s);
        return 0;
}

/* To the microsecond: the default accuracy of 250 ms is as long as the whole removal. */
static void wait_at_most(Sandbox *s, uint64_t usec) {
        int r;

        s->timer = sd_event_source_disable_unref(s->timer);
        r = sd_event_add_time_relative(s->manager->event, &s->timer, CLOCK_MONOTONIC, usec, 1,
                                       on_timer, s);
        if (r < 0)
                log_error(r, "Cannot wait for the removal of sandbox %s; the next launcher will",
                          s->id);
}

static void wait_for_next_try(Sandbox *s) {
        uint64_t usec = REMOVE_AGAIN_USEC << (s->remove_tries < 8 ? s->remove_tries : 8);

        s->remove_tries++;
        wait_at_most(s, usec < REMOVE_AGAIN_MAX_USEC ? usec : REMOVE_AGAIN_MAX_USEC);
}

static void consider(Manager *m);

static void on_removed(const PodmanAnswer *answer, void *userdata) {
        Sandbox *s = userdata;

        s->request = NULL;
        consider(s->manager);
        if (answer->error == 0 &&
            (answer->status == 200 || answer->status == 204 || answer->status == 404)) {
                s->create_asked = false;
                removal_continue(s);
                return;
        }
        log_full(s->remove_tries == 0 ? LOG_INFO : LOG_WARNING, answer->error,
                 "Podman did not remove container %s at try %u (%s), trying again", s->container,
                 s->remove_tries + 1, answer->message);
        wait_for_next_try(s);
}

static void on_command_done(int error, void *userdata) {
        Sandbox *s = userdata;

        s->command = NULL;
        if (error < 0)
                log_warning(error, "podman rm of container %s failed, trying again", s->container);
        wait_for_next_try(s);
}

static void try_remove(Sandbox *s) {
        int r;

        s->waits_for_removal = false;
        s->state = SANDBOX_REMOVING;
        end_birth(s);
        if (s->remove_tries % (REMOVE_TRIES_BY_API + 1) == REMOVE_TRIES_BY_API)
                r = podman_command_remove(s->manager, s->container, on_command_done, s,
                                          &s->command);
        else
                r = podman_api_remove(s->manager->podman, s->container, REMOVE_TIMEOUT_USEC,
                                      on_removed, s, &s->request);
        if (r < 0) {
                log_warning(r, "Cannot ask Podman to remove container %s, trying again",
                            s->container);
                wait_for_next_try(s);
        }
}

static bool waits(const Sandbox *s) {
        return s->waits_for_removal;
}

static bool is_tried(const Sandbox *s) {
        return s->state == SANDBOX_REMOVING && s->remove_tries == 0 && s->request;
}

static int on_removals(sd_event_source *source _unused_, void *userdata) {
        Manager *m = userdata;
        Sandbox *s;

        while ((s = turn_next(m, waits, is_tried, REMOVALS_AT_ONCE)))
                try_remove(s);
        return 0;
}

/* A sandbox has begun to wait for its first try, or such a try has ended. */
static void consider(Manager *m) {
        manager_defer(m, &m->removals, on_removals);
}

static int on_conmon_end(sd_event_source *source _unused_, int fd _unused_,
                         uint32_t revents _unused_, void *userdata) {
        Sandbox *s = userdata;

        s->conmon_watch = sd_event_source_disable_unref(s->conmon_watch);
        s->conmon_pidfd = close_fd(s->conmon_pidfd);
        s->conmon_given_time = true;
        removal_continue(s);
        return 0;
}

/* Its last files come when they come: until then they cannot be removed. Begins to wait, and ends
 * to. */
static bool is_conmon_waited_for(Sandbox *s) {
        if (!s->conmon_watch && !s->conmon_given_time)
                end_birth(s); /* again: what died halfway may have come this far only now */
        if (s->conmon_pidfd < 0)
                return false;
        if (s->conmon_watch) { /* and the time is up */
                s->conmon_watch = sd_event_source_disable_unref(s->conmon_watch);
                return false;
        }
        if (sd_event_add_io(s->manager->event, &s->conmon_watch, s->conmon_pidfd, EPOLLIN,
                            on_conmon_end, s) < 0)
                return false;
        wait_at_most(s, CONMON_TIMEOUT_USEC);
        return true;
}

void removal_continue(Sandbox *s) {
        if (s->request || s->command)
                return; /* its callback comes back here */
        s->timer = sd_event_source_disable_unref(s->timer);

        if (s->cgroup_fd >= 0 && cgroup_is_populated(s->cgroup_fd)) {
                int r = cgroup_kill(s->cgroup_fd);

                if (r < 0)
                        log_warning(r, "Cannot kill %s, trying again", s->scope_name);
                wait_at_most(s, KILL_AGAIN_USEC);
                return;
        }
        if (s->create_asked && s->remove_tries > 0)
                try_remove(s);
        else if (s->create_asked) {
                s->waits_for_removal = true;
                consider(s->manager);
        } else if (!is_conmon_waited_for(s))
                finish(s);
}

void removal_begin(Sandbox *s) {
        s->state = SANDBOX_KILLING;
        birth_consider(s->manager);
        if (s->record)
                s->record->used = 0;
        s->record = NULL;
        leaf_end_all(s);
        s->timer = sd_event_source_disable_unref(s->timer);
        s->listener_watch = sd_event_source_disable_unref(s->listener_watch);
        sandbox_remove_files(s);
        s->scope_start = scope_start_free(s->scope_start);
        s->warm = warm_free(s->warm); /* nothing that it says from now on is news */

        if (s->cgroup_fd >= 0)
                (void)cgroup_kill(s->cgroup_fd); /* said and repeated in removal_continue() */
        else if (s->scope_asked)
                (void)scope_stop(s->manager->scopes, s->scope_name);
        if (s->holder_pidfd >= 0)
                (void)pidfd_send_signal(s->holder_pidfd, SIGKILL, NULL, 0);

        /* from the loop, not from here: the caller still holds the sandbox */
        wait_at_most(s, s->request ? KILL_AGAIN_USEC : 0);
}

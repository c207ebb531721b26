/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two sources say what may still exist: systemd (scopes by name) and Podman (containers by label).
 * Each is compared with what this launcher knows at the moment of the answer. Whatever is not known
 * is ended through the same path as any sandbox (removal.c), so there is one way to die.
 *
 * A sandbox is kept only if its connection is in the descriptor store (systemd drops a connection
 * whose other end is gone) and the state memory has it as handed over. One that was still being
 * made is not: nobody holds its channel. What the runtime was making or starting for it is ended first,
 * for Podman says nothing while it waits for that (conmon.c); what this launcher makes itself is known
 * before the runtime hears of it. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/cleanup.h"
#include "basic/id.h"
#include "basic/log.h"
#include "launcher/client.h"
#include "launcher/conmon.h"
#include "launcher/recovery.h"
#include "launcher/sandbox.h"

#define SWEEP_LABEL      "io.cloche.sandbox"
#define LOOKS_AT_START   2
#define SWEEP_AGAIN_USEC (3 * USEC_PER_SEC) /* from the launcher's start to the second look … */
#define SWEEP_EVERY_USEC \
        (60 * USEC_PER_SEC) /* … and from each to the one after it, if there is reason to */

/* -- what goes on ---------------------------------------------------------------------------- */

static StateConnection *find_record(State *s, const char *id) {
        for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
                if (s->connections[i].used &&
                    strcmp(s->connections[i].sequence.connection, id) == 0)
                        return &s->connections[i];
        return NULL;
}

static bool is_held(const Manager *m, const StateConnection *record) {
        for (const Client *c = m->clients; c; c = c->next)
                if (c->record == record)
                        return true;
        return false;
}

static void adopt_connection(Manager *m, RecoveryFd *f) {
        StateConnection *record = NULL;
        const char *id = NULL;
        char text[128];
        int r;

        if (strncmp(f->name, CLIENT_FD_NAME, strlen(CLIENT_FD_NAME)) == 0) {
                id = f->name + strlen(CLIENT_FD_NAME);
                record = find_record(m->state, id);
        }
        if (record) {
                r = client_adopt(m, f->fd, record);
                if (r >= 0)
                        return;
                log_warning(r, "Cannot go on with a connection, ending it");
        } else
                close_fd(f->fd);
        (void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", f->name);
        (void)sd_notify(false, text);
}

static void forget_the_rest(Manager *m) {
        State *s = m->state;

        for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
                if (!is_held(m, &s->connections[i]))
                        s->connections[i].used = 0;
        for (size_t i = 0; i < ARRAY_SIZE(s->sandboxes); i++)
                if (!find_record(s, s->sandboxes[i].connection))
                        s->sandboxes[i].used = 0;
}

int recovery_adopt(Manager *m, RecoveryFd *fds, size_t n_fds) {
        int state_fd = -EBADF, r;
        bool resumed;
        size_t kept = 0;

        for (size_t i = 0; i < n_fds; i++)
                if (strcmp(fds[i].name, STATE_FD_NAME) == 0) {
                        close_fd(state_fd);
                        state_fd = TAKE_FD(fds[i].fd);
                }
        r = state_open(state_fd, &m->state, &resumed);
        if (r < 0)
                return log_error(r, "Cannot make the state memory");

        for (size_t i = 0; i < n_fds; i++)
                if (fds[i].fd >= 0)
                        adopt_connection(m, &fds[i]);
        forget_the_rest(m);
        if (!resumed)
                return 0;

        for (Sandbox *s = m->sandboxes; s; s = s->next)
                kept++;
        log_notice("Going on after a launcher that died: %zu sandboxes are alive", kept);
        r = audit_event(m->audit, NULL, LAUNCHER_RESUMED, AUDIT_NUMBER(KEPT, kept));
        if (r < 0)
                log_warning(r, "Cannot write the restart to the journal, ignoring");
        return 0;
}

/* -- what ends ------------------------------------------------------------------------------- */

static void end_stray(Manager *m, const char *id) {
        int r;

        if (!id_is_valid(id) || sandbox_find(m, id))
                return;
        log_notice("Sandbox %s belongs to nobody, ending it", id);
        r = sandbox_end_stray(m, id);
        if (r < 0)
                log_error(r, "Cannot end sandbox %s", id);
}

/* What has gone while the answer was under way is in it all the same, and nobody's sandbox any more. After
 * a launcher's death that is ended a second time rather than that anything is left for long; later it is
 * asked again. */
static bool is_outdated(Manager *m) {
        if (m->gone_at_look == UINT64_MAX || m->gone_at_look == m->gone)
                return false;
        m->may_have_strays = true;
        return true;
}

static void on_scopes(int error, char *const *names, size_t n, void *userdata) {
        static const char prefix[] = "cloche-", suffix[] = ".scope";
        Manager *m = userdata;

        if (error < 0) {
                m->may_have_strays = true;
                log_warning(error, "The service manager did not list its scopes, ignoring");
                return;
        }
        if (is_outdated(m))
                return;
        for (size_t i = 0; i < n; i++) {
                char id[ID_SIZE];

                if (strlen(names[i]) != strlen(prefix) + ID_SIZE - 1 + strlen(suffix))
                        continue;
                (void)snprintf(id, sizeof(id), "%s", names[i] + strlen(prefix));
                end_stray(m, id);
        }
}

/* Labels are an image's too, and so of whatever container anybody makes of an image that was committed
 * from a sandbox: ours has the name as well, which is one container's. */
static bool is_named_after(json_object *container, const char *id) {
        json_object *names;
        char name[sizeof(((Sandbox *)NULL)->container)];

        (void)snprintf(name, sizeof(name), "cloche-%s", id);
        if (!json_object_object_get_ex(container, "Names", &names) ||
            !json_object_is_type(names, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(names); i++) {
                const char *known = json_object_get_string(json_object_array_get_idx(names, i));

                if (known && strcmp(known, name) == 0)
                        return true;
        }
        return false;
}

static void on_containers(const PodmanAnswer *answer, void *userdata) {
        json_object *labels, *id, *container, *cgroup;
        Manager *m = userdata;
        Sandbox *s;

        if (answer->error < 0 || answer->status != 200 ||
            !json_object_is_type(answer->body, json_type_array)) {
                m->may_have_strays = true;
                log_warning(answer->error, "Podman did not list its containers (%s), ignoring",
                            answer->message);
                return;
        }
        if (is_outdated(m))
                return;
        for (size_t i = 0; i < json_object_array_length(answer->body); i++) {
                json_object *c = json_object_array_get_idx(answer->body, i);

                if (!json_object_object_get_ex(c, "Labels", &labels) ||
                    !json_object_object_get_ex(labels, SWEEP_LABEL, &id) ||
                    !is_named_after(c, json_object_get_string(id)))
                        continue;
                end_stray(m, json_object_get_string(id));
                s = sandbox_find(m, json_object_get_string(id));
                if (s && json_object_object_get_ex(c, "Id", &container))
                        sandbox_tell_stray(
                                s, json_object_get_string(container),
                                json_object_object_get_ex(labels, "io.cloche.cgroup", &cgroup)
                                        ? json_object_get_string(cgroup)
                                        : NULL);
        }
}

/* A guest's socket is named by its sandbox, the files with its numbers by that and a suffix. */
static void sweep_files(Manager *m) {
        struct dirent *e;
        DIR *dir = opendir(m->sandbox_dir);

        if (!dir)
                return;
        while ((e = readdir(dir))) {
                char id[ID_SIZE];

                (void)snprintf(id, sizeof(id), "%.*s", ID_SIZE - 1, e->d_name);
                if (id_is_valid(id) && !sandbox_find(m, id))
                        (void)unlinkat(dirfd(dir), e->d_name, 0);
        }
        (void)closedir(dir);
}

static bool goes_on(const char *container, const void *userdata) {
        const Manager *m = userdata;

        for (const Sandbox *s = m->sandboxes; s; s = s->next)
                if (!sandbox_is_ended(s) && strcmp(s->container_id, container) == 0)
                        return true;
        return false;
}

static void sweep(Manager *m) {
        int r;

        m->may_have_strays = false;
        m->gone_at_look = m->looks++ < LOOKS_AT_START ? UINT64_MAX : m->gone;
        sweep_files(m);
        r = conmon_end_strange_runtimes(goes_on, m);
        if (r < 0)
                log_warning(r, "Cannot look for starts that belong to nobody, ignoring");
        else if (r > 0)
                log_info("Broke off the start of %d containers that belong to nobody", r);
        r = scope_list(m->scopes, on_scopes, m);
        if (r < 0)
                log_warning(r, "Cannot ask the service manager for its scopes, ignoring");
        r = podman_api_list(m->podman, SWEEP_LABEL, PODMAN_TIMEOUT_USEC, on_containers, m, NULL);
        if (r < 0)
                log_warning(r, "Cannot ask Podman for its containers, ignoring");
}

static int on_sweep_again(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        Manager *m = userdata;
        int r;

        if (m->may_have_strays)
                sweep(m);
        r = sd_event_source_set_time_relative(source, SWEEP_EVERY_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void recovery_sweep(Manager *m) {
        int r;

        sweep(m);
        m->may_have_strays = true;
        /* A container whose creation was under way when its launcher died comes a little later; one that
         * nobody waits for any more, because it took too long, at any time. */
        r = sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC, SWEEP_AGAIN_USEC, 0,
                                       on_sweep_again, m);
        if (r < 0)
                log_warning(r, "Cannot look for strays again, ignoring");
}

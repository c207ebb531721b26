/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From nothing to a sandbox that a handler holds: holder, scope, container, guest, each step
 * started by the end of the one before. The guest may connect before Podman's answer to "start" is
 * there; the sandbox is then open, since the answer only costs time. A request to Podman is never
 * abandoned: what Podman has begun it will finish, and only then can it be undone for good.
 *
 * At most BIRTHS_AT_ONCE go on at a time (turn.c). */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/process.h"
#include "launcher/birth.h"
#include "launcher/cgroup.h"
#include "launcher/channel.h"
#include "launcher/conmon.h"
#include "launcher/leaf.h"
#include "launcher/numbers-file.h"
#include "launcher/podman-json.h"
#include "launcher/removal.h"
#include "launcher/spec.h"
#include "launcher/turn.h"
#include "launcher/warm.h"

/* beyond the execution's own timeout: starting, moving files in and out, draining its output */
#define EXEC_SLACK_USEC (120 * USEC_PER_SEC)
/* Beyond the lifetime of a sandbox that is kept: starting, for which its handler's clock does not run
 * yet. It is the handler that ends it in time; the scope's limit is the net below. */
#define LIFETIME_SLACK_USEC (2 * PODMAN_TIMEOUT_USEC + GUEST_TIMEOUT_USEC)

static void begin(Sandbox *s);

static bool is_being_made(const Sandbox *s) {
        return s->state >= SANDBOX_SCOPE && s->state <= SANDBOX_START &&
               !s->warm; /* Podman is through with that one */
}

static bool waits_to_be_made(const Sandbox *s) {
        return s->state == SANDBOX_QUEUED;
}

static int on_births(sd_event_source *source _unused_, void *userdata) {
        Manager *m = userdata;
        Sandbox *s;

        while ((s = turn_next(m, waits_to_be_made, is_being_made, BIRTHS_AT_ONCE)))
                begin(s);
        return 0;
}

void birth_consider(Manager *m) {
        manager_defer(m, &m->births, on_births);
}

void birth_refuse(Sandbox *s, LauncherRefusal refusal, const char *detail) {
        s->events->refused(s, refusal, detail, s->userdata);
        removal_begin(s);
}

static void refuse_for_podman(Sandbox *s, const PodmanAnswer *answer) {
        char text[PODMAN_EXPLANATION_SIZE];

        podman_answer_explain(answer, s->manager->system_mode, text);
        birth_refuse(s, LAUNCHER_REFUSAL_PODMAN, text);
}

static int on_holder_end(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                         void *userdata) {
        Sandbox *s = userdata;

        if (process_wait(fd, NULL) == 0)
                return 0;
        s->holder_watch = sd_event_source_disable_unref(s->holder_watch);
        s->holder_pidfd = close_fd(s->holder_pidfd);
        if (s->state == SANDBOX_SCOPE)
                birth_refuse(s, LAUNCHER_REFUSAL_SCOPE,
                             "the first process of the scope ended before the scope was there");
        return 0;
}

static int spawn_holder(Sandbox *s) {
        const char *argv[] = { "cloche-holder", NULL }, *env[] = { NULL };
        int r;

        r = process_spawn(
                &(ProcessSpec){
                        .path = LIBEXECDIR "/cloche-holder",
                        .argv = argv,
                        .env = env,
                        .stdio = { -EBADF, -EBADF, -EBADF }
        },
                &s->holder_pidfd, &s->holder_pid);
        if (r < 0)
                return r;
        return sd_event_add_io(s->manager->event, &s->holder_watch, s->holder_pidfd, EPOLLIN,
                               on_holder_end, s);
}

/* -- OPEN ------------------------------------------------------------------------------------ */

static int record_open(Sandbox *s) {
        StateSandbox *record = state_new_sandbox(s->manager->state);

        if (!record || strlen(s->cgroup) >= sizeof(record->cgroup))
                return -ENOBUFS;
        record->uid = s->uid;
        record->deadline_usec = s->deadline_usec;
        memcpy(record->id, s->id, sizeof(record->id));
        memcpy(record->connection, s->sequence->connection, sizeof(record->connection));
        memcpy(record->profile, s->profile_name, sizeof(record->profile));
        memcpy(record->container_id, s->container_id, sizeof(record->container_id));
        record->guest_pid = s->guest_pid;
        memcpy(record->cgroup, s->cgroup, strlen(s->cgroup) + 1);
        record->used = 1;
        s->record = record;
        return 0;
}

static int audit_open(Sandbox *s) {
        return audit_event(
                s->manager->audit, s->sequence, SANDBOX_OPENED, AUDIT_TEXT(SANDBOX, s->id),
                AUDIT_NUMBER(UID, s->uid), AUDIT_TEXT(PROFILE, s->profile_name),
                AUDIT_TEXT(IMAGE, s->profile->image), AUDIT_TEXT(IMAGE_DIGEST, s->profile->digest),
                AUDIT_TEXT(SCOPE, s->scope_name),
                AUDIT_NUMBER(MEMORY_BYTES, s->limits.memory_bytes),
                AUDIT_NUMBER(TASKS, s->limits.tasks),
                AUDIT_NUMBER(CPU_PERCENT, s->limits.cpu_percent),
                AUDIT_NUMBER(WORK_BYTES, s->limits.work_bytes),
                AUDIT_NUMBER(TIMEOUT_USEC, s->limits.timeout_usec),
                AUDIT_NUMBER(OUTPUT_BYTES, s->limits.output_bytes));
}

/* Takes whoever has connected. Returns the channel, -EAGAIN when it was nobody, or -errno. */
static int accept_guest(Sandbox *s) {
        _cleanup_free_ char *container = NULL;
        _cleanup_close_ int channel = -EBADF;
        int r;

        if (asprintf(&container, "%s/libpod-%s", s->cgroup, s->container_id) < 0)
                return -ENOMEM;
        channel = channel_accept(s->listener_fd, container, s->manager->seccomp_fd, &s->guest_pidfd,
                                 &s->guest_pid);
        if (channel == -EACCES) {
                log_notice("Somebody outside sandbox %s tried to be its guest, refused", s->id);
                return -EAGAIN;
        }
        if (channel < 0)
                return channel;
        r = leaf_prepare(s, s->guest_pid);
        if (r < 0)
                return log_error(r, "Cannot prepare the cgroup of container %s", s->container);
        return TAKE_FD(channel);
}

int birth_record(Sandbox *s) {
        int r;

        r = record_open(s);
        if (r < 0)
                return r;
        r = audit_open(s);
        if (r < 0) {
                log_warning(r, "Cannot write the opening of sandbox %s to the journal", s->id);
                if (s->manager->audit_required)
                        return -EPERM;
        }
        return 0;
}

static int on_guest(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                    void *userdata) {
        Sandbox *s = userdata;
        _cleanup_close_ int channel = accept_guest(s);
        int r;

        if (channel == -EAGAIN)
                return 0;
        if (channel < 0) {
                birth_refuse(s, LAUNCHER_REFUSAL_GUEST,
                             "the guest's connection could not be taken");
                return 0;
        }

        s->conmon_pidfd = conmon_open(s->guest_pid);
        s->listener_watch = sd_event_source_disable_unref(s->listener_watch);
        sandbox_remove_files(s);
        s->timer = sd_event_source_disable_unref(s->timer);

        if (!s->sequence) {
                r = warm_begin(s, TAKE_FD(channel));
                if (r < 0)
                        birth_refuse(s, LAUNCHER_REFUSAL_INTERNAL,
                                     "the guest could not be listened to");
                birth_consider(s->manager);
                return 0;
        }
        r = birth_record(s);
        if (r == -EPERM)
                birth_refuse(s, LAUNCHER_REFUSAL_AUDIT,
                             "the journal cannot be written and policy requires it");
        else if (r < 0)
                birth_refuse(s, LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES,
                             "this machine has as many sandboxes as a launcher can remember");
        else {
                s->state = SANDBOX_OPEN;
                birth_consider(s->manager);
                s->events->opened(s, &channel, s->userdata);
        }
        return 0;
}

/* -- CREATE and START ------------------------------------------------------------------------ */

static int on_guest_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata) {
        birth_refuse(userdata, LAUNCHER_REFUSAL_GUEST,
                     "the container runs, but its guest did not connect in time");
        return 0;
}

static void on_started(const PodmanAnswer *answer, void *userdata) {
        Sandbox *s = userdata;
        int r;

        s->request = NULL;
        if (s->state == SANDBOX_KILLING) {
                removal_continue(s);
                return;
        }
        log_debug("Sandbox %s: container started", s->id);
        if (s->state != SANDBOX_START || s->warm)
                return; /* the guest was faster */
        if (answer->error < 0 || (answer->status != 204 && answer->status != 304)) {
                log_error(answer->error, "Podman did not start container %s (%s)", s->container,
                          answer->message);
                refuse_for_podman(s, answer);
                return;
        }
        r = sd_event_add_time_relative(s->manager->event, &s->timer, CLOCK_MONOTONIC,
                                       GUEST_TIMEOUT_USEC, 0, on_guest_timeout, s);
        if (r < 0)
                birth_refuse(s, LAUNCHER_REFUSAL_INTERNAL, "no timer for the guest");
}

static void on_created(const PodmanAnswer *answer, void *userdata) {
        Sandbox *s = userdata;
        const char *id;
        int r;

        s->request = NULL;
        if (s->state == SANDBOX_KILLING) {
                removal_continue(s);
                return;
        }
        if (answer->error < 0 || answer->status != 201) {
                log_error(answer->error, "Podman did not create container %s (%s)", s->container,
                          answer->message);
                refuse_for_podman(s, answer);
                return;
        }
        log_debug("Sandbox %s: container created", s->id);
        id = podman_json_get_string(answer->body, "Id");
        if (!id || strlen(id) >= sizeof(s->container_id) || strchr(id, '/')) {
                birth_refuse(s, LAUNCHER_REFUSAL_PODMAN, "Podman did not say the container's id");
                return;
        }
        memcpy(s->container_id, id, strlen(id) + 1);
        r = sd_event_add_io(s->manager->event, &s->listener_watch, s->listener_fd, EPOLLIN,
                            on_guest, s);
        if (r >= 0)
                r = podman_api_start(s->manager->podman, s->container, PODMAN_TIMEOUT_USEC,
                                     on_started, s, &s->request);
        if (r < 0) {
                birth_refuse(s, LAUNCHER_REFUSAL_INTERNAL,
                             "the request to Podman could not be made");
                return;
        }
        s->state = SANDBOX_START;
}

static int create(Sandbox *s) {
        _cleanup_(numbers_file_done) NumbersFiles files = {};
        SpecFile all[NUMBERS_FILES_MAX + 1] = {
                { POLICYDIR "/resolv.conf", "/etc/resolv.conf" }
        };
        _cleanup_json_ json_object *spec = NULL;
        unsigned cpus;
        uint64_t bytes;
        Numbers numbers;
        char uid[16];
        const char *labels[] = {
                "io.cloche.sandbox",    s->id,
                "io.cloche.connection", s->sequence ? s->sequence->connection : "",
                "io.cloche.uid",        uid,
                "io.cloche.cgroup",     s->cgroup,
        };
        int r;

        numbers_file_measure(&cpus, &bytes);
        numbers = numbers_of(&s->limits, cpus, bytes);
        r = numbers_file_make(s->socket_path, &numbers, &files);
        if (r < 0)
                return log_error(r, "Cannot make %s.*", s->socket_path);

        memcpy(all + 1, files.files, files.n * sizeof(*all));
        (void)snprintf(uid, sizeof(uid), "%u", s->uid);
        r = spec_complete(s->profile->spec,
                          &(SpecSandbox){
                                  .name = s->container,
                                  .image_id = s->profile->image_id,
                                  .cgroup_parent = s->cgroup,
                                  .paths = {
                                          .guest = LIBEXECDIR "/cloche-guest",
                                          .drivers = LIBEXECDIR "/drivers",
                                          .channel = s->socket_path,
                                  },
                                  .system_mode = s->manager->system_mode,
                                  .work_bytes = s->limits.work_bytes,
                                  .memory_bytes = s->limits.memory_bytes,
                                  .cpu_percent = s->limits.cpu_percent,
                                  .cpus = numbers.cpus,
                                  .files = all,
                                  .n_files = files.n + 1,
                                  .labels = labels,
                                  .n_labels = ARRAY_SIZE(labels) / 2,
                          },
                          &spec);
        if (r < 0)
                return r;
        s->create_asked = true;
        return podman_api_create(s->manager->podman, spec, PODMAN_TIMEOUT_USEC, on_created, s,
                                 &s->request);
}

/* -- SCOPE ----------------------------------------------------------------------------------- */

/* The scope's cgroup is where systemd has put the holder. */
static int enter_scope(Sandbox *s) {
        size_t n, suffix = strlen(s->scope_name);
        int r;

        r = cgroup_of_pid(s->holder_pid, &s->cgroup);
        if (r < 0)
                return r;
        n = strlen(s->cgroup);
        if (n <= suffix || s->cgroup[n - suffix - 1] != '/' ||
            strcmp(s->cgroup + n - suffix, s->scope_name) != 0)
                return -EBADMSG;
        r = sandbox_watch_cgroup(s);
        if (r < 0)
                return r;
        return cgroup_move_to_leaf(s->cgroup_fd, "holder", s->holder_pid);
}

static void on_scope(int error, const char *message, void *userdata) {
        Sandbox *s = userdata;
        int r;

        s->scope_start = NULL;
        log_debug("Sandbox %s: scope made", s->id);
        if (error < 0) {
                log_error(error, "Cannot make %s (%s)", s->scope_name, message);
                birth_refuse(s, LAUNCHER_REFUSAL_SCOPE, message);
                return;
        }
        s->state = SANDBOX_CREATE;
        r = enter_scope(s);
        if (r < 0) {
                log_error(r, "Cannot enter the cgroup of %s", s->scope_name);
                birth_refuse(s, LAUNCHER_REFUSAL_SCOPE, "the scope's cgroup could not be entered");
                return;
        }
        r = create(s);
        if (r < 0)
                birth_refuse(s, LAUNCHER_REFUSAL_INTERNAL,
                             "the request to Podman could not be made");
}

static int start_scope(Sandbox *s) {
        char slice[32], description[128];
        uint64_t now;
        int r;

        r = sd_event_now(s->manager->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        s->born_usec = now;
        s->deadline_usec = now + (s->keep ? s->limits.lifetime_usec + LIFETIME_SLACK_USEC
                                          : s->limits.timeout_usec + EXEC_SLACK_USEC);
        (void)snprintf(slice, sizeof(slice), "cloche-u%u.slice", s->uid);
        if (!s->sequence)
                s->deadline_usec += WARM_AGE_MAX_USEC;
        (void)snprintf(description, sizeof(description), SCOPE_DESCRIPTION, s->profile_name, s->uid,
                       s->sequence ? "" : ", being made ready");
        s->scope_asked = true;
        return scope_start(s->manager->scopes,
                           &(ScopeOptions){
                                   .name = s->scope_name,
                                   .slice = slice,
                                   .description = description,
                                   .pid = s->holder_pid,
                                   .limits = &s->limits,
                                   .runtime_max_usec = s->deadline_usec - now,
                           },
                           on_scope, s, &s->scope_start);
}

static int make(Sandbox *s) {
        int r;

        if (asprintf(&s->socket_path, "%s/%s", s->manager->sandbox_dir, s->id) < 0)
                return -ENOMEM;
        s->listener_fd = channel_listen(s->socket_path);
        if (s->listener_fd < 0)
                return s->listener_fd;
        r = spawn_holder(s);
        return r < 0 ? r : start_scope(s);
}

static void begin(Sandbox *s) {
        int r;

        s->state = SANDBOX_SCOPE;
        r = make(s);
        if (r < 0) {
                log_error(r, "Cannot begin sandbox %s", s->id);
                birth_refuse(s, LAUNCHER_REFUSAL_INTERNAL, "a sandbox could not be begun");
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The launcher's frame: one loop, one listening socket, and everything that modules share. It is
 * started by its socket and ends itself when nobody has been there for LAUNCHER_IDLE_USEC, so that
 * a machine without clients runs nothing of ours. SIGTERM ends every sandbox first; a crash ends
 * none (client.c).
 *
 * A lost bus connection ends the process with a failure: systemd starts a new one at once, which
 * goes on with everything. There is no state that only a living process knows. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "launcher/client.h"
#include "launcher/manager.h"
#include "launcher/pool.h"
#include "launcher/recovery.h"
#include "launcher/sandbox.h"
#include "launcher/seccomp.h"

#define PASSED_FDS_MAX (CONNECTIONS_MAX + 8)

static int on_idle(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Manager *m = userdata;

        (void)sd_notify(false, "STOPPING=1\nSTATUS=Idle");
        return sd_event_exit(m->event, 0);
}

void manager_defer(Manager *m, sd_event_source **source, sd_event_handler_t handler) {
        int r;

        if (!*source)
                r = sd_event_add_defer(m->event, source, handler, m);
        else
                r = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error(r, "Cannot go on with what waits");
}

void manager_consider_exit(Manager *m) {
        int r;

        if (m->clients || m->sandboxes) {
                if (m->idle_timer)
                        (void)sd_event_source_set_enabled(m->idle_timer, SD_EVENT_OFF);
                return;
        }
        if (m->stopping) {
                (void)sd_event_exit(m->event, 0);
                return;
        }
        if (!m->idle_timer)
                return;
        r = sd_event_source_set_time_relative(m->idle_timer, LAUNCHER_IDLE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->idle_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_warning(r, "Cannot set the idle timer, staying");
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                   void *userdata) {
        Manager *m = userdata;
        Client *next;

        m->stopping = true;
        (void)sd_notify(false, "STOPPING=1\nSTATUS=Ending every sandbox");
        for (Client *c = m->clients; c; c = next) {
                next = c->next;
                client_end(c);
        }
        pool_end_all(m);
        manager_consider_exit(m);
        return 0;
}

static int on_connection(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                         void *userdata) {
        int client_fd, r;

        client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client_fd < 0) {
                if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                        log_warning(errno, "Cannot accept a handler, ignoring");
                return 0;
        }
        r = client_new(userdata, client_fd);
        if (r < 0)
                log_error(r, "Cannot take a handler");
        return 0;
}

/* -- birth ----------------------------------------------------------------------------------- */

static int make_paths(Manager *m) {
        const char *runtime = getenv("RUNTIME_DIRECTORY"), *xdg = getenv("XDG_RUNTIME_DIR");

        if (!runtime || runtime[0] != '/' || strchr(runtime, ':'))
                return log_error(EINVAL, "RUNTIME_DIRECTORY is not one absolute path; start me "
                                         "as cloche-launcher.service");
        if (!m->system_mode && !xdg)
                return log_error(EINVAL, "XDG_RUNTIME_DIR is not set");

        m->runtime_dir = strdup(runtime);
        if (!m->runtime_dir || asprintf(&m->sandbox_dir, "%s/sandbox", runtime) < 0 ||
            asprintf(&m->podman_socket, "%s/cloche/podman.sock", m->system_mode ? "/run" : xdg) < 0)
                return log_oom();
        if (mkdir(m->sandbox_dir, 0700) < 0 && errno != EEXIST)
                return log_error(errno, "Cannot make %s", m->sandbox_dir);
        return 0;
}

static int load_seccomp(Manager *m) {
        _cleanup_free_ char *problem = NULL;
        _cleanup_free_ void *program = NULL;
        size_t size;
        int r;

        r = seccomp_compile(POLICYDIR "/seccomp/default.list", &problem, &program, &size);
        if (r < 0)
                return log_error(r, "Cannot compile the system call filter (%s)",
                                 problem ?: "no detail");
        m->seccomp_fd = fd_new_sealed("cloche-seccomp", program, size);
        if (m->seccomp_fd < 0)
                return log_error(m->seccomp_fd, "Cannot keep the system call filter");
        return 0;
}

static int connect_bus(Manager *m) {
        int r;

        r = m->system_mode ? sd_bus_open_system(&m->bus) : sd_bus_open_user(&m->bus);
        if (r < 0)
                return log_error(r, "Cannot connect to the %s bus",
                                 m->system_mode ? "system" : "user's");
        r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(m->bus, 1);
        if (r >= 0)
                r = scope_bus_new(&m->scopes, m->bus);
        if (r < 0)
                return log_error(r, "Cannot talk to the service manager");
        return 0;
}

static int make_sources(Manager *m) {
        int r;

        r = sd_event_add_time_relative(m->event, &m->idle_timer, CLOCK_MONOTONIC,
                                       LAUNCHER_IDLE_USEC, 0, on_idle, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_stop,
                                        m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_stop,
                                        m);
        return r;
}

int manager_new(Manager **ret, bool system_mode) {
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        m = calloc(1, sizeof(*m));
        if (!m)
                return log_oom();
        m->system_mode = system_mode;
        m->seccomp_fd = -EBADF;

        r = make_paths(m);
        if (r < 0)
                return r;
        r = load_seccomp(m);
        if (r < 0)
                return r;
        r = sd_event_default(&m->event);
        if (r >= 0)
                r = make_sources(m);
        if (r < 0)
                return log_error(r, "Cannot make the event loop");
        r = connect_bus(m);
        if (r < 0)
                return r;
        r = podman_api_new(&m->podman, m->event, m->podman_socket);
        if (r >= 0)
                r = profile_store_new(&m->profiles, m->event, m->bus, m->podman, m->runtime_dir,
                                      m->system_mode);
        if (r >= 0)
                r = audit_new(&m->audit, "launcher", -EBADF);
        if (r < 0)
                return log_error(r, "Cannot prepare");
        profile_store_watch(m->profiles, pool_profiles_changed, m);

        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        while (m->sandboxes)
                sandbox_free(m->sandboxes);
        pool_free_all(m);
        profile_store_free(m->profiles);
        podman_api_free(m->podman);
        scope_bus_free(m->scopes);
        audit_free(m->audit);
        state_close(m->state);
        sd_event_source_disable_unref(m->listener);
        sd_event_source_disable_unref(m->idle_timer);
        sd_event_source_disable_unref(m->births);
        sd_event_source_disable_unref(m->removals);
        if (m->bus)
                sd_bus_flush_close_unref(m->bus);
        sd_event_unref(m->event);
        close_fd(m->seccomp_fd);
        free(m->runtime_dir);
        free(m->sandbox_dir);
        free(m->podman_socket);
        free(m);
        return NULL;
}

/* -- life ------------------------------------------------------------------------------------ */

static int take_fds(Manager *m) {
        _cleanup_free_ char **names = NULL;
        RecoveryFd stored[PASSED_FDS_MAX];
        size_t n_stored = 0;
        int n, r, listen_fd = -EBADF;

        n = sd_listen_fds_with_names(true, &names);
        if (n < 0)
                return log_error(n, "Cannot take the passed descriptors");
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (listen_fd < 0 && sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) > 0)
                        listen_fd = fd;
                else if (n_stored < PASSED_FDS_MAX)
                        stored[n_stored++] = (RecoveryFd){ .fd = fd, .name = names[i] };
                else
                        close_fd(fd);
        }
        if (listen_fd < 0)
                r = log_error(EINVAL, "No listening socket; start me by cloche-launcher.socket");
        else
                r = recovery_adopt(m, stored, n_stored);
        for (int i = 0; i < n; i++)
                free(names[i]);
        if (r < 0)
                return r;

        r = fd_set_nonblock(listen_fd, 1);
        if (r >= 0)
                r = sd_event_add_io(m->event, &m->listener, listen_fd, EPOLLIN, on_connection, m);
        return r < 0 ? log_error(r, "Cannot watch the listening socket") : 0;
}

int manager_run(Manager *m) {
        int r;

        r = take_fds(m);
        if (r < 0)
                return r;
        recovery_sweep(m);
        (void)sd_notify(false, "READY=1");
        r = sd_event_loop(m->event);
        return r < 0 ? log_error(r, "The event loop failed") : r;
}

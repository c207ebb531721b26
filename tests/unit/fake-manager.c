/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A filter that answers by hand, so that every byte of an answer is the test's choice. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/cleanup.h"
#include "fake-manager.h"

#define MANAGER "org.freedesktop.systemd1.Manager"

static const FakeUnit *find_unit(const FakeManager *m, const char *name) {
        static const FakeUnit missing = { .load_state = "not-found",
                                          .source_path = "",
                                          .description = "",
                                          .memory_max = UINT64_MAX,
                                          .tasks_max = FAKE_DEFAULT_TASKS_MAX,
                                          .cpu_quota_usec = UINT64_MAX };

        for (size_t i = 0; i < m->n_units; i++)
                if (strcmp(m->units[i].name, name) == 0)
                        return &m->units[i];
        return &missing;
}

static int load_unit(FakeManager *m, sd_bus_message *call) {
        const char *name;
        char *path = NULL;
        int r;

        assert(sd_bus_message_read(call, "s", &name) > 0);
        assert(sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path) >= 0);
        m->n_loads++;
        r = sd_bus_reply_method_return(call, "o", path);
        free(path);
        return r;
}

static void append_commands(sd_bus_message *reply, const FakeUnit *u) {
        assert(sd_bus_message_open_container(reply, 'e', "sv") >= 0);
        assert(sd_bus_message_append(reply, "s", "ExecStart") >= 0);
        assert(sd_bus_message_open_container(reply, 'v', "a(sasbttttuii)") >= 0);
        assert(sd_bus_message_open_container(reply, 'a', "(sasbttttuii)") >= 0);
        for (unsigned i = 0; u->argv && i < u->n_commands; i++) {
                assert(sd_bus_message_open_container(reply, 'r', "sasbttttuii") >= 0);
                assert(sd_bus_message_append(reply, "s", u->argv[0]) >= 0);
                assert(sd_bus_message_open_container(reply, 'a', "s") >= 0);
                for (const char *const *p = u->argv; *p; p++)
                        assert(sd_bus_message_append(reply, "s", *p) >= 0);
                assert(sd_bus_message_close_container(reply) >= 0);
                assert(sd_bus_message_append(reply, "bttttuii", 0, UINT64_C(0), UINT64_C(0),
                                             UINT64_C(0), UINT64_C(0), 0, 0, 0) >= 0);
                assert(sd_bus_message_close_container(reply) >= 0);
        }
        for (unsigned i = 0; i < 3; i++)
                assert(sd_bus_message_close_container(reply) >= 0);
}

static int get_all(const FakeManager *m, sd_bus_message *call) {
        sd_bus_message *reply = NULL;
        const FakeUnit *u;
        char *name = NULL;
        int r;

        assert(sd_bus_path_decode(sd_bus_message_get_path(call), "/org/freedesktop/systemd1/unit",
                                  &name) > 0);
        u = find_unit(m, name);
        free(name);
        assert(sd_bus_message_new_method_return(call, &reply) >= 0);
        assert(sd_bus_message_open_container(reply, 'a', "{sv}") >= 0);
        assert(sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "s",
                                     "x", /* of no interest */
                                     "LoadState", "s", u->load_state, "SourcePath", "s",
                                     u->source_path, "Description", "s", u->description,
                                     "NeedDaemonReload", "b", u->need_reload, "MemoryMax", "t",
                                     u->memory_max, "TasksMax", "t", u->tasks_max,
                                     "CPUQuotaPerSecUSec", "t", u->cpu_quota_usec) >= 0);
        if (strcmp(u->load_state, "not-found") != 0)
                append_commands(reply, u);
        assert(sd_bus_message_close_container(reply) >= 0);
        r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int get(sd_bus_message *call) {
        const char *interface, *name;

        assert(sd_bus_message_read(call, "ss", &interface, &name) > 0);
        assert(strcmp(interface, MANAGER) == 0 && strcmp(name, "DefaultTasksMax") == 0);
        return sd_bus_reply_method_return(call, "v", "t", (uint64_t)FAKE_DEFAULT_TASKS_MAX);
}

static int list_files(const FakeManager *m, sd_bus_message *call) {
        sd_bus_message *reply = NULL;
        int r;

        assert(sd_bus_message_new_method_return(call, &reply) >= 0);
        assert(sd_bus_message_open_container(reply, 'a', "(ss)") >= 0);
        for (size_t i = m->n_units; i-- > 0;) {
                char path[128];

                (void)snprintf(path, sizeof(path), "/run/systemd/generator/%s", m->units[i].name);
                assert(sd_bus_message_append(reply, "(ss)", path, "generated") >= 0);
        }
        assert(sd_bus_message_close_container(reply) >= 0);
        r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int on_message(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *reterr) {
        FakeManager *m = userdata;
        const char *member = sd_bus_message_get_member(call);

        if (!member || sd_bus_message_is_method_call(call, NULL, NULL) <= 0)
                return 0;
        if (strcmp(member, "Subscribe") == 0)
                return sd_bus_reply_method_errorf(call, MANAGER ".AlreadySubscribed", "before");
        if (m->is_deaf)
                return 1;
        if (m->is_broken)
                return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_ACCESS_DENIED, "no");
        if (strcmp(member, "LoadUnit") == 0)
                return load_unit(m, call);
        if (strcmp(member, "GetAll") == 0)
                return get_all(m, call);
        if (strcmp(member, "Get") == 0)
                return get(call);
        if (strcmp(member, "ListUnitFilesByPatterns") == 0)
                return list_files(m, call);
        assert(false);
        return 0;
}

FakeManager *fake_manager_new(sd_event *event, sd_bus **ret_client) {
        FakeManager *m = calloc(1, sizeof(*m));
        sd_bus *client = NULL;
        sd_id128_t id = {};
        int fds[2];

        assert(m && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        assert(sd_bus_new(&m->bus) >= 0 && sd_bus_set_fd(m->bus, fds[0], fds[0]) >= 0);
        assert(sd_bus_set_server(m->bus, 1, id) >= 0 && sd_bus_start(m->bus) >= 0);
        assert(sd_bus_add_filter(m->bus, NULL, on_message, m) >= 0);
        assert(sd_bus_attach_event(m->bus, event, 0) >= 0);

        assert(sd_bus_new(&client) >= 0 && sd_bus_set_fd(client, fds[1], fds[1]) >= 0);
        assert(sd_bus_start(client) >= 0 && sd_bus_attach_event(client, event, 0) >= 0);
        *ret_client = client;
        return m;
}

FakeManager *fake_manager_free(FakeManager *m) {
        if (!m)
                return NULL;
        sd_bus_detach_event(m->bus);
        sd_bus_close(m->bus);
        sd_bus_unref(m->bus);
        free(m);
        return NULL;
}

void fake_manager_reload(FakeManager *m) {
        for (int active = 1; active >= 0; active--)
                assert(sd_bus_emit_signal(m->bus, "/org/freedesktop/systemd1", MANAGER, "Reloading",
                                          "b", active) >= 0);
}

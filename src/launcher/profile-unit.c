/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Three calls, one after another: LoadUnit, because a unit that nothing refers to is not kept
 * loaded; all properties of its object; and the manager's DefaultTasksMax, because a unit's
 * TasksMax shows that number when its file says nothing.
 *
 * Trust: the manager is believed. Lengths are what D-Bus allows a message; the number of words is
 * bounded here. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/profile-unit.h"

#define SYSTEMD_SERVICE   "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"
#define PROPERTIES        "org.freedesktop.DBus.Properties"

static inline void cleanup_message(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(cleanup_message)

struct ProfileUnitRequest {
        sd_bus *bus;
        sd_bus_slot *call;
        uint64_t timeout_usec;
        ProfileUnit unit;
        profile_unit_callback_t callback;
        void *userdata;
};

static void free_argv(ProfileUnit *u) {
        for (size_t i = 0; i < u->n_argv; i++)
                free(u->argv[i]);
        free(u->argv);
        u->argv = NULL;
        u->n_argv = 0;
}

ProfileUnitRequest *profile_unit_request_free(ProfileUnitRequest *r) {
        if (!r)
                return NULL;
        sd_bus_slot_unref(r->call);
        sd_bus_unref(r->bus);
        free_argv(&r->unit);
        free(r->unit.load_state);
        free(r->unit.source_path);
        free(r->unit.description);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(ProfileUnitRequest, profile_unit_request_free)

static void finish(ProfileUnitRequest *r, int error) {
        r->call = sd_bus_slot_unref(r->call);
        r->callback(error, &r->unit, r->userdata);
        profile_unit_request_free(r);
}

/* -- properties ------------------------------------------------------------------------------ */

static int read_text(sd_bus_message *m, char **ret) {
        const char *s;
        char *copy;
        int r;

        r = sd_bus_message_read(m, "v", "s", &s);
        if (r < 0)
                return r;
        copy = strdup(s);
        if (!copy)
                return -ENOMEM;
        free(*ret);
        *ret = copy;
        return 0;
}

static int read_number(sd_bus_message *m, uint64_t *ret) {
        return sd_bus_message_read(m, "v", "t", ret);
}

static int read_bool(sd_bus_message *m, bool *ret) {
        int b, r;

        r = sd_bus_message_read(m, "v", "b", &b);
        if (r >= 0)
                *ret = b;
        return r;
}

static int read_words(sd_bus_message *m, ProfileUnit *u) {
        const char *word;
        int r;

        free_argv(u);
        u->argv = calloc(ARGV_MAX + 1, sizeof(*u->argv));
        if (!u->argv)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &word)) > 0) {
                if (u->n_argv == ARGV_MAX)
                        return -E2BIG;
                u->argv[u->n_argv] = strdup(word);
                if (!u->argv[u->n_argv])
                        return -ENOMEM;
                u->n_argv++;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* a(sasbttttuii): path, argv, and what became of it the last time */
static int read_commands(sd_bus_message *m, ProfileUnit *u) {
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "a(sasbttttuii)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                n++;
                r = sd_bus_message_skip(m, "s");
                if (r >= 0)
                        r = read_words(m, u);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "bttttuii");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (n != 1)
                free_argv(u);
        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, const char *name, ProfileUnit *u) {
        if (strcmp(name, "LoadState") == 0)
                return read_text(m, &u->load_state);
        if (strcmp(name, "SourcePath") == 0)
                return read_text(m, &u->source_path);
        if (strcmp(name, "Description") == 0)
                return read_text(m, &u->description);
        if (strcmp(name, "NeedDaemonReload") == 0)
                return read_bool(m, &u->need_reload);
        if (strcmp(name, "MemoryMax") == 0)
                return read_number(m, &u->memory_max);
        if (strcmp(name, "TasksMax") == 0)
                return read_number(m, &u->tasks_max);
        if (strcmp(name, "CPUQuotaPerSecUSec") == 0)
                return read_number(m, &u->cpu_quota_usec);
        if (strcmp(name, "ExecStart") == 0)
                return read_commands(m, u);
        return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, ProfileUnit *u) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, u);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : u->load_state && u->source_path && u->description ? 0 : -EBADMSG;
}

/* -- calls ----------------------------------------------------------------------------------- */

static int call(ProfileUnitRequest *r, const char *path, const char *interface, const char *member,
                sd_bus_message_handler_t handler, const char *first, const char *second) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int e;

        e = sd_bus_message_new_method_call(r->bus, &m, SYSTEMD_SERVICE, path, interface, member);
        if (e >= 0)
                e = sd_bus_message_append(m, "s", first);
        if (e >= 0 && second)
                e = sd_bus_message_append(m, "s", second);
        if (e < 0)
                return e;
        r->call = sd_bus_slot_unref(r->call);
        e = sd_bus_call_async(r->bus, &r->call, m, handler, r, r->timeout_usec);
        return e < 0 ? e : 0;
}

static int on_default_tasks(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        ProfileUnitRequest *r = userdata;
        uint64_t tasks = UINT64_MAX;
        int e = -sd_bus_message_get_errno(m);

        if (e >= 0)
                e = read_number(m, &tasks);
        if (e >= 0 && r->unit.tasks_max == tasks)
                r->unit.tasks_max = UINT64_MAX; /* the manager's word, not the file's */
        finish(r, e < 0 ? e : 0);
        return 0;
}

static int on_properties(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        ProfileUnitRequest *r = userdata;
        int e = -sd_bus_message_get_errno(m);

        if (e >= 0)
                e = read_properties(m, &r->unit);
        if (e >= 0)
                e = call(r, SYSTEMD_PATH, PROPERTIES, "Get", on_default_tasks, SYSTEMD_INTERFACE,
                         "DefaultTasksMax");
        if (e < 0)
                finish(r, e);
        return 0;
}

static int on_loaded(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        ProfileUnitRequest *r = userdata;
        int e = -sd_bus_message_get_errno(m);
        const char *path;

        if (e >= 0)
                e = sd_bus_message_read(m, "o", &path);
        if (e >= 0)
                e = call(r, path, PROPERTIES, "GetAll", on_properties, "" /* all interfaces */,
                         NULL);
        if (e < 0)
                finish(r, e);
        return 0;
}

int profile_unit_read(sd_bus *bus, const char *name, uint64_t timeout_usec,
                      profile_unit_callback_t callback, void *userdata, ProfileUnitRequest **ret) {
        _cleanup_(profile_unit_request_freep) ProfileUnitRequest *r = NULL;
        _cleanup_free_ char *unit = NULL;
        int e;

        if (asprintf(&unit, "cloche-%s.service", name) < 0) {
                unit = NULL;
                return -ENOMEM;
        }
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        *r = (ProfileUnitRequest){
                .bus = sd_bus_ref(bus),
                .timeout_usec = timeout_usec,
                .unit = { .memory_max = UINT64_MAX,
                         .tasks_max = UINT64_MAX,
                         .cpu_quota_usec = UINT64_MAX },
                .callback = callback,
                .userdata = userdata,
        };
        e = call(r, SYSTEMD_PATH, SYSTEMD_INTERFACE, "LoadUnit", on_loaded, unit, NULL);
        if (e < 0)
                return e;

        *ret = TAKE_PTR(r);
        return 0;
}

/* -- its command ------------------------------------------------------------------------------ */

bool profile_unit_is_profile(const ProfileUnit *unit) {
        static const char inline_label[] = "--label=io.cloche.";
        const char *name = unit->n_argv > 0 ? strrchr(unit->argv[0], '/') : NULL;
        bool runs = false;

        if (!name || strcmp(name, "/podman") != 0)
                return false;
        for (size_t i = 1; i < unit->n_argv; i++) {
                const char *word = unit->argv[i];

                runs = runs || strcmp(word, "run") == 0;
                if (!runs)
                        continue;
                if (strncmp(word, inline_label, sizeof(inline_label) - 1) == 0 ||
                    (strcmp(word, "--label") == 0 && i + 1 < unit->n_argv &&
                     strncmp(unit->argv[i + 1], "io.cloche.", 10) == 0))
                        return true;
        }
        return false;
}

int profile_unit_prepare_argv(char **argv, const char **ret_word) {
        if (argv[0] && argv[1] && strcmp(argv[1], "run") != 0) {
                *ret_word = argv[1];
                return -EINVAL;
        }
        for (size_t i = 0; argv[i]; i++) {
                char *to = argv[i];

                /* systemd replaces "${X}" anywhere and "$X" where it is a whole word */
                for (const char *p = argv[i]; *p; p++) {
                        if (p[0] == '$' && (p[1] == '{' || (p == argv[i] && p[1] != '$'))) {
                                *ret_word = argv[i];
                                return -EINVAL;
                        }
                        if (p[0] == '$' && p[1] == '$')
                                p++;
                        *to++ = *p;
                }
                *to = 0;
        }
        return 0;
}

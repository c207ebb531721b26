/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* StartTransientUnit answers with a job; the scope exists when JobRemoved names that job. The
 * signal may be delivered before the answer is dispatched only if the match came later than the
 * call, so the match and Subscribe() are made first, once, and each start remembers its job's path.
 *
 * Every scope gets the same shape: limits on itself (so they bind all that will ever be in it),
 * Delegate= (Podman makes the container's cgroup below it), SIGKILL as its only signal (a
 * container's first process ignores SIGTERM), OOMPolicy=continue (the kernel kills the greedy
 * process, not the sandbox) and CollectMode= (nothing stays loaded when it is over). */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/scope.h"

#define SYSTEMD_SERVICE   "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

static inline void message_unrefp(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_unrefp)

struct ScopeStart {
        ScopeBus *bus;
        ScopeStart *next;
        char *job; /* object path, once the manager has answered */
        sd_bus_slot *call;
        sd_event_source *timer;
        scope_callback_t callback;
        void *userdata;
};

struct ScopeBus {
        sd_bus *bus;
        sd_bus_slot *match;
        ScopeStart *starts;
};

typedef struct ScopeList {
        scope_list_callback_t callback;
        void *userdata;
} ScopeList;

ScopeStart *scope_start_free(ScopeStart *s) {
        if (!s)
                return NULL;
        for (ScopeStart **p = &s->bus->starts; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        sd_bus_slot_unref(s->call);
        sd_event_source_disable_unref(s->timer);
        free(s->job);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(ScopeStart, scope_start_free)

static void finish(ScopeStart *s, int error, const char *message) {
        scope_callback_t callback = s->callback;
        void *userdata = s->userdata;

        scope_start_free(s);
        callback(error, message, userdata);
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        ScopeBus *b = userdata;
        const char *job, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0)
                return 0;

        for (ScopeStart *s = b->starts; s; s = s->next)
                if (s->job && strcmp(s->job, job) == 0) {
                        char text[128];

                        if (strcmp(result, "done") == 0) {
                                finish(s, 0, "");
                                return 0;
                        }
                        (void)snprintf(text, sizeof(text), "the job of %s ended as '%s'", unit,
                                       result);
                        finish(s, -EIO, text);
                        return 0;
                }
        return 0;
}

static int on_start_answer(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        ScopeStart *s = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(m);
        const char *job;

        if (e) {
                finish(s, -EIO, e->message ?: e->name);
                return 0;
        }
        if (sd_bus_message_read(m, "o", &job) < 0 || !(s->job = strdup(job)))
                finish(s, -EIO, "the manager's answer could not be read");
        return 0;
}

static int on_start_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata) {
        finish(userdata, -ETIMEDOUT, "the service manager did not make the scope in time");
        return 0;
}

int scope_bus_new(ScopeBus **ret, sd_bus *bus) {
        ScopeBus *b;
        int r;

        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->bus = sd_bus_ref(bus);
        r = sd_bus_match_signal(bus, &b->match, SYSTEMD_SERVICE, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                "JobRemoved", on_job_removed, b);
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD_SERVICE, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                       "Subscribe", NULL, NULL, NULL);
        if (r < 0) {
                scope_bus_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

ScopeBus *scope_bus_free(ScopeBus *b) {
        if (!b)
                return NULL;
        while (b->starts)
                scope_start_free(b->starts);
        sd_bus_slot_unref(b->match);
        sd_bus_unref(b->bus);
        free(b);
        return NULL;
}

static int append_limits(sd_bus_message *m, const LauncherLimits *l) {
        int r;

        r = sd_bus_message_append(m, "(sv)", "MemoryMax", "t", l->memory_bytes);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "MemorySwapMax", "t", UINT64_C(0));
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", l->tasks);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "CPUQuotaPerSecUSec", "t",
                                          l->cpu_percent * (USEC_PER_SEC / 100));
        return r;
}

static int append_properties(sd_bus_message *m, const ScopeOptions *o) {
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", o->description,
                                  "Slice", "s", o->slice, "CollectMode", "s", "inactive-or-failed",
                                  "Delegate", "b", 1, "OOMPolicy", "s", "continue");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "RuntimeMaxUSec", "t",
                                          o->runtime_max_usec, "KillSignal", "i", SIGKILL,
                                          "TimeoutStopUSec", "t", 5 * USEC_PER_SEC);
        if (r >= 0)
                r = append_limits(m, o->limits);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)o->pid);
        return r;
}

static int new_start_message(ScopeBus *b, const ScopeOptions *o, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(b->bus, &m, SYSTEMD_SERVICE, SYSTEMD_PATH,
                                           SYSTEMD_INTERFACE, "StartTransientUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", o->name, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_properties(m, o);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int scope_start(ScopeBus *b, const ScopeOptions *options, scope_callback_t callback, void *userdata,
                ScopeStart **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_(scope_start_freep) ScopeStart *s = NULL;
        int r;

        r = new_start_message(b, options, &m);
        if (r < 0)
                return r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (ScopeStart){
                .bus = b, .next = b->starts, .callback = callback, .userdata = userdata
        };
        b->starts = s;

        r = sd_bus_call_async(b->bus, &s->call, m, on_start_answer, s, SCOPE_TIMEOUT_USEC);
        if (r >= 0)
                r = sd_event_add_time_relative(sd_bus_get_event(b->bus), &s->timer, CLOCK_MONOTONIC,
                                               SCOPE_TIMEOUT_USEC, 0, on_start_timeout, s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* A scope that is gone is what was wanted, or will be told in another way. */
static int on_answer_ignored(sd_bus_message *m _unused_, void *userdata _unused_,
                             sd_bus_error *reterr _unused_) {
        return 0;
}

int scope_stop(ScopeBus *b, const char *name) {
        return sd_bus_call_method_async(b->bus, NULL, SYSTEMD_SERVICE, SYSTEMD_PATH,
                                        SYSTEMD_INTERFACE, "StopUnit", on_answer_ignored, NULL,
                                        "ss", name, "replace");
}

int scope_describe(ScopeBus *b, const char *name, const char *profile, uint32_t uid,
                   const char *state) {
        char text[128];

        (void)snprintf(text, sizeof(text), SCOPE_DESCRIPTION, profile, uid, state);
        return sd_bus_call_method_async(b->bus, NULL, SYSTEMD_SERVICE, SYSTEMD_PATH,
                                        SYSTEMD_INTERFACE, "SetUnitProperties", on_answer_ignored,
                                        NULL, "sba(sv)", name, 1, 1, "Description", "s", text);
}

/* Copies the names out of ListUnitsByPatterns' answer. Returns 0 or -errno. */
static int read_names(sd_bus_message *m, char ***ret, size_t *ret_n) {
        char **names = NULL;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        while (r > 0) {
                const char *name;
                char **grown;

                r = sd_bus_message_read(m, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL,
                                        NULL, NULL, NULL, NULL);
                if (r <= 0)
                        break;
                grown = reallocarray(names, n + 1, sizeof(*names));
                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                names = grown;
                names[n] = strdup(name);
                if (!names[n]) {
                        r = -ENOMEM;
                        break;
                }
                n++;
        }
        *ret = names;
        *ret_n = n;
        return r < 0 ? r : 0;
}

static int on_list_answer(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        ScopeList *l = userdata;
        char **names = NULL;
        size_t n = 0;
        int r;

        r = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m)
                                                    : read_names(m, &names, &n);
        l->callback(r, names, n, l->userdata);

        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
        return 0;
}

int scope_list(ScopeBus *b, scope_list_callback_t callback, void *userdata) {
        sd_bus_slot *slot = NULL;
        ScopeList *l;
        int r;

        l = malloc(sizeof(*l));
        if (!l)
                return -ENOMEM;
        *l = (ScopeList){ .callback = callback, .userdata = userdata };

        r = sd_bus_call_method_async(b->bus, &slot, SYSTEMD_SERVICE, SYSTEMD_PATH,
                                     SYSTEMD_INTERFACE, "ListUnitsByPatterns", on_list_answer, l,
                                     "asas", 0, 1, "cloche-*.scope");
        if (r < 0) {
                free(l);
                return r;
        }
        (void)sd_bus_slot_set_destroy_callback(slot, free);
        (void)sd_bus_slot_set_floating(slot, 1);
        sd_bus_slot_unref(slot);
        return 0;
}

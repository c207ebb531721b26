/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manager lists unit files by pattern, generated ones among them; whether one is a profile
 * shows only in its command. So each is read, one after another, and left out if it is none or
 * cannot be read: a broken unit must not hide the others. Template files have an "@" in their name
 * and so none that a profile can have. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/profile-list.h"
#include "launcher/profile-unit.h"
#include "wire/launcher-message.h"

#define PREFIX "cloche-"
#define SUFFIX ".service"

/* unit files that match and are looked at: profiles and services of our own */
#define UNIT_FILES_MAX (2 * PROFILES_MAX)

struct ProfileList {
        sd_bus *bus;
        sd_bus_slot *call;
        ProfileUnitRequest *unit;
        uint64_t timeout_usec;
        char **names; /* [0…n_good) are profiles, [next…n) are not looked at yet */
        size_t n;
        size_t n_good;
        size_t next;
        profile_list_callback_t callback;
        void *userdata;
};

ProfileList *profile_list_free(ProfileList *l) {
        if (!l)
                return NULL;
        sd_bus_slot_unref(l->call);
        profile_unit_request_free(l->unit);
        sd_bus_unref(l->bus);
        for (size_t i = 0; l->names && i < l->n; i++)
                free(l->names[i]);
        free(l->names);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(ProfileList, profile_list_free)

static void finish(ProfileList *l, int error) {
        if (error < 0)
                l->callback(error, NULL, 0, l->userdata);
        else
                l->callback(0, l->names, l->n_good, l->userdata);
        profile_list_free(l);
}

static void look_at_next(ProfileList *l);

static void on_unit(int error, const ProfileUnit *unit, void *userdata) {
        ProfileList *l = userdata;

        l->unit = NULL;
        if (error == 0 && profile_unit_is_profile(unit)) {
                char *name = l->names[l->next];

                l->names[l->next] = l->names[l->n_good];
                l->names[l->n_good++] = name;
        }
        l->next++;
        look_at_next(l);
}

static void look_at_next(ProfileList *l) {
        int r;

        if (l->next == l->n || l->n_good == PROFILES_MAX) {
                finish(l, 0);
                return;
        }
        r = profile_unit_read(l->bus, l->names[l->next], l->timeout_usec, on_unit, l, &l->unit);
        if (r < 0)
                finish(l, r);
}

/* "/run/systemd/generator/cloche-python.service" → "python", NULL when it names no profile or there
 * is no memory. */
static char *name_of(const char *path) {
        const char *file = strrchr(path, '/');
        size_t n;
        char *name;

        file = file ? file + 1 : path;
        n = strlen(file);
        if (n <= strlen(PREFIX SUFFIX) || strncmp(file, PREFIX, strlen(PREFIX)) != 0 ||
            strcmp(file + n - strlen(SUFFIX), SUFFIX) != 0)
                return NULL;
        name = strndup(file + strlen(PREFIX), n - strlen(PREFIX SUFFIX));
        if (name && !launcher_profile_name_is_valid(name)) {
                free(name);
                name = NULL;
        }
        return name;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int take_names(ProfileList *l, sd_bus_message *m) {
        const char *path;
        int r;

        l->names = calloc(UNIT_FILES_MAX, sizeof(*l->names));
        if (!l->names)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &path, NULL)) > 0 && l->n < UNIT_FILES_MAX) {
                char *name = name_of(path);

                if (name)
                        l->names[l->n++] = name;
        }
        if (r < 0)
                return r;
        qsort(l->names, l->n, sizeof(*l->names), compare);
        return 0;
}

static int on_files(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        ProfileList *l = userdata;
        int r = -sd_bus_message_get_errno(m);

        l->call = sd_bus_slot_unref(l->call);
        if (r >= 0)
                r = take_names(l, m);
        if (r < 0)
                finish(l, r);
        else
                look_at_next(l);
        return 0;
}

int profile_list_read(sd_bus *bus, uint64_t timeout_usec, profile_list_callback_t callback,
                      void *userdata, ProfileList **ret) {
        _cleanup_(profile_list_freep) ProfileList *l = NULL;
        sd_bus_message *m = NULL;
        int r;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->bus = sd_bus_ref(bus);
        l->timeout_usec = timeout_usec;
        l->callback = callback;
        l->userdata = userdata;

        r = sd_bus_message_new_method_call(
                bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager", "ListUnitFilesByPatterns");
        if (r >= 0)
                r = sd_bus_message_append(m, "asas", 0, 1, PREFIX "*" SUFFIX);
        if (r >= 0)
                r = sd_bus_call_async(bus, &l->call, m, on_files, l, timeout_usec);
        sd_bus_message_unref(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

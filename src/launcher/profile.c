/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The store: what is kept, what is being loaded, who waits for it. Ten clients that ask for one
 * profile at once wait for one load and cost one podman process.
 *
 * When the manager begins or ends a reload, nothing that was read before is worth keeping: the kept
 * profiles are dropped and the loads under way become stale. A stale load still answers those who
 * wait for it (they asked before), but nobody joins it and its profile is not kept.
 *
 * A Profile does not change once it is handed out. Sandboxes hold references, so a reload changes
 * nothing under them.
 *
 * A load is freed from its own callback, after its waiters were told; telling them may bring new
 * requests and cancel others, so each is taken off the list before it is told. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/profile-list.h"
#include "launcher/profile-load.h"
#include "launcher/profile.h"

#define SYSTEMD_SERVICE   "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

typedef struct StoreLoad StoreLoad;
typedef struct StoreList StoreList;

struct ProfileRequest {
        StoreLoad *load;
        ProfileRequest *next;
        profile_callback_t callback;
        void *userdata;
};

struct StoreLoad {
        ProfileStore *store;
        StoreLoad *next;
        char name[PROFILE_NAME_SIZE];
        ProfileLoad *load;
        bool is_stale;
        ProfileRequest *waiters;
};

struct StoreList {
        ProfileStore *store;
        StoreList *next;
        ProfileList *list;
        profile_names_callback_t callback;
        void *userdata;
};

struct ProfileStore {
        ProfileSource source;
        char *runtime_dir;
        sd_bus_slot *reloading;
        sd_bus_slot *subscribe;
        Profile *kept[PROFILES_MAX];
        StoreLoad *loads;
        StoreList *lists;
        profile_reloaded_callback_t reloaded;
        void *reloaded_userdata;
};

/* -- a profile ------------------------------------------------------------------------------- */

typedef struct Counted {
        Profile profile; /* first, so that a pointer to it is one to this */
        unsigned n_refs;
} Counted;

Profile *profile_new(const char *name) {
        Counted *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->n_refs = 1;
        memcpy(c->profile.name, name, strnlen(name, sizeof(c->profile.name) - 1));
        return &c->profile;
}

Profile *profile_ref(Profile *p) {
        if (p)
                ((Counted *)p)->n_refs++;
        return p;
}

Profile *profile_unref(Profile *p) {
        Counted *c = (Counted *)p;

        if (!c || --c->n_refs > 0)
                return NULL;
        json_object_put(c->profile.spec);
        free(c);
        return NULL;
}

/* -- what is kept ---------------------------------------------------------------------------- */

static Profile **find_kept(ProfileStore *s, const char *name) {
        for (size_t i = 0; i < PROFILES_MAX; i++)
                if (s->kept[i] && strcmp(s->kept[i]->name, name) == 0)
                        return &s->kept[i];
        return NULL;
}

static void forget(ProfileStore *s, const char *name) {
        Profile **p = find_kept(s, name);

        if (p)
                *p = profile_unref(*p);
}

static void keep(ProfileStore *s, Profile *profile) {
        forget(s, profile->name);
        for (size_t i = 0; i < PROFILES_MAX; i++)
                if (!s->kept[i]) {
                        s->kept[i] = profile_ref(profile);
                        return;
                }
}

static int on_reloading(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        ProfileStore *s = userdata;
        int begins = 0;

        for (size_t i = 0; i < PROFILES_MAX; i++)
                s->kept[i] = profile_unref(s->kept[i]);
        for (StoreLoad *l = s->loads; l; l = l->next)
                l->is_stale = true;
        /* there is no use in asking the manager while it reloads */
        if (s->reloaded && sd_bus_message_read(m, "b", &begins) >= 0 && !begins)
                s->reloaded(s->reloaded_userdata);
        return 0;
}

void profile_store_watch(ProfileStore *s, profile_reloaded_callback_t callback, void *userdata) {
        s->reloaded = callback;
        s->reloaded_userdata = userdata;
}

/* -- loads and who waits for them ------------------------------------------------------------ */

static void store_load_unlink(StoreLoad *l) {
        for (StoreLoad **p = &l->store->loads; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        return;
                }
}

static StoreLoad *store_load_free(StoreLoad *l) {
        if (!l)
                return NULL;
        store_load_unlink(l);
        while (l->waiters)
                profile_request_free(l->waiters);
        profile_load_free(l->load);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(StoreLoad, store_load_free)

static void request_unlink(ProfileRequest *r) {
        ProfileRequest **p = r->load ? &r->load->waiters : NULL;

        while (p && *p && *p != r)
                p = &(*p)->next;
        if (p && *p)
                *p = r->next;
        r->load = NULL;
}

ProfileRequest *profile_request_free(ProfileRequest *r) {
        if (!r)
                return NULL;
        request_unlink(r);
        free(r);
        return NULL;
}

static void on_load(LauncherRefusal refusal, Profile *profile, const char *detail, void *userdata) {
        _cleanup_(store_load_freep) StoreLoad *l = userdata;

        if (!l->is_stale && refusal == LAUNCHER_REFUSAL_INVALID)
                keep(l->store, profile);
        else if (!l->is_stale && refusal != LAUNCHER_REFUSAL_PODMAN)
                forget(l->store, l->name); /* a Podman that is away changes nothing */
        l->is_stale = true; /* who asks from now on, in one of the callbacks, begins anew */

        while (l->waiters) {
                ProfileRequest *r = l->waiters;

                request_unlink(r);
                r->callback(refusal, profile, detail, r->userdata);
                profile_request_free(r);
        }
}

static int begin_load(ProfileStore *s, const char *name, StoreLoad **ret) {
        _cleanup_free_ StoreLoad *l = calloc(1, sizeof(*l));
        Profile **kept = find_kept(s, name);
        int r;

        if (!l)
                return -ENOMEM;
        l->store = s;
        memcpy(l->name, name, strlen(name) + 1);
        r = profile_load_new(&l->load, &s->source, name, kept ? *kept : NULL, on_load, l);
        if (r < 0)
                return r;
        l->next = s->loads;
        s->loads = l;

        *ret = TAKE_PTR(l);
        return 0;
}

int profile_store_get(ProfileStore *s, const char *name, profile_callback_t callback,
                      void *userdata, ProfileRequest **ret_request) {
        _cleanup_free_ ProfileRequest *r = NULL;
        StoreLoad *l = s->loads;
        Profile **kept;
        int e;

        if (!launcher_profile_name_is_valid(name)) {
                callback(LAUNCHER_REFUSAL_UNKNOWN_PROFILE, NULL, "that is no profile's name",
                         userdata);
                return 0;
        }
        kept = find_kept(s, name);
        if (kept && image_stamp_holds(&(*kept)->stamp)) {
                Profile *profile = profile_ref(*kept); /* the callback may bring another */

                callback(LAUNCHER_REFUSAL_INVALID, profile, "", userdata);
                profile_unref(profile);
                return 0;
        }
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        while (l && (l->is_stale || strcmp(l->name, name) != 0))
                l = l->next;
        if (!l) {
                e = begin_load(s, name, &l);
                if (e < 0)
                        return e;
        }
        r->load = l;
        r->callback = callback;
        r->userdata = userdata;
        for (ProfileRequest **p = &l->waiters;; p = &(*p)->next) /* first come, first told */
                if (!*p) {
                        *p = r;
                        break;
                }

        if (ret_request)
                *ret_request = r;
        TAKE_PTR(r); /* its load's */
        return 0;
}

bool profile_store_is_busy(const ProfileStore *s) {
        return s->loads;
}

/* -- the list -------------------------------------------------------------------------------- */

static StoreList *store_list_free(StoreList *l) {
        if (!l)
                return NULL;
        for (StoreList **p = &l->store->lists; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        break;
                }
        profile_list_free(l->list);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(StoreList, store_list_free)

static void on_list(int error, char *const *names, size_t n, void *userdata) {
        _cleanup_(store_list_freep) StoreList *l = userdata;

        l->list = NULL;
        l->callback(error, names, n, l->userdata);
}

int profile_store_list(ProfileStore *s, profile_names_callback_t callback, void *userdata) {
        _cleanup_free_ StoreList *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->store = s;
        l->callback = callback;
        l->userdata = userdata;
        r = profile_list_read(s->source.bus, PROFILE_TIMEOUT_USEC, on_list, l, &l->list);
        if (r < 0)
                return r;
        l->next = s->lists;
        s->lists = TAKE_PTR(l);
        return 0;
}

/* -- birth and death ------------------------------------------------------------------------- */

ProfileStore *profile_store_free(ProfileStore *s) {
        if (!s)
                return NULL;
        while (s->loads)
                store_load_free(s->loads);
        while (s->lists)
                store_list_free(s->lists);
        for (size_t i = 0; i < PROFILES_MAX; i++)
                profile_unref(s->kept[i]);
        sd_bus_slot_unref(s->reloading);
        sd_bus_slot_unref(s->subscribe);
        sd_bus_unref(s->source.bus);
        sd_event_unref(s->source.event);
        free(s->runtime_dir);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(ProfileStore, profile_store_free)

/* The manager sends signals to those only who asked for them; that somebody on this connection has
 * asked before is no error here. */
static int ignore_answer(_unused_ sd_bus_message *m, _unused_ void *userdata,
                         _unused_ sd_bus_error *reterr) {
        return 0;
}

static int watch_reloads(ProfileStore *s) {
        sd_bus *bus = s->source.bus;
        int r;

        /* without a broker between, messages have no sender */
        r = sd_bus_match_signal_async(
                bus, &s->reloading, sd_bus_is_bus_client(bus) > 0 ? SYSTEMD_SERVICE : NULL,
                SYSTEMD_PATH, SYSTEMD_INTERFACE, "Reloading", on_reloading, NULL, s);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(bus, &s->subscribe, SYSTEMD_SERVICE, SYSTEMD_PATH,
                                     SYSTEMD_INTERFACE, "Subscribe", ignore_answer, s, NULL);
        return r < 0 ? r : 0;
}

int profile_store_new(ProfileStore **ret, sd_event *event, sd_bus *bus, PodmanApi *api,
                      const char *runtime_dir, bool system_mode) {
        _cleanup_(profile_store_freep) ProfileStore *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->runtime_dir = strdup(runtime_dir);
        s->source = (ProfileSource){
                .event = sd_event_ref(event),
                .bus = sd_bus_ref(bus),
                .api = api,
                .runtime_dir = s->runtime_dir,
                .system_mode = system_mode,
        };
        if (!s->runtime_dir)
                return -ENOMEM;
        r = watch_reloads(s);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pool is what is warm for one user and profile. A scope cannot change its slice, so a sandbox waits in
 * the slice of the user whom it waits for, who pays for it; and nothing is used twice, so what one client
 * did is never seen by another.
 *
 * It begins when its user connects, or asks for the profile first; its marks are the profile's as it was after
 * the last reload of the service manager. It is filled from below its low mark
 * to its high mark, one sandbox at a time for the whole machine (Podman would queue more), and only while
 * no client waits for a sandbox of its own, nor for WARM_PAUSE_USEC after one was given one: what is asked of
 * a sandbox is often done by then, and would have to share the processor. Where the next client always comes before
 * that, one is made after WARM_PAUSE_MAX_USEC all the same. It ends WARM_KEPT_USEC after its user's
 * last connection.
 *
 * There are two levels: first all containers are made, and when that is done one driver after another is loaded
 * in them, but never before the pause is over, for with a profile's preload that costs more than the container.
 * Who comes in between gets a container, or the one that is being made: so in a long burst nothing is made twice,
 * and no preload is paid for that nobody has the time to wait for.
 *
 * What is handed out has the profile as it is now and the image that it has now, is alive, and not old; its
 * limits are the profile's, so who asks for others gets one made. When memory is short nothing is made or
 * loaded, and what there is goes, one by one.
 *
 * What the service manager shows of a sandbox is told it where nobody waits for that: it is another process that
 * works, and most of what is handed out is over before.
 *
 * A launcher that dies takes its warm sandboxes with it: their guests' channels end, and the next
 * launcher removes the rest as strays. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "launcher/client.h"
#include "launcher/pool.h"
#include "launcher/warm.h"

#define LOOK_USEC (5 * USEC_PER_SEC) /* how often what there is is looked at */

struct Pool {
        Manager *manager;
        Pool *next;
        uint32_t uid;
        char profile[PROFILE_NAME_SIZE];
        bool is_known; /* its marks are the profile's */
        unsigned low, high;
        bool is_filling;
        ProfileRequest *request;
        uint64_t seen_usec;  /* when its user was last connected, CLOCK_MONOTONIC */
        uint64_t retry_usec; /* no try before that */
};

static uint64_t now_of(const Manager *m) {
        uint64_t now = 0;

        (void)sd_event_now(m->event, CLOCK_MONOTONIC, &now);
        return now;
}

static void look_again(Manager *m, uint64_t usec);

static void on_opened(Sandbox *s _unused_, const int *fds _unused_, void *userdata) {
        pool_consider(((Pool *)userdata)->manager);
}

static void on_refused(Sandbox *s, LauncherRefusal refusal _unused_, const char *detail,
                       void *userdata) {
        Pool *p = userdata;

        log_warning(0, "No sandbox of %s could be made ready for uid %u (%s)", p->profile, p->uid,
                    detail);
        p->retry_usec = now_of(s->manager) + WARM_RETRY_USEC;
        pool_consider(p->manager);
}

static void on_died(Sandbox *s, LauncherDeath death _unused_, const LauncherUsage *usage _unused_,
                    void *userdata) {
        Pool *p = userdata;

        log_notice("Warm sandbox %s of %s ended by itself", s->id, p->profile);
        /* what dies by itself must not be made again and again without a pause */
        p->retry_usec = now_of(s->manager) + WARM_RETRY_USEC;
        pool_consider(p->manager);
}

static void on_gone(Sandbox *s _unused_, void *userdata) {
        pool_consider(((Pool *)userdata)->manager);
}

static const SandboxEvents pool_events = {
        .opened = on_opened,
        .refused = on_refused,
        .died = on_died,
        .gone = on_gone,
};

static bool is_of(const Sandbox *s, const Pool *p) {
        return s->events == &pool_events && s->userdata == p;
}

/* Those that are warm or will be. */
static unsigned count(const Pool *p) {
        unsigned n = 0;

        for (const Sandbox *s = p->manager->sandboxes; s; s = s->next)
                n += is_of(s, p) && !sandbox_is_ended(s);
        return n;
}

static bool is_connected(const Client *c) {
        return c->record && c->fd >= 0;
}

/* Whether one of these, up to but without the last, is a connected one of this user. */
static bool has_client(const Client *c, const Client *end, uint32_t uid) {
        for (; c != end; c = c->next)
                if (is_connected(c) && c->uid == uid)
                        return true;
        return false;
}

static bool is_here(const Manager *m, uint32_t uid) {
        return has_client(m->clients, NULL, uid);
}

static Pool *find(Manager *m, uint32_t uid, const char *profile) {
        for (Pool *p = m->pools; p; p = p->next)
                if (p->uid == uid && strcmp(p->profile, profile) == 0)
                        return p;
        return NULL;
}

/* Finds or makes it; NULL without memory. */
static Pool *get(Manager *m, uint32_t uid, const char *profile) {
        Pool *p = find(m, uid, profile);

        if (p || strlen(profile) >= sizeof(p->profile))
                return p;
        p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        *p = (Pool){ .manager = m, .next = m->pools, .uid = uid, .seen_usec = now_of(m) };
        memcpy(p->profile, profile, strlen(profile) + 1);
        m->pools = p;
        if (!p->next) /* else the timer runs, and maybe for less */
                look_again(m, LOOK_USEC);
        return p;
}

static void pool_free(Pool *p) {
        for (Pool **i = &p->manager->pools; *i; i = &(*i)->next)
                if (*i == p) {
                        *i = p->next;
                        break;
                }
        profile_request_free(p->request);
        free(p);
}

/* NULL: it cannot be used. */
static void learn(Pool *p, const Profile *profile) {
        p->is_known = true;
        p->low = profile ? profile->warm_low : 0;
        p->high = profile ? profile->warm_high : 0;
}

/* How much of the machine's memory is available, see WARM_MEMORY_FREE_PART. */
typedef enum MemoryState {
        MEMORY_SHORT,  /* what is warm has to go */
        MEMORY_TIGHT,  /* it may stay */
        MEMORY_ENOUGH, /* one more may be made */
} MemoryState;

static MemoryState measure_memory(void) {
        unsigned long long total = 0, available = 0;
        char line[128];
        FILE *f = fopen("/proc/meminfo", "re");

        if (!f)
                return MEMORY_ENOUGH;
        while (fgets(line, sizeof(line), f)) {
                (void)sscanf(line, "MemTotal: %llu", &total);
                (void)sscanf(line, "MemAvailable: %llu", &available);
        }
        (void)fclose(f);
        if (available >= total / WARM_MEMORY_FREE_PART)
                return MEMORY_ENOUGH;
        return available >= total / WARM_MEMORY_FREE_PART / 2 ? MEMORY_TIGHT : MEMORY_SHORT;
}

/* What was made of the profile or the image as it was; all, without a profile. */
static void end_stale(const Pool *p, const Profile *profile) {
        Sandbox *next;

        for (Sandbox *s = p->manager->sandboxes; s; s = next) {
                next = s->next;
                if (is_of(s, p) && s->profile != profile && !sandbox_is_ended(s))
                        sandbox_end(s, NULL, NULL);
        }
}

/* -- making ---------------------------------------------------------------------------------- */

/* Whether anybody is being served who comes first, or one is being made already. */
static bool is_busy(const Manager *m) {
        if (profile_store_is_busy(m->profiles)) /* for a client, or for a pool */
                return true;
        for (const Sandbox *s = m->sandboxes; s; s = s->next)
                if (s->state < SANDBOX_WARM ||
                    (s->state == SANDBOX_WARM && s->warm->level == WARM_LOADING))
                        return true;
        return false;
}

/* The oldest one that has a container and no driver yet; NULL when there is none. */
static Sandbox *find_unloaded(const Manager *m) {
        Sandbox *oldest = NULL;

        /* they stand in the order of their births, the last one first */
        for (Sandbox *s = m->sandboxes; s; s = s->next)
                if (s->state == SANDBOX_WARM && s->warm->level == WARM_READY)
                        oldest = s;
        return oldest;
}

static bool wants(Pool *p, uint64_t now) {
        unsigned n;

        if (now < p->retry_usec || !is_here(p->manager, p->uid))
                return false;
        if (!p->is_known)
                return true;
        n = count(p);
        if (n < p->low)
                p->is_filling = true;
        if (n >= p->high)
                p->is_filling = false;
        return p->is_filling;
}

static void on_profile(LauncherRefusal refusal, Profile *profile, const char *detail,
                       void *userdata) {
        Pool *p = userdata;
        Manager *m = p->manager;
        Sandbox *s;
        int r;

        p->request = NULL;
        if (refusal != LAUNCHER_REFUSAL_INVALID) { /* its users will be told */
                log_debug("No sandbox of %s is made ready for uid %u (%s)", p->profile, p->uid,
                          detail);
                p->retry_usec = now_of(m) + WARM_RETRY_USEC;
                if (refusal != LAUNCHER_REFUSAL_PODMAN && refusal != LAUNCHER_REFUSAL_INTERNAL)
                        end_stale(p, NULL);
                /* only a reload mends its file, and to look at it costs a Podman each time */
                if (refusal == LAUNCHER_REFUSAL_PROFILE ||
                    refusal == LAUNCHER_REFUSAL_UNKNOWN_PROFILE)
                        learn(p, NULL);
                pool_consider(m);
                return;
        }
        learn(p, profile);
        end_stale(p, profile);
        if (wants(p, now_of(m))) {
                r = sandbox_new_warm(&s, m, profile, p->uid, &pool_events, p);
                if (r < 0) {
                        log_error(r, "Cannot begin a warm sandbox");
                        p->retry_usec = now_of(m) + WARM_RETRY_USEC;
                }
        }
        pool_consider(m);
}

static int on_consider(sd_event_source *source _unused_, void *userdata) {
        Manager *m = userdata;
        ProfileRequest *request = NULL;
        Sandbox *unloaded;
        uint64_t now;
        bool is_calm;
        Pool *p;
        int r;

        now = now_of(m);
        is_calm = now >= m->pool_pause_usec;
        if (m->stopping || is_busy(m) || (!is_calm && now < m->pool_due_usec))
                return 0;
        for (p = m->pools; p; p = p->next)
                if (wants(p, now))
                        break;
        unloaded = is_calm ? find_unloaded(m) : NULL;
        if ((!p && !unloaded) || measure_memory() != MEMORY_ENOUGH)
                return 0;
        if (!p) {
                warm_load(unloaded->warm);
                return 0;
        }
        m->pool_due_usec = now + WARM_PAUSE_MAX_USEC;
        /* the callback may run before this returns; then it stores no request */
        r = profile_store_get(m->profiles, p->profile, on_profile, p, &request);
        if (r < 0) {
                p->retry_usec = now_of(m) + WARM_RETRY_USEC;
                return 0;
        }
        if (request)
                p->request = request;
        return 0;
}

void pool_consider(Manager *m) {
        if (m->pools)
                manager_defer(m, &m->pool_consider, on_consider);
}

/* -- looking after ----------------------------------------------------------------------------- */

static void end_one(Pool *p) {
        for (Sandbox *s = p->manager->sandboxes; s; s = s->next)
                if (is_of(s, p) && s->state == SANDBOX_WARM) {
                        sandbox_end(s, NULL, NULL);
                        return;
                }
}

static bool has_any(const Pool *p) {
        for (const Sandbox *s = p->manager->sandboxes; s; s = s->next)
                if (is_of(s, p))
                        return true;
        return false;
}

static void look_at(Pool *p, uint64_t now, MemoryState memory) {
        Manager *m = p->manager;
        Sandbox *next;
        bool is_over;

        if (is_here(m, p->uid))
                p->seen_usec = now;
        is_over = now - p->seen_usec >= WARM_KEPT_USEC;
        for (Sandbox *s = m->sandboxes; s; s = next) {
                next = s->next;
                if (is_of(s, p) && !sandbox_is_ended(s) &&
                    (is_over || now - s->born_usec >= WARM_AGE_MAX_USEC))
                        sandbox_end(s, NULL, NULL);
        }
        if (memory == MEMORY_SHORT)
                end_one(p);
        if (is_over && !has_any(p))
                pool_free(p);
}

static int on_look(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Manager *m = userdata;
        MemoryState memory = measure_memory();
        Pool *next;

        for (Sandbox *s = m->sandboxes; s; s = s->next)
                if (s->state == SANDBOX_OPEN && s->has_old_description) {
                        sandbox_describe(s, "");
                        s->has_old_description = false;
                }
        for (Pool *p = m->pools; p; p = next) {
                next = p->next;
                look_at(p, now_of(m), memory);
        }
        pool_consider(m);
        look_again(m, LOOK_USEC);
        return 0;
}

/* Nobody is woken for it when there is no pool. */
static void look_again(Manager *m, uint64_t usec) {
        int r = 0;

        if (!m->pools)
                return;
        if (!m->pool_timer)
                r = sd_event_add_time_relative(m->event, &m->pool_timer, CLOCK_MONOTONIC, usec,
                                               usec / 2, on_look, m);
        else {
                r = sd_event_source_set_time_relative(m->pool_timer, usec);
                if (r >= 0)
                        r = sd_event_source_set_time_accuracy(m->pool_timer, usec / 2);
                if (r >= 0)
                        r = sd_event_source_set_enabled(m->pool_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_warning(r, "Cannot look after what is warm, ignoring");
}

void pool_end_all(Manager *m) {
        Sandbox *next;

        for (Sandbox *s = m->sandboxes; s; s = next) {
                next = s->next;
                if (s->events == &pool_events && !sandbox_is_ended(s))
                        sandbox_end(s, NULL, NULL);
        }
}

void pool_free_all(Manager *m) {
        while (m->pools)
                pool_free(m->pools);
        m->pool_timer = sd_event_source_disable_unref(m->pool_timer);
        m->pool_consider = sd_event_source_disable_unref(m->pool_consider);
}

/* -- users ------------------------------------------------------------------------------------- */

typedef struct Survey {
        Manager *manager;
        uint32_t uid;
} Survey;

static void on_names(int error, char *const *names, size_t n, void *userdata) {
        _cleanup_free_ Survey *survey = userdata;

        if (error < 0)
                return; /* who asks for profiles will be told */
        for (size_t i = 0; i < n; i++)
                (void)get(survey->manager, survey->uid, names[i]);
        pool_consider(survey->manager);
}

static void survey(Manager *m, uint32_t uid) {
        Survey *s = calloc(1, sizeof(*s));

        if (!s)
                return;
        *s = (Survey){ .manager = m, .uid = uid };
        if (profile_store_list(m->profiles, on_names, s) < 0)
                free(s);
}

/* Whether one of these, up to but without the last, is of this user. */
static bool has_pool(const Pool *p, const Pool *end, uint32_t uid) {
        for (; p != end; p = p->next)
                if (p->uid == uid)
                        return true;
        return false;
}

void pool_user_came(Manager *m, uint32_t uid) {
        if (has_pool(m->pools, NULL, uid))
                pool_consider(m);
        else
                survey(m, uid);
}

/* There may be new profiles, so each user is asked for once. One who has just come has no pool yet, and what
 * is asked for it already may be answered with the profiles as they were. */
static void survey_all(Manager *m) {
        for (const Pool *p = m->pools; p; p = p->next)
                if (!has_pool(m->pools, p, p->uid))
                        survey(m, p->uid);
        for (const Client *c = m->clients; c; c = c->next)
                if (is_connected(c) && !has_pool(m->pools, NULL, c->uid) &&
                    !has_client(m->clients, c, c->uid))
                        survey(m, c->uid);
}

void pool_profiles_changed(void *userdata) {
        Manager *m = userdata;

        for (Pool *p = m->pools; p; p = p->next) {
                p->is_known = false;
                p->retry_usec = 0; /* what stood in the way may be mended */
        }
        survey_all(m);
        pool_consider(m);
}

static bool has_limits(const Sandbox *s, const LauncherLimits *limits) {
        return s->limits.memory_bytes == limits->memory_bytes && s->limits.tasks == limits->tasks &&
               s->limits.cpu_percent == limits->cpu_percent &&
               s->limits.work_bytes == limits->work_bytes;
}

/* How soon it can be used: 0 for not at all, and the more the better. */
static unsigned rate(const Sandbox *s, uint64_t now) {
        if (s->state < SANDBOX_WARM)
                return s->warm ? 0 : 1;
        if (s->state != SANDBOX_WARM || now - s->born_usec >= WARM_AGE_MAX_USEC ||
            s->warm->level == WARM_LOADING || !sandbox_has_guest(s) || !warm_is_well(s->warm))
                return 0;
        return s->warm->level == WARM_LOADED ? 3 : 2;
}

void pool_pause(Manager *m) {
        uint64_t now = now_of(m);

        if (!m->pools)
                return;
        if (now >= m->pool_pause_usec)
                m->pool_due_usec = now + WARM_PAUSE_MAX_USEC;
        m->pool_pause_usec = now + WARM_PAUSE_USEC;
        look_again(m, WARM_PAUSE_USEC);
}

Sandbox *pool_take(Manager *m, uint32_t uid, Profile *profile, const LauncherLimits *limits,
                   AuditSequence *sequence, const SandboxEvents *events, void *userdata) {
        Pool *p = get(m, uid, profile->name);
        unsigned best = 0, rating;
        Sandbox *found = NULL;
        int r;

        if (!p)
                return NULL;
        learn(p, profile);
        p->seen_usec = now_of(m);
        end_stale(p, profile);
        /* of equals the oldest: they stand in the order of their births, the last one first */
        for (Sandbox *s = m->sandboxes; s; s = s->next) {
                rating = is_of(s, p) && s->profile == profile && has_limits(s, limits)
                                 ? rate(s, now_of(m))
                                 : 0;
                if (rating > 0 && rating >= best) {
                        best = rating;
                        found = s;
                }
        }
        if (!found) {
                pool_consider(m);
                return NULL;
        }
        if (found->state < SANDBOX_WARM) {
                sandbox_claim(found, limits, sequence, events, userdata);
                return found;
        }
        r = sandbox_hand_over(found, limits, sequence, events, userdata);
        if (r >= 0)
                return found;
        log_warning(r, "Cannot hand over warm sandbox %s, making another", found->id);
        sandbox_end(found, NULL, NULL);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The launcher sends profile after profile; they are kept here until it says DONE. Text in them
 * comes from unit files and may be cut in the middle of a character, which must not reach a client.
 */

#include <errno.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "handler/handler.h"
#include "handler/launcher-request.h"
#include "handler/method-profile.h"
#include "handler/request.h"

typedef struct ProfileList {
        Request *request;
        json_object *profiles; /* an array; NULL after a failed allocation */
} ProfileList;

static ProfileList *list_free(ProfileList *l) {
        if (!l)
                return NULL;
        (void)json_object_put(l->profiles);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(ProfileList, list_free)

int method_profile_set_limits(json_object *profile, const LauncherLimits *limits) {
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "memory_bytes", limits->memory_bytes                  },
                { "tasks",        limits->tasks                         },
                { "cpu_percent",  limits->cpu_percent                   },
                { "work_bytes",   limits->work_bytes                    },
                { "timeout_ms",   limits->timeout_usec / USEC_PER_MSEC  },
                { "output_bytes", limits->output_bytes                  },
                { "lifetime_ms",  limits->lifetime_usec / USEC_PER_MSEC },
        };
        json_object *object = json_object_new_object();
        int r;

        r = json_set(profile, "limits", object);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(numbers); i++)
                r = json_set_uint(object, numbers[i].name, numbers[i].value);
        return r;
}

/* null for "" where null means none */
static int set_text(json_object *profile, const char *name, char *text, bool may_be_null) {
        if (may_be_null && !text[0])
                return json_object_object_add(profile, name, NULL) < 0 ? -ENOMEM : 0;
        return json_set_string(profile, name, utf8_scrub(text));
}

static int format_profile(const LauncherProfile *sent, json_object **ret) {
        _cleanup_json_ json_object *profile = json_object_new_object();
        LauncherProfile p = *sent;
        int r;

        if (!profile)
                return -ENOMEM;
        r = json_set_string(profile, "name", p.name);
        if (r >= 0)
                r = set_text(profile, "language", p.language, /* may_be_null= */ false);
        if (r >= 0)
                r = set_text(profile, "description", p.description, /* may_be_null= */ false);
        if (r >= 0)
                r = set_text(profile, "image", p.image, /* may_be_null= */ false);
        if (r >= 0)
                r = set_text(profile, "digest", p.digest, /* may_be_null= */ true);
        if (r >= 0)
                r = method_profile_set_limits(profile, &p.limits);
        if (r >= 0)
                r = set_text(profile, "problem", p.problem, /* may_be_null= */ true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(profile);
        return 0;
}

static int add_profile(ProfileList *l, const LauncherProfile *sent) {
        json_object *profile = NULL;
        int r;

        if (!l->profiles)
                return -ENOMEM;
        if (json_object_array_length(l->profiles) >= PROFILES_MAX)
                return 0;
        r = format_profile(sent, &profile);
        return r < 0 ? r : json_append(l->profiles, profile);
}

static void finish(ProfileList *l) {
        json_object *result = json_object_new_object();
        int r;

        r = result ? json_set(result, "profiles", TAKE_PTR(l->profiles)) : -ENOMEM;
        if (r < 0) {
                (void)json_object_put(result);
                request_fail(l->request, r, NULL);
        } else
                request_succeed(l->request, result);
}

static void on_answer(const LauncherMessage *answer, int *fds _unused_, void *userdata) {
        _cleanup_(list_freep) ProfileList *l = userdata;

        if (!answer)
                request_fail(l->request, METHOD_E_LAUNCHER, NULL);
        else if (answer->header.type == LAUNCHER_REFUSED)
                request_refuse(l->request, &answer->refused);
        else if (answer->header.type == LAUNCHER_DONE)
                finish(l);
        else {
                if (answer->header.type == LAUNCHER_RESUMED) { /* the list begins anew */
                        (void)json_object_put(l->profiles);
                        l->profiles = json_object_new_array();
                } else if (add_profile(l, &answer->profile) < 0) {
                        (void)json_object_put(l->profiles);
                        l->profiles = NULL; /* an incomplete list is none */
                }
                l = NULL; /* more will come */
        }
}

int method_profile_list(Handler *h, Request *request, const void *params _unused_,
                        RpcProblem *reterr _unused_) {
        _cleanup_(list_freep) ProfileList *l = NULL;
        int r;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        *l = (ProfileList){ .request = request, .profiles = json_object_new_array() };
        r = launcher_request_profiles(h->launcher, on_answer, l);
        if (r < 0)
                return r == -ENOTCONN ? METHOD_E_LAUNCHER : r;
        l = NULL; /* the answer's */
        return 0;
}

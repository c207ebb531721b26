/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stages, each beginning the next: unit → recording → check → image. A load with a kept profile
 * begins at the last one; if the image's name has come to mean another image, it starts over at the
 * first. The time for everything up to the check is one budget, PROFILE_TIMEOUT_USEC; the image
 * gets what a request to Podman gets.
 *
 * Each refusal says who has to do what: the file that is wrong, the image that is missing, the
 * service that does not answer. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/clock.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "basic/log.h"
#include "basic/utf8.h"
#include "launcher/graph-root.h"
#include "launcher/profile-content.h"
#include "launcher/profile-load.h"
#include "launcher/profile-unit.h"
#include "launcher/spec-recorder.h"
#include "launcher/spec.h"

/* systemctl needs to be told which manager is meant. */
#define SYSTEMCTL(l) ((l)->source->system_mode ? "systemctl" : "systemctl --user")

struct ProfileLoad {
        const ProfileSource *source;
        char name[PROFILE_NAME_SIZE];
        Profile *profile; /* being filled in, or kept */
        bool is_kept;
        ImageStamp stamp; /* of the moment before Podman was asked for its image */
        char *path;       /* the Quadlet file, "" when unknown */
        bool need_reload;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC */
        ProfileUnitRequest *unit;
        SpecRecorder *recorder;
        PodmanRequest *image;
        profile_load_callback_t callback;
        void *userdata;
};

static int begin_unit(ProfileLoad *l);
static int begin_image(ProfileLoad *l);

ProfileLoad *profile_load_free(ProfileLoad *l) {
        if (!l)
                return NULL;
        profile_unit_request_free(l->unit);
        spec_recorder_free(l->recorder);
        podman_request_free(l->image);
        profile_unref(l->profile);
        free(l->path);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(ProfileLoad, profile_load_free)

_printf_(3, 4) static void refuse(ProfileLoad *l, LauncherRefusal refusal, const char *format,
                                  ...) {
        char text[DETAIL_SIZE];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        l->callback(refusal, l->profile, utf8_scrub(text), l->userdata);
}

/* The file is to blame. */
static void refuse_file(ProfileLoad *l, const char *problem) {
        refuse(l, LAUNCHER_REFUSAL_PROFILE, "%s: %s%s",
               l->path && *l->path ? l->path : "a unit without a Quadlet file", problem,
               l->need_reload
                       ? " (the file has changed since it was loaded: systemctl daemon-reload)"
                       : "");
}

static void fail(ProfileLoad *l, int error) {
        refuse(l, LAUNCHER_REFUSAL_INTERNAL, "the profile could not be loaded: %s",
               strerror(-error));
}

static uint64_t time_left(const ProfileLoad *l) {
        uint64_t t = clock_now_usec();

        return t < l->deadline_usec ? l->deadline_usec - t : 1;
}

/* -- image ----------------------------------------------------------------------------------- */

static void image_is_missing(ProfileLoad *l) {
        const char *image = l->profile->image, *sudo = l->source->system_mode ? "sudo " : "";

        refuse(l, LAUNCHER_REFUSAL_IMAGE_MISSING,
               "image %s is missing: run \"%scloche images build %s\" or \"%spodman pull %s\", as %s",
               image, sudo, l->profile->name, sudo, image,
               l->source->system_mode ? "root" : "the user who runs Cloche");
}

/* Whether the kept profile's image is still what its name means. */
static bool is_same_image(const Profile *p, json_object *image) {
        _cleanup_free_ Profile *other = calloc(1, sizeof(*other));
        char problem[DETAIL_SIZE];

        return other && profile_take_image(other, image, problem, sizeof(problem)) == 0 &&
               strcmp(other->image_id, p->image_id) == 0 && strcmp(other->digest, p->digest) == 0;
}

static void on_image(const PodmanAnswer *answer, void *userdata) {
        ProfileLoad *l = userdata;
        char problem[DETAIL_SIZE];
        int r;

        l->image = NULL;
        if (answer->error < 0) {
                char text[PODMAN_EXPLANATION_SIZE];

                podman_answer_explain(answer, l->source->system_mode, text);
                refuse(l, LAUNCHER_REFUSAL_PODMAN, "%s", text);
                return;
        }
        if (answer->status == 404) {
                image_is_missing(l);
                return;
        }
        if (answer->status != 200) {
                refuse(l, LAUNCHER_REFUSAL_PODMAN, "Podman does not tell about image %s: %s",
                       l->profile->image, answer->message);
                return;
        }
        if (l->is_kept && is_same_image(l->profile, answer->body)) {
                l->profile->stamp = l->stamp;
                l->callback(LAUNCHER_REFUSAL_INVALID, l->profile, "", l->userdata);
                return;
        }
        if (l->is_kept) {
                r = begin_unit(l);
                if (r < 0)
                        fail(l, r);
                return;
        }
        if (profile_take_image(l->profile, answer->body, problem, sizeof(problem)) < 0) {
                refuse(l, LAUNCHER_REFUSAL_PODMAN, "%s", problem);
                return;
        }
        image_stamp_locate(&l->profile->stamp, answer->body);
        r = graph_root_note(l->source->runtime_dir, answer->body);
        if (r < 0 && r != -ENOENT)
                log_warning(r, "Cannot note where Podman stores layers, ignoring");
        l->callback(LAUNCHER_REFUSAL_INVALID, l->profile, "", l->userdata);
}

static int begin_image(ProfileLoad *l) {
        image_stamp_take(&l->profile->stamp, &l->stamp);
        return podman_api_inspect_image(l->source->api, l->profile->image, PODMAN_TIMEOUT_USEC,
                                        on_image, l, &l->image);
}

/* -- recording ------------------------------------------------------------------------------- */

static void on_recording(int error, json_object *spec, const char *message, void *userdata) {
        ProfileLoad *l = userdata;
        char problem[DETAIL_SIZE];
        int r;

        l->recorder = spec_recorder_free(l->recorder);
        if (error == -ETIMEDOUT) {
                refuse(l, LAUNCHER_REFUSAL_PODMAN, "%s: %s", l->path, message);
                return;
        }
        if (error < 0) {
                refuse_file(l, message);
                return;
        }
        if (spec_check(spec, problem, sizeof(problem)) < 0 ||
            profile_take_spec(l->profile, spec, problem, sizeof(problem)) < 0) {
                refuse_file(l, problem);
                return;
        }
        r = begin_image(l);
        if (r < 0)
                fail(l, r);
}

/* -- unit ------------------------------------------------------------------------------------ */

static int begin_recording(ProfileLoad *l, const ProfileUnit *unit) {
        char problem[DETAIL_SIZE];
        const char *word;
        int r;

        if (profile_unit_prepare_argv(unit->argv, &word) < 0) {
                (void)snprintf(problem, sizeof(problem),
                               word == unit->argv[1]
                                       ? "\"%.64s\" stands before podman's command (GlobalArgs=, "
                                         "ContainersConfModule=), which no profile may do"
                                       : "\"%.64s\" has a variable, which only a unit that is "
                                         "started resolves; write \"$$\" for a dollar sign",
                               word);
                refuse_file(l, problem);
                return 0;
        }
        r = spec_recorder_new(&l->recorder, l->source->event, (const char *const *)unit->argv,
                              l->source->runtime_dir, time_left(l), on_recording, l);
        if (r == -EINVAL)
                refuse_file(l, "its command is not podman run with an image");
        else if (r < 0)
                refuse(l, LAUNCHER_REFUSAL_PODMAN, "cannot run %s: %s", unit->argv[0],
                       strerror(-r));
        return 0;
}

static void on_unit(int error, const ProfileUnit *unit, void *userdata) {
        ProfileLoad *l = userdata;
        char problem[DETAIL_SIZE];

        l->unit = NULL;
        if (error < 0) {
                refuse(l, LAUNCHER_REFUSAL_INTERNAL,
                       "systemd does not tell about cloche-%s.service: %s", l->name,
                       strerror(-error));
                return;
        }
        free(l->path);
        l->path = strdup(unit->source_path);
        l->need_reload = unit->need_reload;
        if (!l->path) {
                fail(l, -ENOMEM);
                return;
        }
        if (strcmp(unit->load_state, "not-found") == 0) {
                refuse(l, LAUNCHER_REFUSAL_UNKNOWN_PROFILE,
                       "there is no profile \"%s\"; if its Quadlet file is there, Podman's generator "
                       "refused it (see \"journalctl -t quadlet-generator\")",
                       l->name);
                return;
        }
        if (strcmp(unit->load_state, "loaded") != 0) {
                refuse(l, LAUNCHER_REFUSAL_PROFILE,
                       "%s: its unit is %s, see \"%s status cloche-%s\"", l->path, unit->load_state,
                       SYSTEMCTL(l), l->name);
                return;
        }
        if (!profile_unit_is_profile(unit)) {
                refuse(l, LAUNCHER_REFUSAL_UNKNOWN_PROFILE,
                       "cloche-%s.service is no profile: it does not run podman with a "
                       "Label=io.cloche.…",
                       l->name);
                return;
        }
        if (profile_take_unit(l->profile, unit, problem, sizeof(problem)) < 0) {
                refuse_file(l, problem);
                return;
        }
        (void)begin_recording(l, unit);
}

static int begin_unit(ProfileLoad *l) {
        Profile *p = profile_new(l->name);

        if (!p)
                return -ENOMEM;
        profile_unref(l->profile);
        l->profile = p;
        l->is_kept = false;
        l->deadline_usec = clock_now_usec() + PROFILE_TIMEOUT_USEC;
        return profile_unit_read(l->source->bus, l->name, PROFILE_TIMEOUT_USEC, on_unit, l,
                                 &l->unit);
}

int profile_load_new(ProfileLoad **ret, const ProfileSource *source, const char *name,
                     Profile *kept, profile_load_callback_t callback, void *userdata) {
        _cleanup_(profile_load_freep) ProfileLoad *l = NULL;
        int r;

        if (!launcher_profile_name_is_valid(name))
                return -EINVAL;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->source = source;
        memcpy(l->name, name, strlen(name) + 1);
        l->callback = callback;
        l->userdata = userdata;
        l->is_kept = kept;
        l->profile = profile_ref(kept);
        r = kept ? begin_image(l) : begin_unit(l);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

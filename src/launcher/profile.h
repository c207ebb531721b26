/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Profiles: cloche-<name>.service units that Podman's Quadlet generator made from .container files
 * (images/<name>/<name>.container, installed as cloche-<name>.container). A profile is read over
 * D-Bus, its command line turned into Podman's JSON (spec-recorder.h), checked (spec.h), and its
 * image resolved to an id and digest; then it is kept until the manager reloads or its image
 * changes (image-stamp.h). The units are never started (RefuseManualStart=yes).
 *
 * What Quadlet has no key for travels as labels: io.cloche.language, io.cloche.interpreter (words
 * separated by white space; the path of the code's file is appended), io.cloche.code-name,
 * io.cloche.driver (words too: the program that keeps an interpreter's state from one piece of code
 * to the next), io.cloche.timeout-sec, io.cloche.lifetime-sec (of a sandbox that is kept),
 * io.cloche.output-bytes, io.cloche.warm=HIGH or LOW:HIGH (sandboxes kept ready for each user: when there
 * are fewer than LOW, up to HIGH are made), io.cloche.preload (words for the driver of one that is kept
 * ready, in its environment as CLOCHE_PRELOAD: what it should load before there is code). Limits come from the unit: MemoryMax=, TasksMax=, CPUQuota=; the size of
 * /work from its Tmpfs=, that of /dev/shm from ShmSize=, at most MemoryMax=. */

#include <json-c/json.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "launcher/image-stamp.h"
#include "launcher/podman-api.h"
#include "wire/launcher-message.h"

typedef struct Profile {
        char name[PROFILE_NAME_SIZE];
        char language[32];
        char description[128];
        char image[256];          /* as written in the unit */
        char image_id[65];        /* 64 hex digits */
        char digest[DIGEST_SIZE]; /* "sha256:…" of the manifest, or of the image when it has none */
        char interpreter[256];    /* words separated by \n, "" when the profile runs no code */
        char driver[256];         /* the same, "" when it keeps no state */
        char preload[256];        /* words for a warm driver, the same */
        char code_name[32];
        unsigned warm_low, warm_high; /* marks of its pools, 0 for none */
        LauncherLimits limits;
        json_object *spec; /* checked; for spec_complete() */
        ImageStamp stamp;  /* of image_id and digest; the store's */
} Profile;

typedef struct ProfileStore ProfileStore;
typedef struct ProfileRequest ProfileRequest;

/* refusal 0: profile is borrowed and valid until the callback returns; take a reference with
 * profile_ref(). Else LAUNCHER_REFUSAL_UNKNOWN_PROFILE, _PROFILE, _IMAGE_MISSING, _PODMAN or
 * _INTERNAL with a sentence in detail that says what to do, naming the Quadlet file (the unit's
 * SourcePath) where it is to blame; profile then holds whatever is known (name, image, limits) or
 * is NULL. Called exactly once unless the request is freed before; may be called before
 * profile_store_get() returns, which then sets no request. It may make and free other requests; its
 * own is freed after it returns, and the store must not be freed from it. */
typedef void (*profile_callback_t)(LauncherRefusal refusal, Profile *profile, const char *detail,
                                   void *userdata);

/* One that has its name and nothing else yet, with one reference; NULL without memory. */
Profile *profile_new(const char *name);
/* Both take NULL. */
Profile *profile_ref(Profile *p);
Profile *profile_unref(Profile *p);

/* bus is the manager's bus (system or user), attached to event; runtime_dir as for the recorder.
 * system_mode chooses nothing but the words of messages (sudo podman … or podman …). */
int profile_store_new(ProfileStore **ret, sd_event *event, sd_bus *bus, PodmanApi *api,
                      const char *runtime_dir, bool system_mode);
ProfileStore *profile_store_free(ProfileStore *s);

/* Asks to be told when the manager has reloaded: any profile may have come, gone or changed. The callback may
 * make requests, and must not free the store. */
typedef void (*profile_reloaded_callback_t)(void *userdata);
void profile_store_watch(ProfileStore *s, profile_reloaded_callback_t callback, void *userdata);

/* Loads one profile, or answers from what is kept, after asking Podman whether the image name still
 * means the same image where that is not certain. Concurrent requests for one profile share one load. Returns 0 or -errno. */
int profile_store_get(ProfileStore *s, const char *name, profile_callback_t callback,
                      void *userdata, ProfileRequest **ret_request);
ProfileRequest *profile_request_free(ProfileRequest *r);

/* Whether one is being loaded for anybody. */
bool profile_store_is_busy(const ProfileStore *s);

/* The names of all profiles: loaded or loadable units cloche-*.service whose ExecStart is podman's
 * and that carry io.cloche.* labels (so not cloche-launcher.service and its like). names is an
 * array of n strings, borrowed for the callback; error is 0 or -errno. */
typedef void (*profile_names_callback_t)(int error, char *const *names, size_t n, void *userdata);
int profile_store_list(ProfileStore *s, profile_names_callback_t callback, void *userdata);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One profile, x, as a manager, a client and a service of the test's own (fake-*.h) have it: good until a
 * test changes it. */

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "fake-manager.h"
#include "fake-service.h"
#include "launcher/profile.h"

#define ID_1     "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2     "2222222222222222222222222222222222222222222222222222222222222222"
#define DIGEST_1 "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SOURCE   "/etc/containers/systemd/cloche-x.container"

#define SPEC(more)                                                                               \
        "{\"image\":\"localhost/x:latest\",\"labels\":{\"io.cloche.language\":\"python\","       \
        "\"io.cloche.interpreter\":\"  python3   -X dev \",\"io.cloche.code-name\":\"main.py\"," \
        "\"io.cloche.driver\":\" python3 /driver \",\"io.cloche.lifetime-sec\":\"600\","         \
        "\"io.cloche.timeout-sec\":\"60\",\"io.cloche.output-bytes\":\"1000\","                  \
        "\"io.cloche.warm\":\"1:3\",\"io.cloche.preload\":\" a  b\"},"                           \
        "\"mounts\":[{\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"destination\":\"/work\","        \
        "\"options\":[\"size=64m\"]}]" more "}"

typedef struct Result {
        unsigned n;
        LauncherRefusal refusal;
        Profile *profile; /* referenced */
        char detail[DETAIL_SIZE * 2];
} Result;

typedef struct Fixture {
        char directory[64];
        char podman[96];
        char spec_path[96];
        char socket_path[96];
        char fake[128]; /* the client's mode */
        sd_event *event;
        FakeManager *manager;
        sd_bus *bus;
        FakeService *service;
        PodmanApi *api;
        ProfileStore *store;
        const char *argv[16];
        FakeUnit unit;
        char answer[1024];
        bool is_silent;
        unsigned n_inspections;
        char request[256];
} Fixture;

int profile_set_up(void **state);
int profile_tear_down(void **state);

/* The service: counts, and gives the set answer. */
const char *profile_on_request(const char *request, void *userdata);

/* What the service answers about the image, whole or by its id and digest. */
void profile_set_answer(Fixture *f, const char *status, const char *body);
void profile_set_image(Fixture *f, const char *id, const char *digest);

/* What the client makes of the unit's command. */
void profile_set_spec(Fixture *f, const char *json);

/* The words of the unit's command after podman, NULL-terminated. */
void profile_set_argv(Fixture *f, const char *const *words);
#define SET_ARGV(f, ...) profile_set_argv(f, (const char *const[]){ __VA_ARGS__, NULL })

/* A profile_callback_t that keeps what it is told in a Result. */
void profile_keep_result(LauncherRefusal refusal, Profile *profile, const char *detail,
                         void *userdata);

static inline void profile_result_done(Result *r) {
        r->profile = profile_unref(r->profile);
}
#define _cleanup_result_ _cleanup_(profile_result_done)

/* Runs the loop until the result has been told n times in all. */
void profile_wait_for(Fixture *f, const Result *r, unsigned n);
/* Runs the loop until nothing happens for a moment. */
void profile_settle(Fixture *f);
/* Asks for the profile and waits for it. */
void profile_get(Fixture *f, Result *r);

void assert_refused(const Result *r, LauncherRefusal refusal, const char *words);

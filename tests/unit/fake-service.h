/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An HTTP server on a unix socket in a test's own event loop, in the place of Podman's service. */

#include <systemd/sd-event.h>

typedef struct FakeService FakeService;

/* Gets a whole request, NUL-terminated; returns the whole answer, after which the connection is
 * closed, or NULL to leave it without one. */
typedef const char *(*fake_service_answer_t)(const char *request, void *userdata);

/* All assert. */
FakeService *fake_service_new(sd_event *event, const char *path, fake_service_answer_t answer,
                              void *userdata);
FakeService *fake_service_free(FakeService *s);
unsigned fake_service_connections(const FakeService *s);
/* Resets every connection, as when the service is killed. */
void fake_service_kill_connections(FakeService *s);

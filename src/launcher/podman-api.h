/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Podman's REST API over its unix socket, by libcurl's multi interface inside an sd-event loop: any
 * number of requests under way, each with its own time limit, nothing ever blocks. This module
 * knows HTTP, paths and status codes, and nothing of sandboxes.
 *
 * Trust: the service is Podman's own, as the same user as the launcher. Its answers are still
 * bounded (PODMAN_RESPONSE_MAX) and parsed as JSON only when the status and type say so. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define PODMAN_RESPONSE_MAX (4 * 1024 * 1024)

typedef struct PodmanApi PodmanApi;
typedef struct PodmanRequest PodmanRequest;

/* What came of a request. error is 0 when an HTTP answer was received, else -ETIMEDOUT,
 * -ECONNREFUSED (nobody listens), -ECONNRESET (the service went away in the middle), -EMSGSIZE or
 * -EIO. body is borrowed, NULL when there was none or it was not JSON. message is for a person:
 * Podman's own "cause" or "message" when it gave one, else curl's or HTTP's words; never NULL. */
typedef struct PodmanAnswer {
        int error;
        long status;
        json_object *body;
        const char *message;
} PodmanAnswer;

/* What a client is to read of an answer that is not the one that was hoped for: its message, and where nobody
 * answered, where an administrator looks. Cut to PODMAN_EXPLANATION_SIZE. */
#define PODMAN_EXPLANATION_SIZE 512
void podman_answer_explain(const PodmanAnswer *answer, bool system_mode,
                           char ret_text[static PODMAN_EXPLANATION_SIZE]);

/* Called exactly once, from the event loop, unless the request is freed before. The request is
 * freed after it returns; the callback must not free it. */
typedef void (*podman_callback_t)(const PodmanAnswer *answer, void *userdata);

/* socket_path is copied. Returns 0 or -errno. */
int podman_api_new(PodmanApi **ret, sd_event *event, const char *socket_path);
/* Cancels what is under way; no callback runs. */
PodmanApi *podman_api_free(PodmanApi *api);

/* All of these return 0 with *ret_request set (may be NULL when nobody will cancel), or -errno and
 * the callback will not run. timeout_usec is the whole request's. */

/* POST /libpod/containers/create; 201 and body.Id on success. spec is borrowed and written at once.
 */
int podman_api_create(PodmanApi *api, json_object *spec, uint64_t timeout_usec,
                      podman_callback_t callback, void *userdata, PodmanRequest **ret_request);
/* POST /libpod/containers/<id>/start; 204. */
int podman_api_start(PodmanApi *api, const char *container, uint64_t timeout_usec,
                     podman_callback_t callback, void *userdata, PodmanRequest **ret_request);
/* DELETE /libpod/containers/<id>?force=true&timeout=0&v=true&ignore=true; 200 or 204, 404 when
 * gone. */
int podman_api_remove(PodmanApi *api, const char *container, uint64_t timeout_usec,
                      podman_callback_t callback, void *userdata, PodmanRequest **ret_request);
/* GET /libpod/containers/json?all=true&filters={"label":[label]}; 200 and an array. */
int podman_api_list(PodmanApi *api, const char *label, uint64_t timeout_usec,
                    podman_callback_t callback, void *userdata, PodmanRequest **ret_request);
/* GET /libpod/images/<name>/json; 200 and body.Id, body.Digest; 404 when missing. */
int podman_api_inspect_image(PodmanApi *api, const char *image, uint64_t timeout_usec,
                             podman_callback_t callback, void *userdata,
                             PodmanRequest **ret_request);

/* Ends a request without its callback. NULL is a no-op; returns NULL. */
PodmanRequest *podman_request_free(PodmanRequest *request);

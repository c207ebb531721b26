/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A request lives from the call that makes it to the end of its callback. When its transfer is done
 * it is not answered at once but from a defer source of its own, so a callback may make and free
 * requests, and free the whole API, without curl or a list of ours being in the middle of anything.
 *
 * Each request has a connection of its own. The service exits when idle and may be killed at any
 * time; a kept connection would then fail a request that the socket unit would have served. It also
 * means that curl never sends a request a second time by itself.
 *
 * Paths carry version 5.0.0, the oldest API that has all that is asked here: a service takes any
 * version between its minimum (4.0.0 in all of Podman 5) and its own.
 *
 * Trust: see the header. Text for people loses its control characters and is cut. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "launcher/curl-loop.h"
#include "launcher/podman-api.h"
#include "launcher/podman-json.h"

#define URL_BASE     "http://d/v5.0.0/libpod"
#define MESSAGE_SIZE 400

struct PodmanRequest {
        PodmanApi *api; /* NULL while its callback runs */
        PodmanRequest *next;
        CURL *easy;
        struct curl_slist *headers;
        Buffer body;
        bool too_large;
        CURLcode result;
        sd_event_source *defer;
        podman_callback_t callback;
        void *userdata;
        char curl_words[CURL_ERROR_SIZE];
};

struct PodmanApi {
        sd_event *event;
        char *socket_path;
        CurlLoop *loop;
        PodmanRequest *requests;
};

/* -- answers --------------------------------------------------------------------------------- */

static int error_of(const PodmanRequest *r) {
        if (r->too_large)
                return -EMSGSIZE;
        switch ((int)r->result) {
        case CURLE_OK:
                return 0;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
                return -ECONNRESET;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static bool is_json(PodmanRequest *r) {
        static const char json[] = "application/json";
        char *type = NULL;

        (void)curl_easy_getinfo(r->easy, CURLINFO_CONTENT_TYPE, &type);
        return type && strncasecmp(type, json, sizeof(json) - 1) == 0;
}

/* What a person should read of this answer. */
static void message_of(const PodmanRequest *r, const PodmanAnswer *a,
                       char text[static MESSAGE_SIZE]) {
        const char *words = podman_json_get_string(a->body, "message");

        if (!words || !*words)
                words = podman_json_get_string(a->body, "cause");
        if (r->too_large)
                (void)snprintf(text, MESSAGE_SIZE, "Podman's answer is too large");
        else if (a->error < 0)
                (void)snprintf(text, MESSAGE_SIZE, "%s",
                               r->curl_words[0] ? r->curl_words : curl_easy_strerror(r->result));
        else if (a->status >= 400 && words && *words)
                (void)snprintf(text, MESSAGE_SIZE, "%s", words);
        else
                (void)snprintf(text, MESSAGE_SIZE, "HTTP status %ld", a->status);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        (void)utf8_scrub(text);
}

void podman_answer_explain(const PodmanAnswer *answer, bool system_mode,
                           char ret_text[static PODMAN_EXPLANATION_SIZE]) {
        if (answer->error < 0)
                (void)snprintf(ret_text, PODMAN_EXPLANATION_SIZE,
                               "Podman does not answer (%s): see \"systemctl%s status "
                               "cloche-podman.socket\"",
                               answer->message, system_mode ? "" : " --user");
        else
                (void)snprintf(ret_text, PODMAN_EXPLANATION_SIZE, "%s", answer->message);
}

static void request_unlink(PodmanRequest *r) {
        PodmanRequest **p = r->api ? &r->api->requests : NULL;

        while (p && *p && *p != r)
                p = &(*p)->next;
        if (p && *p)
                *p = r->next;
        r->api = NULL;
}

PodmanRequest *podman_request_free(PodmanRequest *r) {
        if (!r)
                return NULL;
        if (r->api)
                curl_loop_remove(r->api->loop, r->easy);
        request_unlink(r);
        sd_event_source_disable_unref(r->defer);
        if (r->easy)
                curl_easy_cleanup(r->easy);
        curl_slist_free_all(r->headers);
        buffer_done(&r->body);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(PodmanRequest, podman_request_free)

static int on_done(_unused_ sd_event_source *source, void *userdata) {
        _cleanup_(podman_request_freep) PodmanRequest *r = userdata;
        _cleanup_json_ json_object *body = NULL;
        char text[MESSAGE_SIZE];
        PodmanAnswer answer = { .error = error_of(r), .message = text };

        if (answer.error == 0)
                (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        if (answer.error == 0 && is_json(r) && r->body.size > 0)
                (void)podman_json_parse(buffer_data(&r->body), r->body.size, &body);
        answer.body = body;
        message_of(r, &answer, text);

        request_unlink(r);
        r->callback(&answer, r->userdata);
        return 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *userdata) {
        PodmanRequest *r = userdata;

        size *= one;
        if (size > PODMAN_RESPONSE_MAX - r->body.size) {
                r->too_large = true;
                return 0;
        }
        return buffer_append(&r->body, data, size) < 0 ? 0 : size;
}

/* Not answered from here: curl is in the middle of its work. */
static void on_transfer(CURL *easy, CURLcode result, _unused_ void *userdata) {
        PodmanRequest *r = NULL;

        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &r) != CURLE_OK || !r)
                return;
        r->result = result;
        (void)sd_event_source_set_enabled(r->defer, SD_EVENT_ONESHOT);
}

/* -- requests -------------------------------------------------------------------------------- */

/* Refuses nothing that libcurl knows: an option that fails to be set is a bug or no memory. */
#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_options(PodmanRequest *r, const PodmanApi *api, const char *url,
                        uint64_t timeout_usec) {
        uint64_t msec = (timeout_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

        return SET(r->easy, CURLOPT_URL, url) && SET(r->easy, CURLOPT_PRIVATE, r) &&
               SET(r->easy, CURLOPT_UNIX_SOCKET_PATH, api->socket_path) &&
               SET(r->easy, CURLOPT_PROTOCOLS_STR, "http") && SET(r->easy, CURLOPT_PROXY, "") &&
               SET(r->easy, CURLOPT_FOLLOWLOCATION, 0L) && SET(r->easy, CURLOPT_NOSIGNAL, 1L) &&
               SET(r->easy, CURLOPT_FRESH_CONNECT, 1L) && SET(r->easy, CURLOPT_FORBID_REUSE, 1L) &&
               SET(r->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
               SET(r->easy, CURLOPT_TIMEOUT_MS, (long)(msec ? msec : 1)) &&
               SET(r->easy, CURLOPT_ERRORBUFFER, r->curl_words) &&
               SET(r->easy, CURLOPT_WRITEFUNCTION, on_body) && SET(r->easy, CURLOPT_WRITEDATA, r);
}

static bool add_header(PodmanRequest *r, const char *line) {
        struct curl_slist *l = curl_slist_append(r->headers, line);

        if (!l)
                return false;
        r->headers = l;
        return true;
}

/* body NULL: a POST without one. */
static bool set_post(PodmanRequest *r, const char *body) {
        if (body && !add_header(r, "Content-Type: application/json"))
                return false;
        return add_header(r, "Expect:") && /* no pause before a large body */
               SET(r->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body ? body : "")) &&
               SET(r->easy, CURLOPT_COPYPOSTFIELDS, body ? body : "") &&
               SET(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

typedef struct Call {
        const char *method; /* GET, POST or DELETE */
        const char *body;   /* of a POST, or NULL */
        uint64_t timeout_usec;
        podman_callback_t callback;
        void *userdata;
        PodmanRequest **ret;
} Call;

static int request_new(PodmanApi *api, const char *url, const Call *call) {
        _cleanup_(podman_request_freep) PodmanRequest *r = NULL;
        bool ok;
        int e;

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->callback = call->callback;
        r->userdata = call->userdata;
        r->easy = curl_easy_init();
        if (!r->easy)
                return -ENOMEM;
        ok = set_options(r, api, url, call->timeout_usec);
        if (ok && strcmp(call->method, "POST") == 0)
                ok = set_post(r, call->body);
        else if (ok && strcmp(call->method, "DELETE") == 0)
                ok = SET(r->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
        if (!ok)
                return -ENOMEM;

        e = sd_event_add_defer(api->event, &r->defer, on_done, r);
        if (e >= 0)
                e = sd_event_source_set_enabled(r->defer, SD_EVENT_OFF);
        if (e < 0)
                return e;
        e = curl_loop_add(api->loop, r->easy);
        if (e < 0)
                return e;
        r->api = api;
        r->next = api->requests;
        api->requests = r;

        if (call->ret)
                *call->ret = r;
        TAKE_PTR(r); /* the API's until its callback has run */
        return 0;
}

/* "<base>PREFIX<escaped name>SUFFIX"; NULL without memory. */
static char *make_url(const char *prefix, const char *name, const char *suffix) {
        char *escaped, *url;

        escaped = curl_easy_escape(NULL, name, 0);
        if (!escaped)
                return NULL;
        if (asprintf(&url, URL_BASE "%s%s%s", prefix, escaped, suffix) < 0)
                url = NULL;
        curl_free(escaped);
        return url;
}

/* Consumes url. */
static int send_request(PodmanApi *api, char *url, const Call *call) {
        _cleanup_free_ char *owned = url;

        return owned ? request_new(api, owned, call) : -ENOMEM;
}

int podman_api_create(PodmanApi *api, json_object *spec, uint64_t timeout_usec,
                      podman_callback_t callback, void *userdata, PodmanRequest **ret_request) {
        const char *body = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_PLAIN);

        if (!body)
                return -ENOMEM;
        return send_request(api, make_url("/containers/create", "", ""),
                            &(Call){ "POST", body, timeout_usec, callback, userdata, ret_request });
}

int podman_api_start(PodmanApi *api, const char *container, uint64_t timeout_usec,
                     podman_callback_t callback, void *userdata, PodmanRequest **ret_request) {
        return send_request(api, make_url("/containers/", container, "/start"),
                            &(Call){ "POST", NULL, timeout_usec, callback, userdata, ret_request });
}

int podman_api_remove(PodmanApi *api, const char *container, uint64_t timeout_usec,
                      podman_callback_t callback, void *userdata, PodmanRequest **ret_request) {
        return send_request(
                api,
                make_url("/containers/", container, "?force=true&timeout=0&v=true&ignore=true"),
                &(Call){ "DELETE", NULL, timeout_usec, callback, userdata, ret_request });
}

int podman_api_list(PodmanApi *api, const char *label, uint64_t timeout_usec,
                    podman_callback_t callback, void *userdata, PodmanRequest **ret_request) {
        _cleanup_json_ json_object *filters = NULL, *labels = NULL;
        int r;

        filters = json_object_new_object();
        labels = json_object_new_array();
        if (!filters || !labels)
                return -ENOMEM;
        r = json_append(labels, json_object_new_string(label));
        if (r >= 0)
                r = json_set(filters, "label", TAKE_PTR(labels));
        if (r < 0)
                return r;
        return send_request(
                api,
                make_url("/containers/json?all=true&filters=",
                         json_object_to_json_string_ext(filters, JSON_C_TO_STRING_PLAIN), ""),
                &(Call){ "GET", NULL, timeout_usec, callback, userdata, ret_request });
}

int podman_api_inspect_image(PodmanApi *api, const char *image, uint64_t timeout_usec,
                             podman_callback_t callback, void *userdata,
                             PodmanRequest **ret_request) {
        return send_request(api, make_url("/images/", image, "/json"),
                            &(Call){ "GET", NULL, timeout_usec, callback, userdata, ret_request });
}

/* -- birth and death ------------------------------------------------------------------------- */

PodmanApi *podman_api_free(PodmanApi *api) {
        if (!api)
                return NULL;
        while (api->requests)
                podman_request_free(api->requests);
        curl_loop_free(api->loop);
        sd_event_unref(api->event);
        free(api->socket_path);
        free(api);
        return NULL;
}
DEFINE_CLEANUP(PodmanApi, podman_api_free)

int podman_api_new(PodmanApi **ret, sd_event *event, const char *socket_path) {
        _cleanup_(podman_api_freep) PodmanApi *api = NULL;
        int r;

        api = calloc(1, sizeof(*api));
        if (!api)
                return -ENOMEM;
        api->event = sd_event_ref(event);
        api->socket_path = strdup(socket_path);
        if (!api->socket_path)
                return -ENOMEM;
        r = curl_loop_new(&api->loop, event, on_transfer, api);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(api);
        return 0;
}

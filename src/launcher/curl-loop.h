/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libcurl's transfers inside an sd-event loop. */

#include <curl/curl.h>
#include <systemd/sd-event.h>

typedef struct CurlLoop CurlLoop;

/* Called from the event loop once for each transfer that ended by itself; the handle has left the
 * loop before. Must not free the loop. */
typedef void (*curl_loop_callback_t)(CURL *easy, CURLcode result, void *userdata);

/* Returns 0 or -errno. */
int curl_loop_new(CurlLoop **ret, sd_event *event, curl_loop_callback_t callback, void *userdata);
/* Every handle must have left it. NULL is a no-op; returns NULL. */
CurlLoop *curl_loop_free(CurlLoop *l);

/* Begins a transfer; the handle stays the caller's. Returns 0 or -errno. */
int curl_loop_add(CurlLoop *l, CURL *easy);
/* Ends it without the callback. A no-op when it has left already. */
void curl_loop_remove(CurlLoop *l, CURL *easy);

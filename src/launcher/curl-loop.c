/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* curl's multi interface as a guest of our event loop: curl says which sockets and which timeout it
 * waits for, we call it when one is due and ask afterwards what is done. curl announces the end of
 * its interest in a socket before it closes it, so no event source outlives its descriptor. */

#include <errno.h>
#include <stdlib.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/curl-loop.h"

struct CurlLoop {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        curl_loop_callback_t callback;
        void *userdata;
};

static void drive(CurlLoop *l, curl_socket_t fd, int events) {
        CURLMsg *m;
        int n;

        (void)curl_multi_socket_action(l->multi, fd, events, &n);
        while ((m = curl_multi_info_read(l->multi, &n))) {
                CURLcode result = m->data.result; /* m ends when its handle leaves */
                CURL *easy = m->easy_handle;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void)curl_multi_remove_handle(l->multi, easy);
                l->callback(easy, result, l->userdata);
        }
}

static int on_io(_unused_ sd_event_source *source, int fd, uint32_t events, void *userdata) {
        int action = 0;

        if (events & EPOLLIN)
                action |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                action |= CURL_CSELECT_OUT;
        if (events & (EPOLLERR | EPOLLHUP))
                action |= CURL_CSELECT_ERR;
        drive(userdata, fd, action);
        return 0;
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        drive(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_curl_socket(_unused_ CURL *easy, curl_socket_t fd, int what, void *userdata,
                          void *socket_data) {
        sd_event_source *source = socket_data;
        CurlLoop *l = userdata;
        uint32_t events = 0;

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                return 0;
        }
        if (what & CURL_POLL_IN)
                events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                events |= EPOLLOUT;
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(l->event, &source, fd, events, on_io, l) < 0)
                return -1;
        (void)curl_multi_assign(l->multi, fd, source);
        return 0;
}

static int on_curl_timeout(_unused_ CURLM *multi, long msec, void *userdata) {
        CurlLoop *l = userdata;

        if (msec < 0)
                return sd_event_source_set_enabled(l->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(l->timer, (uint64_t)msec * USEC_PER_MSEC) < 0 ||
            sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

int curl_loop_add(CurlLoop *l, CURL *easy) {
        return curl_multi_add_handle(l->multi, easy) == CURLM_OK ? 0 : -ENOMEM;
}

void curl_loop_remove(CurlLoop *l, CURL *easy) {
        (void)curl_multi_remove_handle(l->multi, easy);
}

CurlLoop *curl_loop_free(CurlLoop *l) {
        if (!l)
                return NULL;
        if (l->multi)
                (void)curl_multi_cleanup(l->multi);
        sd_event_source_disable_unref(l->timer);
        sd_event_unref(l->event);
        free(l);
        curl_global_cleanup();
        return NULL;
}
DEFINE_CLEANUP(CurlLoop, curl_loop_free)

int curl_loop_new(CurlLoop **ret, sd_event *event, curl_loop_callback_t callback, void *userdata) {
        _cleanup_(curl_loop_freep) CurlLoop *l = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) /* counted; undone by free */
                return -ENOMEM;
        l = calloc(1, sizeof(*l));
        if (!l) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        l->event = sd_event_ref(event);
        l->callback = callback;
        l->userdata = userdata;
        l->multi = curl_multi_init();
        if (!l->multi)
                return -ENOMEM;

        /* an accuracy of 0 would mean 250 ms, and curl begins every transfer by this timer */
        r = sd_event_add_time_relative(event, &l->timer, CLOCK_MONOTONIC, 0, 1, on_timer, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        if (curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
            curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) != CURLM_OK ||
            curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_curl_timeout) != CURLM_OK ||
            curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) != CURLM_OK)
                return -ENOMEM;

        *ret = TAKE_PTR(l);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The only place where the launcher speaks with a guest: SETUP was channel.c's, and then READY, and for the
 * driver and for the stand-in START, CHILD, its place in a leaf of its own, and GO, as a handler does it for any
 * program. When the driver says something, it has loaded what it was to load; the stand-in says its word. What
 * they say is not read here: it stays in the pipes for the handler, which believes none of it.
 *
 * Before the driver is started, and from both GO on, no frame is due. One that comes, the end of either
 * included, is the end of the sandbox: what is not as new is not handed out.
 *
 * Trust: nobody's code has run in the sandbox but the image's own. Each frame is parsed all the same, and
 * what CHILD says is who sent it, which is the kernel's word. */

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/json.h"
#include "basic/log.h"
#include "launcher/birth.h"
#include "launcher/leaf.h"
#include "launcher/warm.h"
#include "wire/guest-frame.h"
#include "wire/payload.h"

Warm *warm_free(Warm *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->io);
        sd_event_source_disable_unref(w->ready);
        sd_event_source_disable_unref(w->word);
        sd_event_source_disable_unref(w->timer);
        for (size_t i = 0; i < ARRAY_SIZE(w->fds); i++)
                close_fd(w->fds[i]);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(Warm, warm_free)

/* w is gone then, with its event sources. */
static void lose(Warm *w, const char *detail) {
        Sandbox *s = w->sandbox;

        if (w->level == WARM_LOADING)
                log_warning(0, "Sandbox %s of %s cannot be made ready (%s)", s->id, s->profile_name,
                            detail);
        if (s->state == SANDBOX_WARM)
                sandbox_lose(s);
        else
                birth_refuse(s, LAUNCHER_REFUSAL_GUEST, detail);
}

/* It has come to this level, and may be handed out. */
static void arrive(Warm *w, WarmLevel level) {
        Sandbox *s = w->sandbox;

        w->level = level;
        w->timer = sd_event_source_disable_unref(w->timer);
        s->state = SANDBOX_WARM;
        sandbox_describe(s, level == WARM_LOADED ? ", warm" : ", ready");
        birth_consider(s->manager);
        s->events->opened(s, NULL, s->userdata);
}

/* Starts a program whose streams wait in fds from first on. Returns 0 or -errno. */
static int start(Warm *w, uint32_t exec, const Payload *payload, LauncherFd first) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        GuestStart start;
        GuestFrame f;
        int r;

        payload_fd = payload_pack(payload, exec, &start);
        if (payload_fd < 0)
                return payload_fd;
        r = fd_new_input(&in, &w->fds[first]);
        if (r >= 0)
                r = fd_new_output(&out, &w->fds[first + 1]);
        if (r >= 0)
                r = fd_new_output(&err, &w->fds[first + 2]);
        if (r < 0)
                return r;
        guest_frame_init(&f, GUEST_FRAME_START, exec);
        start.header = f.header;
        f.start = start;
        return fd_send(w->fds[LAUNCHER_FD_CHANNEL], &f, guest_frame_size(GUEST_FRAME_START),
                       (const int[]){ payload_fd, in, out, err }, 4);
}

static int start_driver(Warm *w) {
        const Profile *profile = w->sandbox->profile;
        _cleanup_json_ json_object *env = NULL;
        Payload payload = { .words = profile->driver };
        int r;

        if (profile->preload[0]) {
                env = json_object_new_object();
                r = env ? json_set_string(env, "CLOCHE_PRELOAD", profile->preload) : -ENOMEM;
                if (r < 0)
                        return r;
                payload.env = env;
        }
        return start(w, LAUNCHER_DRIVER_EXEC, &payload, LAUNCHER_FD_COMMANDS);
}

static bool has_stand_in(const Warm *w) {
        return w->sandbox->profile->limits.tasks >= STAND_IN_TASKS_MIN;
}

static int start_stand_in(Warm *w) {
        const Payload payload = {
                .words = GUEST_STAND_IN_WORDS,
                .has_code_later = true,
                .code_name = w->sandbox->profile->code_name,
        };

        return start(w, LAUNCHER_STAND_IN_EXEC, &payload, LAUNCHER_FD_STAND_IN_INPUT);
}

static int on_ready(sd_event_source *source, int fd _unused_, uint32_t revents, void *userdata) {
        Warm *w = userdata;

        if (!(revents & EPOLLIN)) {
                lose(w,
                     "the container runs, but its driver or its stand-in ended before it was ready");
                return 0;
        }
        if (source == w->ready)
                w->ready = sd_event_source_disable_unref(w->ready);
        else
                w->word = sd_event_source_disable_unref(w->word);
        if (w->driver_pid && !w->ready && (w->stand_in_pid || !has_stand_in(w)) && !w->word)
                arrive(w, WARM_LOADED);
        return 0;
}

/* Returns 0 or -errno. */
static int let_go(Warm *w, uint32_t exec, pid_t pid) {
        bool is_driver = exec == LAUNCHER_DRIVER_EXEC;
        GuestFrame f;
        int r;

        r = leaf_place(w->sandbox, exec, pid);
        if (r != LEAF_DONE)
                return r < 0 ? r : -ESRCH;
        guest_frame_init(&f, GUEST_FRAME_GO, exec);
        r = fd_send(w->fds[LAUNCHER_FD_CHANNEL], &f, guest_frame_size(GUEST_FRAME_GO), NULL, 0);
        if (r < 0)
                return r;
        *(is_driver ? &w->driver_pid : &w->stand_in_pid) = pid;
        r = sd_event_add_io(w->sandbox->manager->event, is_driver ? &w->ready : &w->word,
                            w->fds[is_driver ? LAUNCHER_FD_REPLIES : LAUNCHER_FD_STAND_IN_OUTPUT],
                            EPOLLIN, on_ready, w);
        return r;
}

/* Returns 0, or -errno when the guest is of no use. */
static int take_frame(Warm *w, const GuestFrame *f, pid_t sender) {
        bool is_child =
                f->header.type == GUEST_FRAME_CHILD && w->level == WARM_LOADING && sender > 0;

        if (f->header.type == GUEST_FRAME_READY && w->level == WARM_BOOTING) {
                arrive(w, w->sandbox->profile->driver[0] ? WARM_READY : WARM_LOADED);
                return 0;
        }
        if (is_child && !w->driver_pid && f->header.exec == LAUNCHER_DRIVER_EXEC)
                return let_go(w, LAUNCHER_DRIVER_EXEC, sender);
        if (is_child && !w->stand_in_pid && f->header.exec == LAUNCHER_STAND_IN_EXEC)
                return let_go(w, LAUNCHER_STAND_IN_EXEC, sender);
        return -EBADMSG;
}

static int on_io(sd_event_source *source _unused_, int fd, uint32_t revents _unused_,
                 void *userdata) {
        Warm *w = userdata;
        char data[GUEST_FRAME_SIZE_MAX];
        pid_t sender = 0;
        GuestFrame f;
        ssize_t n;
        int r;

        n = fd_receive_from(fd, data, sizeof(data), &sender);
        if (n == -EAGAIN)
                return 0;
        r = n <= 0 ? (n < 0 ? (int)n : -ECONNRESET)
                   : guest_frame_parse(data, (size_t)n, GUEST_FROM_GUEST, &f);
        if (r >= 0)
                r = take_frame(w, &f, sender);
        if (r < 0)
                lose(w, "the guest of a sandbox that nobody has used yet ended, or its driver did");
        return 0;
}

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Warm *w = userdata;

        lose(w, w->level == WARM_BOOTING
                        ? "the container runs, but its guest was not ready in time"
                        : "the container runs, but its driver was not ready in time");
        return 0;
}

static int set_timer(Warm *w, uint64_t usec) {
        return sd_event_add_time_relative(w->sandbox->manager->event, &w->timer, CLOCK_MONOTONIC,
                                          usec, 0, on_timeout, w);
}

void warm_load(Warm *w) {
        int r;

        w->level = WARM_LOADING;
        r = set_timer(w, DRIVER_TIMEOUT_USEC);
        if (r >= 0)
                r = start_driver(w);
        if (r >= 0 && has_stand_in(w))
                r = start_stand_in(w);
        if (r < 0)
                lose(w, "its driver could not be started");
}

bool warm_is_well(const Warm *w) {
        struct pollfd fds[2];

        if (!w)
                return false;
        /* the guest speaks of an end only, the driver has said that it is ready */
        fds[0] = (struct pollfd){ .fd = w->fds[LAUNCHER_FD_CHANNEL], .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = w->fds[LAUNCHER_FD_REPLIES] };
        return poll(fds, ARRAY_SIZE(fds), 0) == 0;
}

int warm_begin(Sandbox *s, int channel_fd) {
        _cleanup_(warm_freep) Warm *w = NULL;
        int r;

        w = calloc(1, sizeof(*w));
        if (!w) {
                close_fd(channel_fd);
                return -ENOMEM;
        }
        *w = (Warm){ .sandbox = s, .fds[LAUNCHER_FD_CHANNEL] = channel_fd };
        for (size_t i = LAUNCHER_FD_COMMANDS; i < ARRAY_SIZE(w->fds); i++)
                w->fds[i] = -EBADF;
        /* stays with the socket, so that the kernel says of frames that come now who sent them */
        if (setsockopt(channel_fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0)
                return -errno;
        r = sd_event_add_io(s->manager->event, &w->io, channel_fd, EPOLLIN, on_io, w);
        if (r >= 0)
                r = set_timer(w, GUEST_TIMEOUT_USEC);
        if (r < 0)
                return r;
        s->warm = TAKE_PTR(w);
        return 0;
}

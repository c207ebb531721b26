/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A whole conversation with the real handler: the input is what a client sends, written in pieces so
 * that lines are cut anywhere. Launcher and guest are played here as far as it takes for a run to
 * come to its end, and the audit only looks at what it is given. What must hold of every answer is
 * asserted: it is one line of strict JSON (nothing of the client's can break it), a message of ours,
 * and there are not more answers than lines. */

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/audit.h"
#include "basic/fd.h"
#include "basic/json.h"
#include "handler/handler.h"
#include "wire/guest-frame.h"
#include "wire/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_SIZE  143
#define GUESTS_MAX  64
#define PENDING_MAX 256

/* A program that was started and waits to be let go. */
typedef struct Pending {
        size_t guest;
        uint32_t exec; /* 0: this place is free */
        int fds[4];
} Pending;

typedef struct World {
        sd_event *event;
        Handler *handler;
        int client_fd;
        int launcher_fd;
        int guest_fds[GUESTS_MAX];
        uint64_t n_opened;
        Pending pending[PENDING_MAX];
        LineReader answers;
        size_t n_answers;
} World;

/* -- the audit --------------------------------------------------------------------------------- */

int audit_new(Audit **ret, const char *by, int journal_fd) {
        assert(strcmp(by, "handler") == 0);
        close_fd(journal_fd);
        *ret = NULL;
        return 0;
}

Audit *audit_free(Audit *a) {
        assert(!a);
        return NULL;
}

int audit_write(Audit *a, AuditSequence *seq, AuditEvent event, const AuditValue *values,
                size_t n_values) {
        (void)a;
        assert(event < _AUDIT_EVENT_MAX);
        seq->last++;
        for (size_t i = 0; i < n_values; i++) {
                assert(values[i].field < _AUDIT_FIELD_MAX);
                assert(!values[i].text || utf8_is_valid(values[i].text, values[i].size));
                for (size_t j = 0; j < i; j++)
                        assert(values[i].field != values[j].field);
        }
        return 0;
}

/* -- launcher and guests ------------------------------------------------------------------------ */

static void send_message(World *w, const LauncherMessage *m, int fd) {
        size_t size = launcher_message_size((LauncherMessageType)m->header.type);

        assert(fd_send(w->launcher_fd, m, size, &fd, fd >= 0) == 0);
}

static void open_sandbox(World *w, const LauncherOpen *open) {
        LauncherMessage m;
        GuestFrame ready;
        int fds[2];

        if (w->n_opened == GUESTS_MAX) {
                launcher_message_init(&m, LAUNCHER_REFUSED, open->header.serial);
                m.refused.refusal = LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES;
                send_message(w, &m, -EBADF);
                return;
        }
        assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
        launcher_message_init(&m, LAUNCHER_OPENED, open->header.serial);
        memset(m.opened.sandbox, 'a', ID_SIZE - 1);
        m.opened.sandbox[0] = (char)('0' + w->n_opened % 10);
        m.opened.sandbox[1] = (char)('0' + w->n_opened / 10);
        memcpy(m.opened.profile, open->profile, sizeof(open->profile));
        if (strcmp(open->profile, "bare") != 0)
                memcpy(m.opened.interpreter, "sh", 3);
        if (strcmp(open->profile, "python") == 0)
                memcpy(m.opened.driver, "driver", 7);
        memcpy(m.opened.code_name, "main", 5);
        m.opened.limits = (LauncherLimits){ .timeout_usec = USEC_PER_SEC, .output_bytes = 20 };
        send_message(w, &m, fds[1]);
        close_fd(fds[1]);

        guest_frame_init(&ready, GUEST_FRAME_READY, 0);
        assert(fd_send(fds[0], &ready, sizeof(ready.ready), NULL, 0) == 0);
        w->guest_fds[w->n_opened++] = fds[0];
}

static Pending *find_pending(World *w, size_t guest, uint32_t exec) {
        for (size_t i = 0; i < PENDING_MAX; i++)
                if (w->pending[i].exec == exec && (exec == 0 || w->pending[i].guest == guest))
                        return &w->pending[i];
        return NULL;
}

static void say(World *w, size_t i, GuestFrameType type, uint32_t exec) {
        GuestFrame f;

        guest_frame_init(&f, type, exec);
        if (type == GUEST_FRAME_EXITED)
                f.exited.kind = GUEST_EXIT_EXITED;
        (void)fd_send(w->guest_fds[i], &f, guest_frame_size(type), NULL, 0);
}

/* Its streams end, and so does it. */
static void end_pending(World *w, Pending *p) {
        say(w, p->guest, GUEST_FRAME_EXITED, p->exec);
        for (size_t j = 0; j < ARRAY_SIZE(p->fds); j++)
                close_fd(p->fds[j]);
        p->exec = 0;
}

static void start_program(World *w, size_t i, uint32_t exec, const int fds[static 4]) {
        Pending *p = find_pending(w, 0, 0);

        assert(p && fds[3] >= 0);
        *p = (Pending){ .guest = i, .exec = exec };
        memcpy(p->fds, fds, sizeof(p->fds));
        say(w, i, GUEST_FRAME_CHILD, exec);
}

/* A program says something, and ends. */
static void run_guest(World *w, size_t i) {
        int fds[4] = { -EBADF, -EBADF, -EBADF, -EBADF };
        char data[GUEST_FRAME_SIZE_MAX];
        Pending *p;
        GuestFrame f;
        ssize_t n;

        if (w->guest_fds[i] < 0)
                return;
        n = fd_receive(w->guest_fds[i], data, sizeof(data), fds, 4, NULL);
        if (n == -EAGAIN)
                return;
        if (n <= 0) {
                for (size_t j = 0; j < PENDING_MAX; j++)
                        if (w->pending[j].exec > 0 && w->pending[j].guest == i)
                                end_pending(w, &w->pending[j]);
                w->guest_fds[i] = close_fd(w->guest_fds[i]);
                return;
        }
        assert(guest_frame_parse(data, (size_t)n, GUEST_FROM_HOST, &f) == 0);
        if (f.header.type == GUEST_FRAME_START)
                start_program(w, i, f.header.exec, fds);
        p = f.header.type == GUEST_FRAME_GO ? find_pending(w, i, f.header.exec) : NULL;
        if (p) {
                (void)!write(p->fds[2], "h\xc3\xa9llo \xff", 8);
                end_pending(w, p);
        }
}

static void end_execution(World *w, const LauncherEnd *end) {
        LauncherMessage answer;

        for (size_t i = 0; end->kill && i < PENDING_MAX; i++)
                if (w->pending[i].exec == end->exec &&
                    w->pending[i].guest ==
                            (size_t)(end->sandbox[1] - '0') * 10 + (size_t)(end->sandbox[0] - '0'))
                        end_pending(w, &w->pending[i]);
        launcher_message_init(&answer, LAUNCHER_ENDED, end->header.serial);
        answer.ended.known = 1;
        send_message(w, &answer, -EBADF);
}

/* Returns whether there was something to do. */
static bool run_launcher(World *w) {
        int passed = -EBADF;
        LauncherMessage m, answer;
        char data[sizeof(m)];
        ssize_t n;

        for (size_t i = 0; i < w->n_opened; i++)
                run_guest(w, i);
        n = fd_receive(w->launcher_fd, data, sizeof(data), &passed, 1, NULL);
        if (n <= 0)
                return false;
        assert(launcher_message_parse(data, (size_t)n, LAUNCHER_FROM_HANDLER, &m) == 0);
        close_fd(passed);
        switch ((LauncherMessageType)m.header.type) {
        case LAUNCHER_HELLO:
                launcher_message_init(&answer, LAUNCHER_WELCOME, 0);
                memset(answer.welcome.connection, 'c', ID_SIZE - 1);
                send_message(w, &answer, -EBADF);
                break;
        case LAUNCHER_PROFILES:
                launcher_message_init(&answer, LAUNCHER_PROFILE, m.header.serial);
                memcpy(answer.profile.name, "sh", 3);
                memcpy(answer.profile.description, "\xff\"\n", 4);
                send_message(w, &answer, -EBADF);
                launcher_message_init(&answer, LAUNCHER_DONE, m.header.serial);
                send_message(w, &answer, -EBADF);
                break;
        case LAUNCHER_OPEN:
                open_sandbox(w, &m.open);
                break;
        case LAUNCHER_PLACE:
                launcher_message_init(&answer, LAUNCHER_PLACED, m.header.serial);
                send_message(w, &answer, -EBADF);
                break;
        case LAUNCHER_END:
                end_execution(w, &m.end);
                break;
        case LAUNCHER_CLOSE:
                launcher_message_init(&answer, LAUNCHER_CLOSED, m.header.serial);
                memcpy(answer.closed.sandbox, m.close.sandbox, ID_SIZE);
                answer.closed.known = 1;
                send_message(w, &answer, -EBADF);
                break;
        case LAUNCHER_WELCOME:
        case LAUNCHER_PROFILE:
        case LAUNCHER_DONE:
        case LAUNCHER_OPENED:
        case LAUNCHER_REFUSED:
        case LAUNCHER_PLACED:
        case LAUNCHER_ENDED:
        case LAUNCHER_CLOSED:
        case LAUNCHER_DIED:
        case LAUNCHER_RESUMED:
        case LAUNCHER_MESSAGE_INVALID:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                assert(!"the handler does not say this");
        }
        return true;
}

/* -- the client --------------------------------------------------------------------------------- */

static void check_answer(World *w, const char *line, size_t size) {
        _cleanup_json_ json_object *o = NULL;
        json_object *data, *error;

        assert(json_parse(line, size, &o, NULL) == 0);
        assert(strcmp(json_object_get_string(json_object_object_get(o, "jsonrpc")), "2.0") == 0);
        if (json_object_object_get_ex(o, "method", NULL))
                return; /* output */
        w->n_answers++;
        assert(json_object_object_get_ex(o, "id", NULL));
        if (json_object_object_get_ex(o, "result", NULL))
                return;
        error = json_object_object_get(o, "error");
        if (json_object_get_int(json_object_object_get(error, "code")) == -32022)
                return; /* MCP's own */
        data = json_object_object_get(error, "data");
        assert(json_object_is_type(json_object_object_get(data, "reason"), json_type_string));
        /* whatever a client says, it is no fault of ours */
        assert(strcmp(json_object_get_string(json_object_object_get(data, "reason")), "internal"));
}

static void read_answers(World *w) {
        const char *line;
        char *room;
        ssize_t n;
        size_t size;

        assert(line_reader_reserve(&w->answers, 65536, &room) == 0);
        n = recv(w->client_fd, room, 65536, MSG_DONTWAIT);
        if (n <= 0)
                return;
        line_reader_commit(&w->answers, (size_t)n);
        while (line_reader_next(&w->answers, &line, &size) == LINE_WHOLE)
                check_answer(w, line, size);
}

/* Everybody acts until nobody has anything to do. */
static void turn(World *w) {
        bool busy = true;

        while (busy) {
                busy = sd_event_get_state(w->event) != SD_EVENT_FINISHED &&
                       sd_event_run(w->event, 0) > 0;
                busy = run_launcher(w) || busy;
                read_answers(w);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int client[2], launcher[2];
        World w = {};
        HandlerFds fds;
        size_t n_lines = 1;

        for (size_t i = 0; i < size; i++)
                n_lines += data[i] == '\n';
        (void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) == 0);
        assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, launcher) == 0);
        w.client_fd = client[0];
        w.launcher_fd = launcher[0];
        fds = (HandlerFds){ .client = client[1], .launcher = launcher[1], .journal = -EBADF };
        assert(sd_event_new(&w.event) == 0);
        assert(handler_new(&w.handler, w.event, &fds) == 0);

        for (size_t i = 0; i < size; i += PIECE_SIZE) {
                size_t n = size - i < PIECE_SIZE ? size - i : PIECE_SIZE;

                if (send(w.client_fd, data + i, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                        break; /* it has hung up, as on a line that is too long */
                turn(&w);
        }
        (void)shutdown(w.client_fd, SHUT_WR);
        turn(&w);
        assert(w.n_answers <= n_lines);

        handler_free(w.handler);
        sd_event_unref(w.event);
        line_reader_done(&w.answers);
        for (size_t i = 0; i < PENDING_MAX; i++)
                if (w.pending[i].exec > 0)
                        end_pending(&w, &w.pending[i]);
        for (size_t i = 0; i < w.n_opened; i++)
                close_fd(w.guest_fds[i]);
        close_fd(w.client_fd);
        close_fd(w.launcher_fd);
        return 0;
}

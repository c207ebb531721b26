/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "box.h"
#include "launcher/seccomp.h"

static int make_filter(const char *list) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ void *program = NULL;
        size_t size;

        assert_int_equal(seccomp_compile(list, &text, &program, &size), 0);
        return fd_new_sealed("filter", program, size);
}

void box_wait_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        assert_int_equal(poll(&p, 1, BOX_TIMEOUT_MSEC), 1);
}

Box *box_new(const BoxPaths *paths, const char *mode) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int listener = -EBADF;
        Box *b = calloc(1, sizeof(*b));
        struct ucred peer;
        socklen_t n = sizeof(peer);
        int yes = 1;

        assert_non_null(b);
        strcpy(b->directory, "/tmp/test-guest-XXXXXX");
        assert_non_null(mkdtemp(b->directory));
        (void)snprintf(b->path, sizeof(b->path), "%s/channel", b->directory);
        strcpy(sa.sun_path, b->path);
        listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        assert_true(listener >= 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
        assert_int_equal(listen(listener, 1), 0);

        b->box_pid = fork();
        assert_true(b->box_pid >= 0);
        if (b->box_pid == 0) {
                execl(paths->box, "guest-box", paths->guest, b->path, mode, NULL);
                _exit(99);
        }
        box_wait_readable(listener);
        b->channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(b->channel >= 0);
        assert_int_equal(getsockopt(b->channel, SOL_SOCKET, SO_PEERCRED, &peer, &n), 0);
        b->guest_pid = peer.pid;
        assert_int_equal(setsockopt(b->channel, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)), 0);
        b->filter_fd = make_filter(paths->list);
        return b;
}

int box_end(Box *b) {
        int status;

        b->channel = close_fd(b->channel);
        (void)kill(b->guest_pid, SIGCONT); /* a test that failed may have left it stopped */
        assert_int_equal(waitpid(b->box_pid, &status, 0), b->box_pid);
        assert_true(WIFEXITED(status));
        close_fd(b->filter_fd);
        assert_int_equal(unlink(b->path), 0);
        assert_int_equal(rmdir(b->directory), 0);
        free(b);
        return WEXITSTATUS(status);
}

int box_send(Box *b, const GuestFrame *f, const int *fds, size_t n_fds) {
        return fd_send(b->channel, f, guest_frame_size((GuestFrameType)f->header.type), fds, n_fds);
}

void box_send_setup(Box *b) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_SETUP, 0);
        f.setup.code_uid = GUEST_CODE_UID;
        f.setup.code_gid = GUEST_CODE_UID;
        assert_int_equal(box_send(b, &f, &b->filter_fd, 1), 0);
}

void box_send_signal(Box *b, uint32_t exec, uint32_t signo) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_SIGNAL, exec);
        f.signal.signo = signo;
        f.signal.to_group = 1;
        assert_int_equal(box_send(b, &f, NULL, 0), 0);
}

void box_send_go(Box *b, uint32_t exec) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_GO, exec);
        assert_int_equal(box_send(b, &f, NULL, 0), 0);
}

void box_send_resize(Box *b, uint32_t exec, uint16_t rows, uint16_t columns) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_RESIZE, exec);
        f.resize.rows = rows;
        f.resize.columns = columns;
        assert_int_equal(box_send(b, &f, NULL, 0), 0);
}

/* One frame from the socket, and whose process sent it. */
static GuestFrame take_frame(Box *b, pid_t *ret_sender) {
        union {
                struct cmsghdr align;
                char buffer[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        char data[GUEST_FRAME_SIZE_MAX];
        struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
        struct msghdr mh = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        const struct cmsghdr *c;
        struct ucred sender;
        GuestFrame f;
        ssize_t n;

        box_wait_readable(b->channel);
        n = recvmsg(b->channel, &mh, MSG_CMSG_CLOEXEC);
        assert_true(n > 0);
        assert_int_equal(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
        c = CMSG_FIRSTHDR(&mh);
        assert_non_null(c);
        assert_int_equal(c->cmsg_type, SCM_CREDENTIALS);
        memcpy(&sender, CMSG_DATA(c), sizeof(sender));
        *ret_sender = sender.pid;
        assert_int_equal(guest_frame_parse(data, (size_t)n, GUEST_FROM_GUEST, &f), 0);
        return f;
}

GuestFrame box_receive(Box *b) {
        pid_t sender;

        if (b->n_pending > 0) {
                GuestFrame f = b->pending[0];

                memmove(b->pending, b->pending + 1, --b->n_pending * sizeof(f));
                return f;
        }
        return take_frame(b, &sender);
}

pid_t box_await_child(Box *b, uint32_t exec) {
        for (;;) {
                pid_t sender;
                GuestFrame f = take_frame(b, &sender);

                if (f.header.type == GUEST_FRAME_CHILD && f.header.exec == exec)
                        return sender;
                assert_true(b->n_pending < BOX_PENDING_MAX);
                b->pending[b->n_pending++] = f;
                if (f.header.type == GUEST_FRAME_EXITED && f.header.exec == exec)
                        return 0;
        }
}

Box *box_new_ready(const BoxPaths *paths, const char *mode) {
        Box *b = box_new(paths, mode);

        box_send_setup(b);
        assert_int_equal(box_receive(b).header.type, GUEST_FRAME_READY);
        return b;
}

static size_t pack(char *to, const char *const *strings, uint32_t *ret_n) {
        size_t size = 0;

        for (*ret_n = 0; strings && strings[*ret_n]; (*ret_n)++) {
                strcpy(to + size, strings[*ret_n]);
                size += strlen(strings[*ret_n]) + 1;
        }
        return size;
}

GuestFrame box_make_start(uint32_t exec, const Program *p, int *ret_payload_fd) {
        char bytes[8192];
        GuestFrame f;
        size_t n;

        guest_frame_init(&f, GUEST_FRAME_START, exec);
        n = pack(bytes, p->argv, &f.start.n_argv);
        n += pack(bytes + n, p->env, &f.start.n_env);
        if (p->cwd)
                n += pack(bytes + n, WORDS(p->cwd), &f.start.has_cwd);
        f.start.has_terminal = p->has_terminal;
        f.start.rows = p->rows;
        f.start.columns = p->columns;
        f.start.strings_size = (uint32_t)n;
        if (p->code) {
                f.start.code = GUEST_CODE_HERE;
                f.start.code_size = (uint32_t)strlen(p->code);
                memcpy(bytes + n, p->code, f.start.code_size);
                strcpy(f.start.code_name, p->code_name);
        } else if (p->code_name) {
                f.start.code = GUEST_CODE_LATER;
                strcpy(f.start.code_name, p->code_name);
        }
        *ret_payload_fd = fd_new_sealed("payload", bytes, n + f.start.code_size);
        assert_true(*ret_payload_fd >= 0);
        return f;
}

/* Programs open their streams anew by name, with their own rights, as another user's. */
static void let_open(int fds[static 2]) {
        assert_int_equal(fchmod(fds[0], 0666), 0);
}

void box_send_code(Box *b, uint32_t exec, const char *code) {
        _cleanup_close_ int fd = fd_new_sealed("code", code, strlen(code));
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_CODE, exec);
        f.code.code_size = (uint32_t)strlen(code);
        assert_int_equal(box_send(b, &f, &fd, 1), 0);
}

Run box_start_held(Box *b, uint32_t exec, Program program) {
        int in[2], out[2], err[2], payload_fd;
        GuestFrame f = box_make_start(exec, &program, &payload_fd);

        assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
        let_open(in);
        let_open(out);
        let_open(err);
        assert_int_equal(box_send(b, &f, (int[]){ payload_fd, in[0], out[1], err[1] }, 4), 0);
        close(payload_fd);
        close(in[0]);
        close(out[1]);
        close(err[1]);
        return (Run){ .exec = exec, .in = in[1], .out = out[0], .err = err[0] };
}

Run box_start(Box *b, uint32_t exec, Program program) {
        Run run = box_start_held(b, exec, program);

        if (box_await_child(b, exec) > 0)
                box_send_go(b, exec);
        return run;
}

char *box_expect(int fd, const char *expected, char *text, size_t size) {
        size_t n = 0;

        text[0] = 0;
        while (!strstr(text, expected)) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                ssize_t r = -1;

                if (n < size - 1 && poll(&p, 1, BOX_TIMEOUT_MSEC) == 1)
                        r = read(fd, text + n, size - 1 - n);
                if (r <= 0)
                        fail_msg("no '%s' in '%s'", expected, text);
                n += (size_t)r;
                text[n] = 0;
        }
        return text;
}

char *box_drain(int *fd, char *text, size_t size) {
        size_t n = 0;
        ssize_t r;

        do {
                box_wait_readable(*fd);
                r = read(*fd, text + n, size - 1 - n);
                assert_true(r >= 0);
                n += (size_t)r;
        } while (r > 0 && n < size - 1);
        text[n] = 0;
        *fd = close_fd(*fd);
        return text;
}

GuestExited box_finish(Box *b, Run *run) {
        GuestFrame f = box_receive(b);

        assert_int_equal(f.header.type, GUEST_FRAME_EXITED);
        assert_int_equal(f.header.exec, run->exec);
        close_fd(run->in);
        close_fd(run->out);
        close_fd(run->err);
        return f.exited;
}

int box_run_shell(Box *b, uint32_t exec, const char *command, char *text, size_t size) {
        Run run = box_start(b, exec, (Program){ .argv = SHELL(command) });
        GuestExited e;

        box_drain(&run.out, text, size);
        e = box_finish(b, &run);
        assert_int_equal(e.kind, GUEST_EXIT_EXITED);
        return e.value;
}

size_t box_count_fds(pid_t pid) {
        char path[64];
        size_t n = 0;
        DIR *d;

        (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        d = opendir(path);
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2; /* . and .. */
}

long box_read_memory_kib(pid_t pid) {
        char path[64], line[256];
        long kib = -1;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                (void)sscanf(line, "VmRSS: %ld", &kib);
        (void)fclose(f);
        assert_true(kib > 0);
        return kib;
}

BoxPaths box_take_paths(int argc, char **argv, int n_needed) {
        if (argc <= n_needed)
                exit(2);
        if (geteuid() != 0) {
                print_message("needs to be root\n");
                exit(77);
        }
        return (BoxPaths){ .guest = argv[1], .box = argv[2], .list = argv[3] };
}

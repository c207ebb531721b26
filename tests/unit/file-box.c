/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "file-box.h"

#define OUTPUT_MAX (32 * 1024 * 1024)

/* Writes the input while there is room, until it is written or the command takes no more of it. */
static void feed(Run *run, const char **input, size_t *size) {
        ssize_t n = *size > 0 ? write(run->in, *input, *size) : 0;

        if (n > 0) {
                *input += n;
                *size -= (size_t)n;
        }
        if (*size == 0 || (n < 0 && errno != EAGAIN))
                run->in = close_fd(run->in);
}

static void exchange(Run *run, const char *input, size_t size, FileReply *r) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        ssize_t n;

        assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0); /* EPIPE will do */
        assert_int_equal(fd_set_nonblock(run->in, 1), 0);
        for (;;) {
                struct pollfd p[] = {
                        { .fd = run->in,  .events = POLLOUT },
                        { .fd = run->out, .events = POLLIN  },
                };

                assert_true(poll(p, ARRAY_SIZE(p), BOX_TIMEOUT_MSEC) > 0);
                if (p[0].revents)
                        feed(run, &input, &size);
                if (!p[1].revents)
                        continue;
                n = read(run->out, r->data + r->size, OUTPUT_MAX - r->size);
                if (n <= 0)
                        break;
                r->size += (size_t)n;
        }
        assert_int_equal(n, 0);
}

static void take_apart(FileReply *r) {
        size_t n = 0;

        while (n < r->size) {
                NamedFile *f;

                r->files = realloc(r->files, (r->n_files + 1) * sizeof(*r->files));
                assert_non_null(r->files);
                f = &r->files[r->n_files++];
                assert_int_equal(file_record_parse(r->data + n, r->size - n, &f->record), 0);
                n += sizeof(f->record);
                assert_true(f->record.name_size <= r->size - n);
                f->name = strndup(r->data + n, f->record.name_size);
                assert_int_equal(strlen(f->name), f->record.name_size);
                n += f->record.name_size;
                assert_true(f->record.length <= r->size - n);
                f->bytes = r->data + n;
                n += f->record.length;
        }
}

FileReply file_box_run(Box *b, const char *const *argv, const void *input, size_t size) {
        FileReply r = { .data = malloc(OUTPUT_MAX) };
        const Program program = { .argv = argv, .env = WORDS(GUEST_PROGRAM_ENV) };
        Run run = box_start(b, ++b->last_exec, program);
        GuestExited e;

        assert_non_null(r.data);
        exchange(&run, input, size, &r);
        e = box_finish(b, &run);
        assert_int_equal(e.kind, GUEST_EXIT_EXITED);
        assert_true(e.value <= 2);
        take_apart(&r);
        assert_true(r.n_files > 0);
        return r;
}

void file_reply_free(FileReply *r) {
        for (size_t i = 0; i < r->n_files; i++)
                free(r->files[i].name);
        free(r->files);
        free(r->data);
        *r = (FileReply){};
}

FileRecord file_box_run_one(Box *b, const char *const *argv, const char *input) {
        FileReply r = file_box_run(b, argv, input, input ? strlen(input) : 0);
        FileRecord record = r.files[0].record;

        assert_int_equal(r.n_files, 1);
        assert_string_equal(r.files[0].name, "");
        file_reply_free(&r);
        return record;
}

uint32_t file_box_fail(Box *b, const char *const *argv, const char *input) {
        return file_box_run_one(b, argv, input).error;
}

void file_box_shell(Box *b, const char *command, const char *expected) {
        char out[4096];

        if (box_run_shell(b, ++b->last_exec, command, out, sizeof(out)) != 0)
                fail_msg("failed: %s", command);
        assert_string_equal(out, expected);
}

uint32_t file_box_write_error(const char *directory) {
        return access(directory, W_OK) < 0 && errno == EROFS ? EROFS : EACCES;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/log.h"

typedef struct Capture {
        int saved_fd;
        int read_fd;
        char text[8192];
} Capture;

/* Puts a pipe in the place of stderr … */
static void begin(Capture *c) {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        c->saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_true(c->saved_fd >= 0);
        assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
        close(fds[1]);
        c->read_fd = fds[0];
}

/* … and returns what came through it. */
static const char *end(Capture *c) {
        ssize_t n = read(c->read_fd, c->text, sizeof(c->text) - 1);

        assert_true(dup2(c->saved_fd, STDERR_FILENO) >= 0);
        close(c->saved_fd);
        close(c->read_fd);
        c->text[n < 0 ? 0 : n] = 0;
        return c->text;
}

static void writes_a_priority_and_the_error(void **state _unused_) {
        Capture c;

        begin(&c);
        assert_int_equal(log_error(-ENOENT, "Cannot open %s", "it"), -ENOENT);
        assert_string_equal(end(&c), "<3>Cannot open it: No such file or directory\n");
        begin(&c);
        assert_int_equal(log_warning(EIO, "Odd"), -EIO);
        assert_string_equal(end(&c), "<4>Odd: Input/output error\n");
        begin(&c);
        assert_int_equal(log_info("Fine"), 0);
        assert_string_equal(end(&c), "<6>Fine\n");
        begin(&c);
        assert_int_equal(log_oom(), -ENOMEM);
        assert_string_equal(end(&c), "<3>Cannot allocate: Cannot allocate memory\n");
}

static void says_debug_lines_only_when_asked(void **state _unused_) {
        Capture c;

        unsetenv("CLOCHE_LOG_LEVEL");
        begin(&c);
        log_debug("detail");
        assert_string_equal(end(&c), "");
        setenv("CLOCHE_LOG_LEVEL", "debug", 1);
        begin(&c);
        log_debug("detail");
        assert_string_equal(end(&c), "<7>detail\n");
        unsetenv("CLOCHE_LOG_LEVEL");
}

static void keeps_a_failure_on_one_line(void **state _unused_) {
        Capture c;

        begin(&c);
        log_notice("bad\n<0>forged\r\tline");
        assert_string_equal(end(&c), "<5>bad <0>forged  line\n");
}

static void cuts_a_line_that_is_too_long(void **state _unused_) {
        char big[5000];
        const char *text;
        Capture c;

        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = 0;
        for (int error = 0; error <= EIO; error += EIO) {
                begin(&c);
                log_full(LOG_ERR, error, "%s", big);
                text = end(&c);
                assert_int_equal(strlen(text), 2047);
                assert_string_equal(text + 2040, "xxxxxx\n");
        }
}

static void escapes_what_a_terminal_would_obey(void **state _unused_) {
        char buffer[64];

        assert_string_equal(log_escape(buffer, sizeof(buffer), "a b~"), "a b~");
        assert_string_equal(log_escape(buffer, sizeof(buffer), "\x1b[2J\n\\\x7f\xc3\xa4"),
                            "\\x1b[2J\\x0a\\x5c\\x7f\\xc3\\xa4");
        assert_string_equal(log_escape(buffer, 1, "abc"), "");
        assert_string_equal(log_escape(buffer, 4, "abcd"), "abc");
        assert_string_equal(log_escape(buffer, 5, "\n\n"), "\\x0a"); /* whole escapes only */
        assert_string_equal(log_escape(buffer, 8, "\n\n"), "\\x0a");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_a_priority_and_the_error),
                cmocka_unit_test(says_debug_lines_only_when_asked),
                cmocka_unit_test(keeps_a_failure_on_one_line),
                cmocka_unit_test(cuts_a_line_that_is_too_long),
                cmocka_unit_test(escapes_what_a_terminal_would_obey),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/numbers-file.h"
#include "launcher/numbers.h"

static Numbers of(uint64_t percent, uint64_t bytes) {
        const LauncherLimits limits = { .cpu_percent = percent, .memory_bytes = bytes };

        return numbers_of(&limits, 4, 8 * GIB);
}

static void rounds_processors_up_and_stays_within_the_machine(_unused_ void **state) {
        assert_int_equal(of(1, GIB).cpus, 1);
        assert_int_equal(of(100, GIB).cpus, 1);
        assert_int_equal(of(101, GIB).cpus, 2);
        assert_int_equal(of(150, GIB).cpus, 2);
        assert_int_equal(of(200, GIB).cpus, 2);
        assert_int_equal(of(400, GIB).cpus, 4);
        assert_int_equal(of(401, GIB).cpus, 4);
        assert_int_equal(of(UINT64_MAX, GIB).cpus, 4);
        assert_int_equal(of(0, GIB).cpus, 1);
        assert_int_equal(of(100, GIB).memory_bytes, GIB);
        assert_int_equal(of(100, 9 * GIB).memory_bytes, 8 * GIB);
}

typedef int (*write_t)(const Numbers *n, FILE *to);

static int write_stat(const Numbers *n, FILE *to) {
        return numbers_write_stat(n, 1700000000, to);
}

/* Borrowed until the next call. */
static const char *written(write_t write_it, unsigned cpus, uint64_t bytes) {
        static char text[4096];
        FILE *to = fmemopen(text, sizeof(text), "w");

        assert_non_null(to);
        assert_int_equal(write_it(&(Numbers){ cpus, bytes }, to), 0);
        assert_int_equal(fclose(to), 0);
        return text;
}

static void says_the_limit_as_the_memory(_unused_ void **state) {
        const char *text = written(numbers_write_meminfo, 1, GIB + 1023);

        assert_int_equal(strncmp(text,
                                 "MemTotal:        1048576 kB\n"
                                 "MemFree:         1048576 kB\n"
                                 "MemAvailable:    1048576 kB\n"
                                 "Buffers:               0 kB\n",
                                 4 * 28),
                         0);
        assert_non_null(strstr(text, "\nSwapTotal:             0 kB\n"));
        assert_non_null(strstr(text, "\nSReclaimable:          0 kB\n"));
}

static void says_that_its_processors_have_done_nothing(_unused_ void **state) {
        const char *text = written(write_stat, 2, GIB);

        assert_int_equal(strncmp(text,
                                 "cpu  0 0 0 0 0 0 0 0 0 0\n"
                                 "cpu0 0 0 0 0 0 0 0 0 0 0\n"
                                 "cpu1 0 0 0 0 0 0 0 0 0 0\n"
                                 "intr 0\n",
                                 82),
                         0);
        assert_non_null(strstr(text, "\nbtime 1700000000\n"));
}

static void lists_processors_as_the_kernel_does(_unused_ void **state) {
        assert_string_equal(written(numbers_write_online, 1, GIB), "0\n");
        assert_string_equal(written(numbers_write_online, 16, GIB), "0-15\n");
}

static const char *cpuinfo(unsigned cpus, const char *machine) {
        static char text[4096];
        FILE *to = fmemopen(text, sizeof(text), "w");
        char *copy = strdup(machine);
        FILE *from;

        assert_non_null(to);
        assert_non_null(copy);
        from = fmemopen(copy, strlen(copy), "r");
        assert_non_null(from);
        assert_int_equal(numbers_write_cpuinfo(&(Numbers){ cpus, GIB }, from, to), 0);
        assert_int_equal(fclose(to), 0);
        assert_int_equal(fclose(from), 0);
        free(copy);
        return text;
}

static void shows_the_first_processors_of_the_machine(_unused_ void **state) {
        static const char machine[] = "processor\t: 0\nmodel name\t: A\nsiblings\t: 8\n"
                                      "cpu cores\t: 4\nflags\t\t: processor\n\n"
                                      "processor\t: 2\nmodel name\t: B\nsiblings\t: 8\n\n"
                                      "processor\t: 3\nmodel name\t: C\n\n";

        assert_string_equal(cpuinfo(1, machine), "processor\t: 0\nmodel name\t: A\nsiblings\t: 1\n"
                                                 "cpu cores\t: 1\nflags\t\t: processor\n\n");
        /* processor 1 is offline on this machine, and nobody's in a sandbox */
        assert_string_equal(cpuinfo(2, machine),
                            "processor\t: 0\nmodel name\t: A\nsiblings\t: 2\n"
                            "cpu cores\t: 2\nflags\t\t: processor\n\n"
                            "processor\t: 1\nmodel name\t: B\nsiblings\t: 2\n\n");
        assert_non_null(strstr(cpuinfo(9, machine), "processor\t: 2\nmodel name\t: C\n\n"));
}

static void copies_a_format_without_paragraphs(_unused_ void **state) {
        static const char s390[] = "vendor_id       : IBM/S390\n# processors    : 2\n"
                                   "processor 0: version = 00\nprocessor 1: version = 00\n";

        assert_string_equal(cpuinfo(1, s390), s390);
}

/* -- on disk --------------------------------------------------------------------------------- */

static void makes_files_for_everybody_to_read_and_removes_them(_unused_ void **state) {
        char directory[] = "/tmp/cloche-numbers-XXXXXX", path[64], text[64] = "";
        _cleanup_(numbers_file_done) NumbersFiles files = {};
        bool meminfo = false;
        mode_t mask;

        assert_non_null(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/s0", directory);
        mask = umask(0077);
        assert_int_equal(numbers_file_make(path, &(Numbers){ 3, GIB }, &files), 0);
        (void)umask(mask);

        assert_true(files.n >= 3);
        for (size_t i = 0; i < files.n; i++) {
                _cleanup_close_ int fd = open(files.files[i].source, O_RDONLY | O_CLOEXEC);
                struct stat st;

                assert_true(fd >= 0);
                assert_int_equal(fstat(fd, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0444);
                assert_true(st.st_size > 0);
                assert_int_equal(access(files.files[i].destination, F_OK), 0);
                if (strcmp(files.files[i].destination, "/proc/meminfo") == 0) {
                        meminfo = true;
                        assert_true(read(fd, text, sizeof(text) - 1) > 0);
                        assert_non_null(strstr(text, "MemTotal:        1048576 kB\n"));
                }
        }
        assert_true(meminfo);

        numbers_file_remove(path);
        assert_int_equal(rmdir(directory), 0); /* it is empty */
}

static void leaves_nothing_when_it_fails(_unused_ void **state) {
        char directory[] = "/tmp/cloche-numbers-XXXXXX", path[64], taken[80];
        NumbersFiles files = {};

        assert_non_null(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/s0", directory);
        (void)snprintf(taken, sizeof(taken), "%s.online", path);
        assert_int_equal(symlink("/nowhere", taken), 0);
        assert_int_equal(numbers_file_make(path, &(Numbers){ 3, GIB }, &files), -EEXIST);
        assert_int_equal(files.n, 0);
        numbers_file_remove(path);
        assert_int_equal(rmdir(directory), 0);
}

static void measures_this_machine(_unused_ void **state) {
        unsigned cpus = 0;
        uint64_t bytes = 0;

        numbers_file_measure(&cpus, &bytes);
        assert_true(cpus >= 1);
        assert_true(bytes >= GIB / 4 && bytes < GIB << 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rounds_processors_up_and_stays_within_the_machine),
                cmocka_unit_test(says_the_limit_as_the_memory),
                cmocka_unit_test(says_that_its_processors_have_done_nothing),
                cmocka_unit_test(lists_processors_as_the_kernel_does),
                cmocka_unit_test(shows_the_first_processors_of_the_machine),
                cmocka_unit_test(copies_a_format_without_paragraphs),
                cmocka_unit_test(makes_files_for_everybody_to_read_and_removes_them),
                cmocka_unit_test(leaves_nothing_when_it_fails),
                cmocka_unit_test(measures_this_machine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On a store of files that looks as containers/storage leaves it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/orphan-layer.h"

#define ID(c)   c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define STABLE  ID("a1")
#define RUNNING ID("b2")
#define ORPHAN  ID("c3")

#define STABLE_NAME "AAAAAAAAAAAAAAAAAAAAAAAAA1"
#define ORPHAN_NAME "CCCCCCCCCCCCCCCCCCCCCCCCC3"
#define LOST_NAME   "DDDDDDDDDDDDDDDDDDDDDDDDD4"

static void write_file(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd =
                openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void make_directory(int dir_fd, const char *name) {
        assert_int_equal(mkdirat(dir_fd, name, 0700), 0);
}

static void make_layer(int dir_fd, const char *id, const char *name) {
        char path[512], target[256];

        (void)snprintf(path, sizeof(path), "overlay/%s", id);
        make_directory(dir_fd, path);
        (void)snprintf(path, sizeof(path), "overlay/%s/diff", id);
        make_directory(dir_fd, path);
        (void)snprintf(path, sizeof(path), "overlay/%s/diff/file", id);
        write_file(dir_fd, path, "of a container");
        (void)snprintf(path, sizeof(path), "overlay/%s/out", id);
        assert_int_equal(symlinkat("../../..", dir_fd, path), 0);
        (void)snprintf(path, sizeof(path), "overlay/l/%s", name);
        (void)snprintf(target, sizeof(target), "../%s/diff", id);
        assert_int_equal(symlinkat(target, dir_fd, path), 0);
}

typedef struct Fixture {
        char path[64];
        int fd;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void)strcpy(f->path, "/tmp/test-orphan-layer.XXXXXX");
        assert_non_null(mkdtemp(f->path));
        f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->fd >= 0);
        make_directory(f->fd, "overlay");
        make_directory(f->fd, "overlay/l");
        make_directory(f->fd, "overlay/staging");
        make_directory(f->fd, "overlay-layers");
        make_directory(f->fd, "overlay-containers");
        write_file(f->fd, "overlay-containers/volatile-containers.json",
                   "[{\"id\":\"x\",\"layer\":\"" RUNNING "\"}]");
        write_file(f->fd, "overlay-layers/layers.lock", "");
        write_file(f->fd, "overlay-layers/layers.json", "[{\"id\":\"" STABLE "\",\"size\":7}]");
        write_file(f->fd, "overlay-layers/volatile-layers.json", "[{\"id\":\"" RUNNING "\"}]");
        make_layer(f->fd, STABLE, STABLE_NAME);
        make_layer(f->fd, RUNNING, "BBBBBBBBBBBBBBBBBBBBBBBBB2");
        make_layer(f->fd, ORPHAN, ORPHAN_NAME);
        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                      struct FTW *ftw _unused_) {
        return remove(path);
}

static int teardown(void **state) {
        Fixture *f = *state;

        assert_int_equal(nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        close_fd(f->fd);
        free(f);
        return 0;
}

static bool has(const Fixture *f, const char *name) {
        struct stat st;

        return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void removes_what_no_record_names(void **state) {
        Fixture *f = *state;
        size_t n = 7;

        assert_int_equal(symlinkat("../" ID("d4") "/diff", f->fd, "overlay/l/" LOST_NAME), 0);
        assert_int_equal(orphan_layer_count(f->path, &n), 0);
        assert_int_equal(n, 1);
        assert_true(has(f, "overlay/" ORPHAN "/diff/file"));
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 1);
        assert_false(has(f, "overlay/" ORPHAN));
        assert_false(has(f, "overlay/l/" ORPHAN_NAME));
        assert_false(has(f, "overlay/l/" LOST_NAME));
        assert_true(has(f, "overlay/" STABLE "/diff/file"));
        assert_true(has(f, "overlay/l/" STABLE_NAME));
        assert_true(has(f, "overlay/" RUNNING "/diff/file"));
        assert_true(has(f, "overlay/staging"));
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 0);
}

static void read_file(const Fixture *f, const char *name, char text[static 512]) {
        _cleanup_close_ int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, 511);

        assert_true(n >= 0);
        text[n] = 0;
}

/* As it is when the layer was made and recorded, and the container was not. */
static void removes_a_volatile_layer_that_no_container_has(void **state) {
        Fixture *f = *state;
        char before[512], after[512];
        size_t n;

        write_file(f->fd, "overlay-layers/volatile-layers.json",
                   "[{\"id\":\"" RUNNING
                   "\",\"flags\":{\"a\":true},\"uidmap\":[{\"size\":4294967295}]},"
                   "{\"id\":\"" ORPHAN "\",\"parent\":\"" STABLE "\"}]");
        read_file(f, "overlay-layers/layers.lock", before);
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 1);
        assert_false(has(f, "overlay/" ORPHAN));
        assert_false(has(f, "overlay/l/" ORPHAN_NAME));
        assert_true(has(f, "overlay/" RUNNING "/diff/file"));
        read_file(f, "overlay-layers/volatile-layers.json", after);
        assert_string_equal(after, "[{\"id\":\"" RUNNING "\",\"flags\":{\"a\":true},"
                                   "\"uidmap\":[{\"size\":4294967295}]}]");
        /* by which Podman sees that it has to read again */
        read_file(f, "overlay-layers/layers.lock", after);
        assert_int_equal(before[0], 0);
        assert_true(after[0] || after[1] || after[2] || after[3]);
}

static void leaves_a_recorded_layer_that_somebody_may_want(void **state) {
        static const char child[] =
                "[{\"id\":\"" ORPHAN "\"},{\"id\":\"" RUNNING "\",\"parent\":\"" ORPHAN "\"}]";
        static const char alone[] = "[{\"id\":\"" ORPHAN "\"},{\"id\":\"" RUNNING "\"}]";
        Fixture *f = *state;
        size_t n;

        write_file(f->fd, "overlay-layers/volatile-layers.json", child);
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 0);

        /* one that is kept, and may have no container that is for once */
        write_file(f->fd, "overlay-layers/volatile-layers.json", alone);
        write_file(f->fd, "overlay-containers/containers.json",
                   "[{\"id\":\"y\",\"layer\":\"" ORPHAN "\"}]");
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 0);

        /* where the containers are told elsewhere, or not so that it can be read */
        assert_int_equal(unlinkat(f->fd, "overlay-containers/containers.json", 0), 0);
        write_file(f->fd, "overlay-containers/volatile-containers.json", "[");
        assert_int_equal(orphan_layer_sweep(f->path, &n), -EBADMSG);
        assert_int_equal(unlinkat(f->fd, "overlay-containers/volatile-containers.json", 0), 0);
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 0);

        /* that of an image may be waiting for it */
        write_file(f->fd, "overlay-layers/layers.json", "[{\"id\":\"" ORPHAN "\"}]");
        write_file(f->fd, "overlay-layers/volatile-layers.json",
                   "[{\"id\":\"" STABLE "\"},{\"id\":\"" RUNNING "\"}]");
        assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
        assert_int_equal(n, 0);
        assert_true(has(f, "overlay/" ORPHAN "/diff/file"));
        assert_true(has(f, "overlay/l/" ORPHAN_NAME));
}

static void leaves_what_did_not_just_die_to_its_owner(void **state) {
        static const int ages[] = { ORPHAN_LAYER_AGE_MAX_SEC + 1,
                                    -60 /* the clock was set back */ };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
                struct timespec times[2] = {};
                size_t n;

                assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
                times[0].tv_sec -= ages[i];
                times[1] = times[0];
                assert_int_equal(utimensat(f->fd, "overlay/" ORPHAN, times, 0), 0);
                assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
                assert_int_equal(n, 0);
                assert_true(has(f, "overlay/" ORPHAN));
                assert_true(has(f, "overlay/l/" ORPHAN_NAME));
        }
}

static void touches_nothing_without_records_that_it_can_read(void **state) {
        static const char *const texts[] = { "", "{}", "[{\"id\":\"" STABLE "\"}", "null" };
        static const char *const files[] = { "overlay-layers/volatile-layers.json",
                                             "overlay-layers/layers.json" };
        Fixture *f = *state;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                write_file(f->fd, "overlay-layers/layers.json", texts[i]);
                assert_int_equal(orphan_layer_sweep(f->path, &n), -EBADMSG);
                assert_true(has(f, "overlay/" ORPHAN));
        }
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                write_file(f->fd, "overlay-layers/layers.json", "[]");
                assert_int_equal(unlinkat(f->fd, files[i], 0), 0);
                assert_int_equal(orphan_layer_sweep(f->path, &n), -ENOENT);
        }
        assert_true(has(f, "overlay/" ORPHAN));
        assert_int_equal(orphan_layer_sweep("/nonexistent", &n), -ENOENT);
}

/* Podman holds the lock while it makes a layer that it has not recorded yet. */
static void waits_for_whoever_makes_a_layer(void **state) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        Fixture *f = *state;
        int fds[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                int fd = openat(f->fd, "overlay-layers/layers.lock", O_RDWR);
                static const char json[] = "[{\"id\":\"" STABLE "\"},{\"id\":\"" ORPHAN "\"}]";

                if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(fds[1], "x", 1) != 1)
                        _exit(1);
                (void)usleep(200 * 1000);
                write_file(f->fd, "overlay-layers/layers.json", json);
                _exit(0); /* and the lock goes */
        }
        assert_int_equal(read(fds[0], &byte, 1), 1);
        {
                size_t n;
                int status;

                assert_int_equal(orphan_layer_sweep(f->path, &n), 0);
                assert_int_equal(n, 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        assert_true(has(f, "overlay/" ORPHAN));
        close_fd(fds[0]);
        close_fd(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(removes_what_no_record_names, setup, teardown),
                cmocka_unit_test_setup_teardown(removes_a_volatile_layer_that_no_container_has,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(leaves_a_recorded_layer_that_somebody_may_want,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(leaves_what_did_not_just_die_to_its_owner, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(touches_nothing_without_records_that_it_can_read,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(waits_for_whoever_makes_a_layer, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

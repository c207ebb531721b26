/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Without an offset nobody sees a part of the new file: it has no name until it is complete
 * (O_TMPFILE), so whoever kills this leaves the old file and nothing else. Then it gets its name;
 * where the name is taken, another one first, because only rename() replaces. A link at the path is
 * replaced, not followed, unless it leads to a directory.
 *
 * Directories that are missing are made at that last moment too; until then the file lives in the
 * nearest one that exists, which is on the same file system.
 *
 * With an offset the bytes go straight into the file that is there. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "guest/file-put.h"
#include "guest/file-regular.h"
#include "guest/file-reply.h"

#define CHUNK_SIZE     (64 * 1024)
#define PROC_FD_SIZE   32
#define TEMP_NAME_SIZE 32
#define TEMP_ATTEMPTS  16

static int parse_mode(const char *text, mode_t *ret) {
        mode_t mode = 0;

        if (!*text || strspn(text, "01234567") != strlen(text) || strlen(text) > 5)
                return -EINVAL;
        for (; *text; text++)
                mode = mode * 8 + (mode_t)(*text - '0');
        *ret = mode & FILE_MODE_MAX;
        return 0;
}

/* The directory of path, "." where it names none, and the name in it. */
static int split_path(const char *path, char directory[static FILE_PATH_MAX],
                      const char **ret_name) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        size_t n = slash ? (size_t)(slash - path) : 0;

        if (!*path)
                return -ENOENT;
        if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return -EISDIR;
        if (n >= FILE_PATH_MAX)
                return -ENAMETOOLONG;
        memcpy(directory, path, n);
        directory[n] = 0;
        if (n == 0)
                strcpy(directory, slash ? "/" : ".");
        *ret_name = name;
        return 0;
}

/* Cuts the last part off a directory's path; false when there was none left to cut. */
static bool cut_path(char *path) {
        char *slash = strrchr(path, '/');

        if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
                return false;
        if (!slash) {
                strcpy(path, ".");
                return true;
        }
        while (slash > path && slash[-1] == '/')
                slash--;
        slash[slash == path] = 0;
        return true;
}

/* A file without a name in the nearest directory that exists. Returns a descriptor or -errno. */
static int open_nameless(const char *directory) {
        char path[FILE_PATH_MAX];
        int fd;

        strcpy(path, directory);
        do
                fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        while (fd < 0 && errno == ENOENT && cut_path(path));
        return fd < 0 ? -errno : fd;
}

/* Removes the directories that make_directories() made: from the one whose path ends at begin. With
 * dots in it a path can lead out of what was made, to what must stay. */
static void remove_directories(char *path, size_t begin) {
        size_t n = strlen(path);

        if (strstr(path, ".."))
                return;
        while (n >= begin && n > 0) {
                char saved = path[n];

                path[n] = 0;
                (void)rmdir(path);
                path[n] = saved;
                do
                        n--;
                while (n > 0 && path[n] != '/');
        }
}

/* Makes what is missing of path. *ret_begin is where the path of the first that was made ends; beyond
 * the whole path when none was. Nothing is left of what was made in vain. */
static int make_directories(char *path, size_t *ret_begin) {
        size_t length = strlen(path), begin = length + 1;

        for (size_t n = 1; n <= length; n++) {
                char saved = path[n];
                int r;

                if (saved != '/' && saved != 0)
                        continue;
                path[n] = 0;
                r = mkdir(path, 0777) < 0 ? -errno : 0;
                path[n] = saved;
                if (r == 0 && begin > length)
                        begin = n;
                if (r < 0 && r != -EEXIST) {
                        remove_directories(path, begin);
                        return r;
                }
        }
        *ret_begin = begin;
        return 0;
}

static int replace(const char *nameless, int directory_fd, const char *name) {
        char temp[TEMP_NAME_SIZE];
        int r = -EEXIST;

        for (int i = 0; i < TEMP_ATTEMPTS && r == -EEXIST; i++) {
                uint64_t random;

                if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                        return -EIO;
                (void)snprintf(temp, sizeof(temp), ".cloche-%016" PRIx64, random);
                r = linkat(AT_FDCWD, nameless, directory_fd, temp, AT_SYMLINK_FOLLOW) < 0 ? -errno
                                                                                          : 0;
        }
        if (r < 0)
                return r;
        if (renameat(directory_fd, temp, directory_fd, name) < 0) {
                r = -errno;
                (void)unlinkat(directory_fd, temp, 0);
        }
        return r;
}

/* Gives the nameless file its name, in place of whatever has it. */
static int name_file(int fd, char *directory, const char *name) {
        _cleanup_close_ int directory_fd = -EBADF;
        char nameless[PROC_FD_SIZE];
        size_t begin;
        int r;

        r = make_directories(directory, &begin);
        if (r < 0)
                return r;
        directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void)snprintf(nameless, sizeof(nameless), "/proc/self/fd/%d", fd);
        if (directory_fd < 0 ||
            linkat(AT_FDCWD, nameless, directory_fd, name, AT_SYMLINK_FOLLOW) < 0)
                r = -errno;
        if (r == -EEXIST)
                r = replace(nameless, directory_fd, name);
        if (r < 0)
                remove_directories(directory, begin);
        return r;
}

static int write_at(int fd, const char *data, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, (off_t)offset);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t)n;
                offset += (uint64_t)n;
        }
        return 0;
}

static int take_stdin(int fd, uint64_t offset) {
        char chunk[CHUNK_SIZE];
        ssize_t n;
        int r;

        while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
                if ((uint64_t)n > INT64_MAX - offset)
                        return -EFBIG;
                r = write_at(fd, chunk, (size_t)n, offset);
                if (r < 0)
                        return r;
                offset += (uint64_t)n;
        }
        return n < 0 ? -errno : 0;
}

static int put_whole(const char *path, mode_t mode, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        char directory[FILE_PATH_MAX];
        const char *name;
        struct stat st;
        int r;

        r = split_path(path, directory, &name);
        if (r < 0)
                return r;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return -EISDIR;
        fd = open_nameless(directory);
        if (fd < 0)
                return fd;
        r = take_stdin(fd, 0);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0)
                return -errno;
        r = name_file(fd, directory, name);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int create(const char *path, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;
        char directory[FILE_PATH_MAX];
        const char *name;
        size_t begin;
        int r;

        r = split_path(path, directory, &name);
        if (r < 0)
                return r;
        r = make_directories(directory, &begin);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 || fchmod(fd, mode) < 0) {
                r = -errno;
                remove_directories(directory, begin);
                return r;
        }
        return TAKE_FD(fd);
}

static int put_part(const char *path, mode_t mode, uint64_t offset, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        fd = file_regular_open(path, O_WRONLY, &st);
        if (fd == -ENOENT)
                fd = create(path, mode);
        if (fd < 0)
                return fd;
        r = take_stdin(fd, offset);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int file_put_run(int argc, char **argv) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t offset = 0;
        struct stat st;
        mode_t mode;
        int r;

        r = parse_mode(argv[1], &mode);
        if (r < 0)
                return r;
        if (argc > 2) {
                r = file_parse_number(argv[2], &offset);
                if (r < 0)
                        return r;
        }
        r = argc > 2 ? put_part(argv[0], mode, offset, &fd) : put_whole(argv[0], mode, &fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        return file_reply_file(&st, 0, "");
}

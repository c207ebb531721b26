/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same files give the same bytes whoever owns them: names are sorted, owners are root. Links are
 * refused and not followed, so what is sent is what lies in the directory.
 *
 * The format: blocks of 512 bytes, a header for each entry with its numbers in octal, the content
 * filled up with zeros to a whole block, and two blocks of zeros at the end (POSIX.1-2017, pax,
 * "ustar Interchange Format"). */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "client/tar.h"

#define BLOCK UINT64_C(512)

typedef struct Header {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char user[32];
        char group[32];
        char major[8];
        char minor[8];
        char prefix[155];
        char rest[12];
} Header;

_Static_assert(sizeof(Header) == BLOCK, "a header is one block");

typedef struct Packer {
        Buffer *out;
        size_t n_entries;
        char path[TAR_PATH_MAX + 1]; /* of the entry that is looked at */
} Packer;

static int append(Packer *p, const void *data, size_t size) {
        if (size > TAR_SIZE_MAX - p->out->size)
                return -EFBIG;
        return buffer_append(p->out, data, size);
}

static int append_header(Packer *p, const struct stat *st) {
        Header h = {
                .type = S_ISDIR(st->st_mode) ? '5' : '0', .magic = "ustar", .version = { '0', '0' }
        };
        uint64_t size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
        unsigned sum = 0;

        if (size > TAR_SIZE_MAX)
                return -EFBIG;
        memcpy(h.name, p->path, strlen(p->path));
        (void)snprintf(h.mode, sizeof(h.mode), "%07o", (unsigned)st->st_mode & 0777);
        (void)snprintf(h.uid, sizeof(h.uid), "%07o", 0U);
        (void)snprintf(h.gid, sizeof(h.gid), "%07o", 0U);
        (void)snprintf(h.size, sizeof(h.size), "%011" PRIo64, size);
        (void)snprintf(h.mtime, sizeof(h.mtime), "%011" PRIo64,
                       st->st_mtime > 0 ? (uint64_t)st->st_mtime & 077777777777 : 0);
        /* the sum is over a header whose sum is spaces */
        memset(h.checksum, ' ', sizeof(h.checksum));
        for (size_t i = 0; i < sizeof(h); i++)
                sum += ((const unsigned char *)&h)[i];
        (void)snprintf(h.checksum, sizeof(h.checksum) - 1, "%06o", sum);
        return append(p, &h, sizeof(h));
}

static int append_content(Packer *p, int fd, uint64_t size) {
        static const char zeros[BLOCK];
        uint64_t have = 0;
        char data[4096];
        int r = 0;

        while (r >= 0 && have < size) {
                uint64_t left = size - have;
                ssize_t n = read(fd, data, left < sizeof(data) ? left : sizeof(data));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                r = append(p, data, (size_t)n);
                have += (uint64_t)n;
        }
        return r < 0 || size % BLOCK == 0 ? r : append(p, zeros, BLOCK - size % BLOCK);
}

static int pack_directory(Packer *p, int fd, size_t length, unsigned depth);

/* The entry name of the directory fd, whose path with a slash is the first length bytes of p->path. */
static int pack_entry(Packer *p, int fd, const char *name, size_t length, unsigned depth) {
        _cleanup_close_ int entry = -EBADF;
        size_t n = strlen(name);
        struct stat st;
        int r;

        if (length + n + 1 > TAR_PATH_MAX) /* a directory's slash included */
                return -ENAMETOOLONG;
        memcpy(p->path + length, name, n + 1);
        if (++p->n_entries > TAR_ENTRIES_MAX)
                return -EFBIG;
        entry = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (entry < 0)
                return errno == ENXIO ? -ELOOP : -errno;
        if (fstat(entry, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return -ELOOP;
        if (S_ISDIR(st.st_mode)) {
                p->path[length + n] = '/';
                p->path[length + n + 1] = 0;
        }
        r = append_header(p, &st);
        if (r < 0)
                return r;
        return S_ISDIR(st.st_mode) ? pack_directory(p, entry, length + n + 1, depth + 1)
                                   : append_content(p, entry, (uint64_t)st.st_size);
}

static int is_entry(const struct dirent *d) {
        return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* Not alphasort(), which asks the locale. */
static int compare(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int pack_directory(Packer *p, int fd, size_t length, unsigned depth) {
        struct dirent **entries;
        int n, r = 0;

        if (depth > TAR_DEPTH_MAX)
                return -EFBIG;
        n = scandirat(fd, ".", &entries, is_entry, compare);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = pack_entry(p, fd, entries[i]->d_name, length, depth);
                free(entries[i]);
        }
        free(entries);
        return r;
}

int tar_pack(int directory_fd, Buffer *out, char **reterr_path) {
        static const char end[2 * BLOCK];
        Packer p = { .out = out };
        int r;

        r = pack_directory(&p, directory_fd, 0, 0);
        if (r >= 0) {
                p.path[0] = 0;
                r = append(&p, end, sizeof(end));
        }
        if (r < 0 && reterr_path)
                *reterr_path = strdup(p.path);
        return r;
}

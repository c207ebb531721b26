/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What Podman leaves when it is killed in the middle of "create". containers/storage makes a layer
 * under the lock overlay-layers/layers.lock: a directory overlay/ID, a short name for it,
 * overlay/l/NAME → ../ID/diff, which overlay/ID/link spells, and a record in one of the two files
 * beside the lock; then, still under that lock, the record of the container. So whoever holds the lock and
 * finds a directory that no record names, or the layer of a volatile container that no container has, has
 * found an orphan, and Podman itself would never look at it again ("podman system check" does, for half a
 * minute, and leaves the short name). Layers that are not volatile may wait for their image, and are
 * nobody's to judge.
 *
 * Only what is minutes old goes: older oddities of a store are its owner's. Without readable records
 * everything would look like an orphan, so then nothing goes; nor where the second file is elsewhere, as in a
 * store that is transient. A layer in which something is mounted is left whole, even of the same file system:
 * it is in use, or has all layers in it once more (mapped-mount.c).
 *
 * A record is taken out as containers/storage does it: a new file in the place of the old one, and new bytes
 * in the lock, by which every Podman sees that it has to read again. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "launcher/layer-store.h"
#include "launcher/orphan-layer.h"
#include "launcher/podman-json.h"

#define SHORT_NAME_SIZE 26
#define VOLATILE_LAYERS "volatile-layers.json"
#define TEMPORARY_NAME  ".cloche-" VOLATILE_LAYERS
#define LOCK_BYTES      64 /* in the lock, of who has written last */

typedef struct Store {
        LayerStore layers;
        json_object *records[2];    /* arrays; ours, which are for once, are in the second file */
        json_object *containers[2]; /* the same of containers; the first may be missing */
} Store;

#define STORE_NULL { .layers = LAYER_STORE_NULL }

static void store_done(Store *s) {
        layer_store_done(&s->layers);
        for (size_t i = 0; i < ARRAY_SIZE(s->records); i++) {
                (void)json_object_put(s->records[i]);
                (void)json_object_put(s->containers[i]);
        }
}

/* -- the records ------------------------------------------------------------------------------ */

static int read_records(int dir_fd, const char *name, json_object **ret) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = fd_read_all(fd, ORPHAN_LAYERS_FILE_MAX, &text, &size);
        if (r < 0)
                return r == -EFBIG ? -EBADMSG : r;
        if (podman_json_parse(text, size, ret) < 0 || !json_object_is_type(*ret, json_type_array))
                return -EBADMSG;
        return 0;
}

/* The place of the first record in which this member is that text, or -ENOENT. */
static ssize_t find(json_object *records, const char *member, const char *text) {
        for (size_t i = 0; i < json_object_array_length(records); i++) {
                const char *known =
                        podman_json_get_string(json_object_array_get_idx(records, i), member);

                if (known && strcmp(known, text) == 0)
                        return (ssize_t)i;
        }
        return -ENOENT;
}

static bool is_wanted(const Store *s, const char *id) {
        if (!s->containers[1])
                return true; /* nothing says who has what */
        for (size_t i = 0; i < ARRAY_SIZE(s->records); i++)
                if (find(s->records[i], "parent", id) >= 0 ||
                    (s->containers[i] && find(s->containers[i], "layer", id) >= 0))
                        return true;
        return false;
}

static bool is_orphan(const Store *s, const char *id) {
        return find(s->records[0], "id", id) < 0 &&
               (find(s->records[1], "id", id) < 0 || !is_wanted(s, id));
}

static int write_records(const Store *s) {
        _cleanup_close_ int fd = -EBADF;
        unsigned char fresh[LOCK_BYTES];
        const char *text;
        size_t size;
        int r;

        text = json_object_to_json_string_length(
                s->records[1], JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text)
                return -ENOMEM;
        fd = openat(s->layers.layers_fd, TEMPORARY_NAME,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, size);
        if (r >= 0 && getrandom(fresh, sizeof(fresh), 0) != sizeof(fresh))
                r = -EIO;
        if (r >= 0 &&
            renameat(s->layers.layers_fd, TEMPORARY_NAME, s->layers.layers_fd, VOLATILE_LAYERS) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(s->layers.layers_fd, TEMPORARY_NAME, 0);
                return r;
        }
        return pwrite(s->layers.lock_fd, fresh, sizeof(fresh), 0) == sizeof(fresh) ? 0 : -EIO;
}

/* Its record first: a layer without one is found again by whoever comes next, should we not come to the
 * end. */
static int forget(const Store *s, const char *id) {
        ssize_t i = find(s->records[1], "id", id);

        if (i < 0)
                return 0;
        if (json_object_array_del_idx(s->records[1], (size_t)i, 1) < 0)
                return -ENOMEM;
        return write_records(s);
}

/* -- the directories -------------------------------------------------------------------------- */

static bool is_short_name(const char *name) {
        return strlen(name) == SHORT_NAME_SIZE &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == SHORT_NAME_SIZE;
}

static bool is_young(int dir_fd, const char *name) {
        struct timespec now;
        struct stat st;
        int64_t age;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            clock_gettime(CLOCK_REALTIME, &now) < 0)
                return false;
        age = (int64_t)now.tv_sec - st.st_mtim.tv_sec;
        return age >= 0 && age < ORPHAN_LAYER_AGE_MAX_SEC; /* a clock may have been set back */
}

static bool is_mounted(const char *path) {
        struct statx stx;

        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) < 0 ||
               (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Looks at an entry without changing anything. */
static int check_entry(const FTSENT *e) {
        switch (e->fts_info) {
        case FTS_D: /* on the way in */
                return is_mounted(e->fts_accpath) ? -EBUSY : 0;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
                return -e->fts_errno;
        default:
                return 0;
        }
}

static int remove_entry(const FTSENT *e) {
        int r = check_entry(e);

        if (r < 0 || e->fts_info == FTS_D)
                return r;
        return remove(e->fts_accpath) < 0 ? -errno : 0;
}

static int walk(char *path, int (*visit)(const FTSENT *e)) {
        char *const paths[] = { path, NULL };
        FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        FTSENT *e;
        int r = 0;

        if (!fts)
                return -errno;
        while (r == 0 && (errno = 0, e = fts_read(fts)))
                r = visit(e);
        if (r == 0)
                r = -errno;
        (void)fts_close(fts);
        return r;
}

static int remove_layer(const Store *s, const char *id) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s", s->layers.overlay_path, id) < 0)
                return -ENOMEM;
        r = walk(path, check_entry);
        if (r >= 0)
                r = forget(s, id);
        return r < 0 ? r : walk(path, remove_entry);
}

static int visit_layers(const Store *s, bool removes, size_t *ret_n) {
        int fd = openat(s->layers.overlay_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;

        if (!dir) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        while ((e = readdir(dir))) {
                int k;

                if (!layer_store_is_id(e->d_name) || !is_orphan(s, e->d_name) ||
                    !is_young(s->layers.overlay_fd, e->d_name))
                        continue;
                k = removes ? remove_layer(s, e->d_name) : 0;
                if (k == 0)
                        (*ret_n)++;
                else
                        r = k;
        }
        (void)closedir(dir);
        return r;
}

/* A short name whose layer is gone, just now or by a removal that was cut off. */
static int sweep_short_names(const Store *s) {
        int fd = openat(s->layers.overlay_fd, "l", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
            r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;

        if (!dir) {
                r = errno == ENOENT ? 0 : -errno;
                close_fd(fd);
                return r;
        }
        while ((e = readdir(dir)))
                if (is_short_name(e->d_name) && is_young(dirfd(dir), e->d_name) &&
                    faccessat(dirfd(dir), e->d_name, F_OK, 0) < 0 && errno == ENOENT &&
                    unlinkat(dirfd(dir), e->d_name, 0) < 0)
                        r = -errno;
        (void)closedir(dir);
        return r;
}

/* -- both ------------------------------------------------------------------------------------- */

static int read_containers(Store *s, const char *graph_root) {
        static const char *const names[] = { "containers.json", "volatile-containers.json" };
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (asprintf(&path, "%s/overlay-containers", graph_root) < 0)
                return -ENOMEM;
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                int r = read_records(fd, names[i], &s->containers[i]);

                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int store_open(Store *s, const char *graph_root) {
        int r = layer_store_open(&s->layers, graph_root);

        if (r >= 0)
                r = layer_store_lock(&s->layers);
        if (r >= 0)
                r = read_records(s->layers.layers_fd, "layers.json", &s->records[0]);
        if (r >= 0)
                r = read_records(s->layers.layers_fd, VOLATILE_LAYERS, &s->records[1]);
        return r < 0 ? r : read_containers(s, graph_root);
}

int orphan_layer_count(const char *graph_root, size_t *ret_n) {
        _cleanup_(store_done) Store s = STORE_NULL;
        int r;

        *ret_n = 0;
        r = store_open(&s, graph_root);
        return r < 0 ? r : visit_layers(&s, /* removes= */ false, ret_n);
}

int orphan_layer_sweep(const char *graph_root, size_t *ret_removed) {
        _cleanup_(store_done) Store s = STORE_NULL;
        int r, k;

        *ret_removed = 0;
        r = store_open(&s, graph_root);
        if (r < 0)
                return r;
        r = visit_layers(&s, /* removes= */ true, ret_removed);
        k = sweep_short_names(&s);
        return r < 0 ? r : k;
}

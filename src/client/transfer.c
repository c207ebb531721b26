/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two ways for the same files. What fits goes in with the run itself and comes back in its result:
 * one request, and the program runs exactly as it does without files. What does not fit needs a
 * sandbox that lives (run.c).
 *
 * A file comes to stand in the receiver's directory under the last part of its path, so two that
 * have it in common are one too many; the second is refused, not written over the first. */

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/base64.h"
#include "basic/fd.h"
#include "basic/json.h"
#include "client/landing.h"
#include "client/match.h"
#include "client/show.h"
#include "client/transfer.h"

#define FITS_EACH  FILE_CHUNK_MAX
#define FITS_TOTAL (700 * KIB) /* as base64: the rest of a line is for the program */

void transfer_done(Transfer *t) {
        for (size_t i = 0; i < t->n_puts; i++) {
                free(t->puts[i].local);
                free(t->puts[i].path);
                (void)close_fd(t->puts[i].fd);
        }
        for (size_t i = 0; i < t->n_gets; i++) {
                free(t->gets[i].pattern);
                free(t->gets[i].directory);
                (void)close_fd(t->gets[i].dir_fd);
        }
        free(t->puts);
        free(t->gets);
        cleanup_json(&t->fetched);
}

/* "a:b" → "a" and "b"; "a" → "a" and "". Returns 0 or -ENOMEM. */
static int split(const char *text, char **ret_left, char **ret_right) {
        const char *colon = strrchr(text, ':');
        size_t n = colon ? (size_t)(colon - text) : strlen(text);
        _cleanup_free_ char *left = strndup(text, n), *right = strdup(colon ? colon + 1 : "");

        if (!left || !right)
                return -ENOMEM;
        *ret_left = TAKE_PTR(left);
        *ret_right = TAKE_PTR(right);
        return 0;
}

/* The path in the sandbox: in a directory, or when none is said, by the name it has here. */
static char *make_path(const char *local, const char *path) {
        char *made = NULL;

        if (path[0] && path[strlen(path) - 1] != '/')
                return strdup(path);
        return asprintf(&made, "%s%s", path, landing_name_of(local)) < 0 ? NULL : made;
}

static int open_local(const char *local, TransferPut *put) {
        _cleanup_close_ int fd = open(local, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
                int error = errno;

                show_error("--put: cannot read %s: %s", local, strerror(error));
                return -error;
        }
        if (S_ISDIR(st.st_mode)) {
                show_error("--put: %s is a directory; put its files one by one, or an archive",
                           local);
                return -EISDIR;
        }
        put->size = S_ISREG(st.st_mode) ? st.st_size : -1;
        put->mode = S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0644;
        put->fd = TAKE_FD(fd);
        return 0;
}

int transfer_add_put(Transfer *t, const char *text) {
        _cleanup_free_ char *local = NULL, *said = NULL, *path = NULL;
        TransferPut *puts = reallocarray(t->puts, t->n_puts + 1, sizeof(*puts));
        TransferPut put = { 0 };
        int r;

        if (puts)
                t->puts = puts;
        r = puts ? split(text, &local, &said) : -ENOMEM;
        if (r >= 0) {
                path = make_path(local, said);
                r = path ? 0 : -ENOMEM;
        }
        if (r < 0) {
                show_error("out of memory");
                return r;
        }
        if (!landing_name_is_good(landing_name_of(path))) {
                show_error("--put %s: say LOCAL or LOCAL:PATH, the names of files", text);
                return -EINVAL;
        }
        r = open_local(local, &put);
        if (r < 0)
                return r;
        put.local = TAKE_PTR(local);
        put.path = TAKE_PTR(path);
        puts[t->n_puts++] = put;
        return 0;
}

int transfer_add_get(Transfer *t, const char *text) {
        _cleanup_free_ char *pattern = NULL, *directory = NULL;
        TransferGet *gets = reallocarray(t->gets, t->n_gets + 1, sizeof(*gets));
        int fd;

        if (gets)
                t->gets = gets;
        if (!gets || split(text, &pattern, &directory) < 0) {
                show_error("out of memory");
                return -ENOMEM;
        }
        if (!landing_name_of(pattern)[0]) {
                show_error("--get %s: say GLOB or GLOB:DIR", text);
                return -EINVAL;
        }
        if (!directory[0]) {
                free(directory);
                directory = strdup(".");
        }
        fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (fd < 0) {
                int error = errno;

                show_error("--get: cannot use the directory %s: %s", directory ? directory : "",
                           strerror(error));
                return -error;
        }
        gets[t->n_gets++] = (TransferGet){
                .pattern = TAKE_PTR(pattern),
                .directory = TAKE_PTR(directory),
                .dir_fd = fd,
        };
        return 0;
}

bool transfer_fits(const Transfer *t) {
        uint64_t total = 0;

        for (size_t i = 0; i < t->n_puts; i++) {
                off_t size = t->puts[i].size;

                if (size < 0 || (uint64_t)size > FITS_EACH)
                        return false;
                total += ((uint64_t)size + 2) / 3 * 4;
        }
        return total <= FITS_TOTAL;
}

/* { path, base64, mode } */
static int append_file(json_object *files, const TransferPut *put) {
        _cleanup_json_ json_object *file = json_object_new_object();
        _cleanup_free_ char *data = malloc((size_t)put->size + 1), *text = NULL;
        size_t have = 0;
        char octal[8];
        int r;

        if (!file || !data)
                return -ENOMEM;
        while (have < (size_t)put->size) {
                ssize_t n = read(put->fd, data + have, (size_t)put->size - have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        r = -errno;
                        show_error("cannot read %s: %s", put->local, strerror(-r));
                        return r;
                }
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        (void)snprintf(octal, sizeof(octal), "%04o", (unsigned)put->mode);
        r = base64_encode(data, have, &text, NULL);
        if (r >= 0)
                r = json_set_string(file, "path", put->path);
        if (r >= 0)
                r = json_set_string(file, "base64", text);
        if (r >= 0)
                r = json_set_string(file, "mode", octal);
        return r < 0 ? r : json_append(files, TAKE_PTR(file));
}

int transfer_format(const Transfer *t, json_object *params) {
        json_object *files = t->n_puts > 0 ? json_object_new_array() : NULL;
        json_object *patterns = t->n_gets > 0 ? json_object_new_array() : NULL;
        int r = 0;

        if (t->n_puts > 0)
                r = json_set(params, "files", files);
        for (size_t i = 0; r >= 0 && i < t->n_puts; i++)
                r = append_file(files, t->puts + i);
        if (r >= 0 && t->n_gets > 0)
                r = json_set(params, "collect", patterns);
        else
                (void)json_object_put(patterns);
        for (size_t i = 0; r >= 0 && i < t->n_gets; i++)
                r = json_append(patterns, json_object_new_string(t->gets[i].pattern));
        if (r == -ENOMEM)
                show_error("out of memory");
        return r;
}

/* Whether the name can still be had in that directory; if not, says so. */
static bool is_free(Transfer *t, const TransferGet *get, const char *path) {
        for (size_t i = 0; t->fetched && i < json_object_array_length(t->fetched); i++) {
                json_object *entry = json_object_array_get_idx(t->fetched, i);
                const char *other = show_string_of(entry, "path");
                _cleanup_free_ char *a = NULL, *b = NULL;

                if (strcmp(show_string_of(entry, "directory"), get->directory) != 0 ||
                    strcmp(landing_name_of(other), landing_name_of(path)) != 0)
                        continue;
                if (strcmp(other, path) == 0)
                        return false; /* by two patterns: it is here already */
                a = show_name(path);
                b = show_name(other);
                show_error("%s was not copied: it has the same name as %s", a ? a : "a file",
                           b ? b : "another");
                t->has_failed = true;
                return false;
        }
        return true;
}

/* Notes that a file is here. */
static int note(Transfer *t, const TransferGet *get, const char *path, uint64_t size) {
        _cleanup_json_ json_object *entry = json_object_new_object();
        int r;

        if (!t->fetched)
                t->fetched = json_object_new_array();
        if (!entry || !t->fetched)
                return -ENOMEM;
        r = json_set_string(entry, "path", path);
        if (r >= 0)
                r = json_set_uint(entry, "size", size);
        if (r >= 0)
                r = json_set_string(entry, "directory", get->directory);
        return r < 0 ? r : json_append(t->fetched, TAKE_PTR(entry));
}

/* A pattern that nothing came of is a mistake, in it or in the program. */
static void judge(Transfer *t) {
        for (size_t i = 0; i < t->n_gets; i++)
                if (t->gets[i].n_found == 0) {
                        show_error("--get %s: no such file was left in the sandbox",
                                   t->gets[i].pattern);
                        t->has_failed = true;
                }
}

/* Whose pattern a file of a run's result comes from. */
static TransferGet *find_get(Transfer *t, const char *path) {
        for (size_t i = 0; i < t->n_gets; i++)
                if (fnmatch(t->gets[i].pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0)
                        return t->gets + i;
        return t->n_gets > 0 ? t->gets : NULL;
}

static int write_file(const TransferGet *get, const char *path, const void *data, size_t size) {
        _cleanup_landing_ Landing landing = LANDING_NONE;
        const char *name = landing_name_of(path);
        int r;

        r = landing_open(&landing, get->dir_fd, name);
        if (r >= 0)
                r = landing_write(&landing, data, size);
        if (r >= 0)
                r = landing_commit(&landing, 0666);
        if (r < 0)
                copy_show_landing(r, get->directory, name);
        return r;
}

/* Returns 0 or -ENOMEM. */
static int land_file(Transfer *t, json_object *file) {
        const char *path = show_string_of(file, "path"), *problem = show_string_of(file, "problem");
        TransferGet *get = find_get(t, path);
        _cleanup_free_ char *shown = show_name(path);
        _cleanup_free_ void *decoded = NULL;
        json_object *value = NULL;
        const char *data;
        size_t size;
        int r = 0;

        if (!get)
                return 0;
        get->n_found++;
        if (!path[0]) {
                show_error("a file was not copied: its name is not UTF-8");
                t->has_failed = true;
                return 0;
        }
        if (!is_free(t, get, path))
                return 0;
        if (json_object_object_get_ex(file, "text", &value)) {
                data = json_object_get_string(value);
                size = (size_t)json_object_get_string_len(value);
        } else if (json_object_object_get_ex(file, "base64", &value)) {
                r = base64_decode(json_object_get_string(value),
                                  (size_t)json_object_get_string_len(value), &decoded, &size);
                data = decoded;
        } else
                r = -ENODATA;
        if (r < 0)
                show_error("%s was not copied: %s", shown ? shown : "a file",
                           problem[0] ? problem : "the service did not send it");
        else
                r = write_file(get, path, data, size);
        if (r < 0) {
                t->has_failed = true;
                return 0;
        }
        return note(t, get, path, size);
}

int transfer_land(Transfer *t, json_object *result) {
        json_object *files = NULL;
        int r = 0;

        if (t->n_gets == 0)
                return 0;
        if (json_object_object_get_ex(result, "files", &files) &&
            json_object_is_type(files, json_type_array))
                for (size_t i = 0; r >= 0 && i < json_object_array_length(files); i++)
                        r = land_file(t, json_object_array_get_idx(files, i));
        if (json_object_object_get_ex(result, "files_problem", NULL)) {
                show_error("no file was copied: %s", show_string_of(result, "files_problem"));
                t->has_failed = true;
        } else if (r >= 0)
                judge(t);
        return r;
}

int transfer_put(const Transfer *t, const Copier *c) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < t->n_puts; i++)
                r = copy_put(c, t->puts[i].fd, t->puts[i].local, t->puts[i].path, t->puts[i].mode);
        return r;
}

/* Returns 0 or -errno when it makes no sense to go on. */
static int get_one(Transfer *t, TransferGet *get, const Copier *c, const char *path) {
        const char *name = landing_name_of(path);
        uint64_t size;
        int r;

        get->n_found++;
        if (!is_free(t, get, path))
                return 0;
        r = copy_get(c, path, get->dir_fd, get->directory, name, &size);
        if (r >= 0)
                return note(t, get, path, size);
        t->has_failed = true;
        return r == -EINTR || r == -ECONNRESET || r == -EBADMSG || r == -ENOMEM ? r : 0;
}

int transfer_get(Transfer *t, const Copier *c) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < t->n_gets; i++) {
                _cleanup_json_ json_object *paths = json_object_new_array();

                r = paths ? match_files(c, t->gets[i].pattern, paths) : -ENOMEM;
                for (size_t k = 0; r >= 0 && k < json_object_array_length(paths); k++)
                        r = get_one(t, t->gets + i, c,
                                    json_object_get_string(json_object_array_get_idx(paths, k)));
                if (r == -EREMOTEIO) { /* told; the next pattern may have a better directory */
                        t->gets[i].n_found++;
                        t->has_failed = true;
                        r = 0;
                }
        }
        if (r >= 0)
                judge(t);
        return r;
}

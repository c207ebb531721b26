/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A check is a program in the language of its profile, so nothing here knows what an image promises.
 * All go over one connection, one after the other: what a check needs in time and memory is then its
 * own. That a profile's image is missing, or the request refused, is a check that failed, and the next
 * one runs. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/fd.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "client/amount.h"
#include "client/images-check.h"
#include "client/outcome.h"
#include "client/session.h"
#include "client/show.h"
#include "client/table.h"

typedef struct Checks {
        const Images *images;
        Session *session;
        Table table;
        json_object *results; /* for --json, borrowed; NULL: the table */
        size_t n;
        size_t n_failed;
} Checks;

/* -- what came of one ------------------------------------------------------------------------ */

static void write_tail(FILE *f, const char *text) {
        const char *end = text + strlen(text), *p = end;
        unsigned n = 0;

        while (p > text && (p[-1] != '\n' || p == end || ++n < CHECK_LINES_MAX))
                p--;
        (void)fputs(p, f);
        if (p < end && end[-1] != '\n')
                (void)fputc('\n', f);
}

/* Why a check failed: how it ended, and what it printed. To be freed; NULL without memory. */
static char *explain(json_object *result, json_object *error) {
        _cleanup_free_ char *end = NULL;
        char *text = NULL;
        size_t size;
        FILE *f;

        if (result && outcome_format(result, &end) < 0)
                return NULL;
        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        if (error) {
                json_object *data = NULL;

                (void)json_object_object_get_ex(error, "data", &data);
                (void)fprintf(f, "%s\n%s\n", show_string_of(error, "message"),
                              show_string_of(data, "detail"));
        } else {
                write_tail(f, show_string_of(result, "stdout"));
                write_tail(f, show_string_of(result, "stderr"));
                (void)fprintf(f, "%s\n", end ? end : "");
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        while (text[0] && text[strlen(text) - 1] == '\n')
                text[strlen(text) - 1] = 0;
        return text;
}

static int add_row(Checks *c, const char *profile, const char *check, json_object *result,
                   const char *why) {
        char wall[AMOUNT_SIZE] = "", cpu[AMOUNT_SIZE] = "", memory[AMOUNT_SIZE] = "", exited[32];
        json_object *usage = NULL;
        const char *how = "ok";
        int r;

        if (json_object_object_get_ex(result, "usage", &usage)) {
                amount_format_duration(wall, show_number_of(usage, "wall_usec"));
                amount_format_duration(cpu, show_number_of(usage, "cpu_user_usec") +
                                                    show_number_of(usage, "cpu_system_usec"));
                amount_format_size(memory, show_number_of(usage, "memory_peak_bytes"));
        }
        if (why && strcmp(show_string_of(result, "status"), "exited") == 0) {
                (void)snprintf(exited, sizeof(exited), "failed (exit code %d)",
                               outcome_exit_code(result));
                how = exited;
        } else if (why)
                how = result ? show_string_of(result, "status") : "refused";
        r = table_add(&c->table, (const char *const[]){ profile, check, how, wall, cpu, memory });
        return r < 0 || !why || !why[0] ? r : table_add_note(&c->table, why);
}

/* { profile, check, passed, result or error } */
static int add_object(Checks *c, const char *profile, const char *check, bool passed,
                      json_object *result, json_object *error) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "profile", profile);
        if (r >= 0)
                r = json_set_string(object, "check", check);
        if (r >= 0)
                r = json_set_bool(object, "passed", passed);
        if (r >= 0)
                r = json_set(object, result ? "result" : "error",
                             json_object_get(result ? result : error));
        return r < 0 ? r : json_append(c->results, TAKE_PTR(object));
}

/* -- running them ---------------------------------------------------------------------------- */

/* { profile, code, capture } */
static int format_run(const char *profile, const char *code, json_object **ret) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set_string(params, "profile", profile);
        if (r >= 0)
                r = json_set_string(params, "code", code);
        if (r >= 0)
                r = json_set_bool(params, "capture", true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(params);
        return 0;
}

static int run(Checks *c, const char *profile, const char *check, const char *code) {
        _cleanup_json_ json_object *params = NULL, *result = NULL, *error = NULL;
        _cleanup_free_ char *why = NULL;
        bool passed;
        int r;

        r = format_run(profile, code, &params);
        if (r >= 0)
                r = session_call(c->session, "run", TAKE_PTR(params), &result, &error);
        if (r < 0 && r != -EREMOTEIO) {
                (void)session_tell(c->session, r, NULL);
                return r;
        }
        passed = result && outcome_exit_code(result) == 0;
        c->n++;
        c->n_failed += !passed;
        if (!passed) {
                why = explain(result, error);
                if (!why)
                        return -ENOMEM;
        }
        return c->results ? add_object(c, profile, check, passed, result, error)
                          : add_row(c, profile, check, result, why);
}

/* Returns 0 with the content, to be freed, or -errno. */
static int load(int directory_fd, const char *name, char **ret) {
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        size_t size;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return fd_read_all(fd, CHECK_SIZE_MAX, ret, &size);
}

static int is_check(const struct dirent *d) {
        return fnmatch("check.*", d->d_name, FNM_PERIOD) == 0 ||
               fnmatch("check-*.*", d->d_name, FNM_PERIOD) == 0;
}

static int compare(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int check_file(Checks *c, const char *profile, int directory_fd, const char *path,
                      const char *name) {
        _cleanup_free_ char *code = NULL;
        int r = load(directory_fd, name, &code);

        if (r < 0) {
                show_error("cannot read %s/%s: %s", path, name,
                           r == -EINVAL ? "it is no regular file" : strerror(-r));
                return r;
        }
        return run(c, profile, name, code);
}

/* Returns how many checks the profile has, or -errno, told. */
static int check_profile(Checks *c, const char *profile) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = images_open_context(c->images, profile, &path);
        struct dirent **entries;
        int n, r = 0;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        n = scandirat(fd, ".", &entries, is_check, compare);
        if (n < 0 || n > CHECKS_MAX)
                show_error("%s: %s", path, n < 0 ? strerror(errno) : "too many checks");
        if (n < 0)
                return -errno;
        if (n > CHECKS_MAX)
                r = -E2BIG;
        for (int k = 0; k < n; k++) {
                if (r >= 0)
                        r = check_file(c, profile, fd, path, entries[k]->d_name);
                free(entries[k]);
        }
        free(entries);
        return r < 0 ? r : n;
}

static int check_named(Checks *c, const char *name) {
        int r;

        if (!images_find(c->images, name))
                return -ENOENT;
        r = check_profile(c, name);
        if (r != 0)
                return r;
        show_error(
                "there is no %s/%s/check.*, so %s has no check; --contexts says where else to look",
                c->images->contexts, name, name);
        return -ENOENT;
}

static int check_all(Checks *c) {
        json_object *profiles = c->images->profiles;
        int r = 0;

        for (size_t k = 0; r >= 0 && k < json_object_array_length(profiles); k++)
                r = check_profile(c,
                                  show_string_of(json_object_array_get_idx(profiles, k), "name"));
        if (r >= 0 && c->n == 0) {
                show_error("no profile has a folder with a check.* in %s", c->images->contexts);
                r = -ENOENT;
        }
        return r;
}

static int show(Checks *c, json_object *object) {
        return object ? show_json(object) : table_show(&c->table);
}

int images_check(const Images *i, char *const *names, size_t n, bool as_json, size_t *ret_failed) {
        static const char *const head[] = { "PROFILE", "CHECK", "RESULT", "WALL", "CPU", "MEMORY" };
        _cleanup_json_ json_object *object = as_json ? json_object_new_object() : NULL;
        _cleanup_session_ Session s = SESSION_NONE;
        Checks c = { .images = i, .session = &s };
        int r;

        c.results = as_json ? json_object_new_array() : NULL;
        r = as_json ? json_set(object, "checks", c.results)
                    : table_init(&c.table, head, ARRAY_SIZE(head));
        if (r >= 0)
                r = session_open(&s, i->address);
        if (r >= 0 && n == 0)
                r = check_all(&c);
        for (size_t k = 0; r >= 0 && k < n; k++)
                r = check_named(&c, names[k]);
        if (r == -ENOMEM)
                show_error("out of memory");
        if (c.n > 0 && show(&c, object) < 0)
                r = -EIO;
        table_done(&c.table);
        *ret_failed = c.n_failed;
        return r < 0 ? r : 0;
}

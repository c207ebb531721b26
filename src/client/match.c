/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The service lists and we compare, so that a pattern means what it means in a shell here: a
 * wildcard matches neither a slash nor a leading dot.
 *
 * Trust: names come from a sandbox. They are only put together to paths that go back into the same
 * sandbox; where a file lands here is decided by its last part alone (landing.h). A listing that
 * never ends, or does not go on, is ended here. */

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "basic/json.h"
#include "client/match.h"
#include "client/show.h"

#define WILDCARDS "*?["
#define NAMES_MAX 100000 /* looked at for one pattern */

bool match_is_pattern(const char *text) {
        return strpbrk(text, WILDCARDS);
}

char *match_directory(const char *pattern, const char **ret_rest) {
        size_t n = strcspn(pattern, WILDCARDS);

        while (n > 0 && pattern[n - 1] != '/')
                n--;
        *ret_rest = pattern + n;
        if (n == 0)
                return strdup(".");
        return strndup(pattern, n == 1 ? 1 : n - 1);
}

static int append(json_object *paths, const char *pattern, const char *rest, const char *name) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%.*s%s", (int)(rest - pattern), pattern, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return json_append(paths, json_object_new_string(path));
}

/* One page of the listing. *ret_last (borrowed from result) is the last name in it. */
static int take_page(json_object *result, const char *pattern, const char *rest, json_object *paths,
                     size_t *n_names, const char **ret_last) {
        json_object *entries = NULL;
        size_t n;
        int r = 0;

        if (!json_object_object_get_ex(result, "entries", &entries) ||
            !json_object_is_type(entries, json_type_array))
                return -EBADMSG;
        n = json_object_array_length(entries);
        *n_names += n;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                json_object *entry = json_object_array_get_idx(entries, i);
                const char *name = show_string_of(entry, "name");

                if (!name[0])
                        continue; /* not UTF-8: nobody could ask for it by this name */
                *ret_last = name;
                if (strcmp(show_string_of(entry, "type"), "file") == 0 &&
                    fnmatch(rest, name, FNM_PATHNAME | FNM_PERIOD) == 0)
                        r = append(paths, pattern, rest, name);
        }
        return r;
}

static int list_page(const Copier *c, const char *directory, bool deep, const char *after,
                     json_object **ret_result, json_object **reterr) {
        _cleanup_json_ json_object *params = NULL;
        int r;

        r = copy_format(c, directory, &params);
        if (r >= 0 && after)
                r = json_set_string(params, "after", after);
        if (r >= 0 && deep)
                r = json_set_bool(params, "recursive", true);
        return r < 0 ? r
                     : session_call(c->session, "file.list", TAKE_PTR(params), ret_result, reterr);
}

int match_files(const Copier *c, const char *pattern, json_object *paths) {
        _cleanup_json_ json_object *error = NULL;
        _cleanup_free_ char *directory = NULL, *after = NULL;
        const char *rest;
        size_t n_names = 0;
        bool truncated;
        int r;

        if (!match_is_pattern(pattern))
                return json_append(paths, json_object_new_string(pattern));
        directory = match_directory(pattern, &rest);
        if (!directory)
                return -ENOMEM;
        do {
                _cleanup_json_ json_object *result = NULL;
                json_object *member = NULL;
                const char *last = NULL;

                r = list_page(c, directory, strchr(rest, '/'), after, &result, &error);
                if (r >= 0)
                        r = take_page(result, pattern, rest, paths, &n_names, &last);
                if (r < 0)
                        break;
                (void)json_object_object_get_ex(result, "truncated", &member);
                truncated = json_object_get_boolean(member) && last &&
                            (!after || strcmp(last, after) != 0) && n_names < NAMES_MAX;
                free(after);
                after = truncated ? strdup(last) : NULL;
                if (truncated && !after)
                        r = -ENOMEM;
        } while (r >= 0 && truncated);
        if (r < 0)
                (void)session_tell(c->session, r, error);
        return r;
}

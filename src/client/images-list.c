/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Podman is asked once for each profile, and no more after it could not be reached: an ordinary user
 * of the system's Cloche never reaches it, and is shown what the service tells. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/json.h"
#include "client/amount.h"
#include "client/images-list.h"
#include "client/show.h"
#include "client/table.h"

#define DIGEST_SHOWN 19 /* "sha256:" and 12 digits */
#define DATE_SHOWN   16 /* "2026-01-31T12:34" */

typedef struct Entry {
        json_object *profile; /* borrowed */
        json_object *image;   /* as Podman describes it, owned; NULL: not known */
        bool is_missing;
} Entry;

static void entry_done(Entry *e) {
        cleanup_json(&e->image);
}

/* *is_reached is whether Podman is to be asked, and becomes whether it is to be asked again. */
static int look(const Images *i, json_object *profile, bool *is_reached, Entry *ret) {
        const char *image = show_string_of(profile, "image");
        _cleanup_free_ char *words = NULL;
        int r;

        *ret = (Entry){ .profile = profile };
        if (!*is_reached || !image[0])
                return 0;
        r = images_inspect(i, image, &ret->image, &words);
        ret->is_missing = r == 404;
        if (r == 200 || r == 404)
                return 0;
        if (r == -ENOMEM)
                return r;
        *is_reached = false;
        if (r != -EACCES && r != -EPERM)
                podman_show_failure(&i->podman, r, words);
        return 0;
}

static const char *digest_of(const Entry *e) {
        const char *digest = show_string_of(e->image, "Digest");

        return digest[0] ? digest : show_string_of(e->profile, "digest");
}

static int add_row(Table *table, const Entry *e) {
        _cleanup_free_ char *digest = strndup(digest_of(e), DIGEST_SHOWN), *note = NULL;
        _cleanup_free_ char *date = strndup(show_string_of(e->image, "Created"), DATE_SHOWN);
        const char *name = show_string_of(e->profile, "name");
        const char *problem = show_string_of(e->profile, "problem");
        char size[AMOUNT_SIZE] = "";
        int r;

        if (!digest || !date)
                return -ENOMEM;
        if (strlen(date) == DATE_SHOWN)
                date[10] = ' ';
        if (e->image)
                amount_format_size(size, show_number_of(e->image, "Size"));
        r = table_add(table,
                      (const char *const[]){ name, show_string_of(e->profile, "image"),
                                             e->is_missing ? "missing" : size, digest, date });
        if (r < 0)
                return r;
        if (e->is_missing)
                r = asprintf(&note, "to make it: cloche images build %s", name);
        else if (!e->image && problem[0])
                r = asprintf(&note, "cannot be used: %s", problem);
        else
                return 0;
        if (r < 0) {
                note = NULL;
                return -ENOMEM;
        }
        return table_add_note(table, note);
}

static int set_or_null(json_object *object, const char *name, const char *text) {
        if (!text[0])
                return json_object_object_add(object, name, NULL) < 0 ? -ENOMEM : 0;
        return json_set_string(object, name, text);
}

/* { profile, image, missing, size, digest, created }; null is what is not known. */
static int add_object(json_object *images, const Entry *e) {
        _cleanup_json_ json_object *object = json_object_new_object();
        const char *digest = digest_of(e);
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "profile", show_string_of(e->profile, "name"));
        if (r >= 0)
                r = set_or_null(object, "image", show_string_of(e->profile, "image"));
        if (r >= 0)
                r = e->is_missing || digest[0] ? json_set_bool(object, "missing", e->is_missing)
                                               : set_or_null(object, "missing", "");
        if (r >= 0)
                r = e->image ? json_set_uint(object, "size", show_number_of(e->image, "Size"))
                             : set_or_null(object, "size", "");
        if (r >= 0)
                r = set_or_null(object, "digest", digest);
        if (r >= 0)
                r = set_or_null(object, "created", show_string_of(e->image, "Created"));
        return r < 0 ? r : json_append(images, TAKE_PTR(object));
}

static int show_list(const Images *i, Table *table, json_object *images) {
        bool is_reached = true;
        int r = 0;

        for (size_t k = 0; r >= 0 && k < json_object_array_length(i->profiles); k++) {
                _cleanup_(entry_done) Entry e = { 0 };

                r = look(i, json_object_array_get_idx(i->profiles, k), &is_reached, &e);
                if (r >= 0)
                        r = images ? add_object(images, &e) : add_row(table, &e);
        }
        return r;
}

int images_list(const Images *i, bool as_json) {
        static const char *const head[] = { "PROFILE", "IMAGE", "SIZE", "DIGEST", "CREATED" };
        _cleanup_json_ json_object *object = as_json ? json_object_new_object() : NULL;
        _cleanup_table_ Table table = { 0 };
        json_object *images = as_json ? json_object_new_array() : NULL;
        int r;

        r = as_json ? json_set(object, "images", images)
                    : table_init(&table, head, ARRAY_SIZE(head));
        if (r >= 0)
                r = show_list(i, &table, images);
        if (r == -ENOMEM)
                show_error("out of memory");
        if (r < 0)
                return r;
        return as_json ? show_json(object) : table_show(&table);
}

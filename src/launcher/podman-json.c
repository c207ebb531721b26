/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* json-c's tokener as it is, lenient: what it lets pass beyond JSON (comments, single quotes) no Go
 * program writes, and a spec is written anew from the tree before it goes back. Its strict mode and its
 * check of UTF-8 are of no use, because version 0.18 refuses every character beyond ASCII in them. It
 * stops at the end of the first value, so what follows must be looked at here. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "launcher/podman-json.h"

static void cleanup_tokener(json_tokener **t) {
        if (*t)
                json_tokener_free(*t);
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int podman_json_parse(const char *text, size_t size, json_object **ret) {
        _cleanup_(cleanup_tokener) json_tokener *t = NULL;
        _cleanup_json_ json_object *o = NULL;

        while (size > 0 && is_space(text[size - 1]))
                size--;
        if (size == 0 || size > INT_MAX || !utf8_is_valid(text, size))
                return -EBADMSG;

        t = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!t)
                return -ENOMEM;
        o = json_tokener_parse_ex(t, text, (int)size);
        if (json_tokener_get_error(t) != json_tokener_success ||
            json_tokener_get_parse_end(t) != size)
                return -EBADMSG;
        if (!json_object_is_type(o, json_type_object) && !json_object_is_type(o, json_type_array))
                return -EBADMSG;

        *ret = TAKE_PTR(o);
        return 0;
}

json_object *podman_json_get(json_object *object, const char *name, json_type type) {
        json_object *member;

        if (!json_object_is_type(object, json_type_object) ||
            !json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, type))
                return NULL;
        return member;
}

const char *podman_json_get_string(json_object *object, const char *name) {
        json_object *member = podman_json_get(object, name, json_type_string);
        const char *s = member ? json_object_get_string(member) : NULL;

        if (!s || strlen(s) != (size_t)json_object_get_string_len(member))
                return NULL;
        return s;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One function for each kind of value. A value comes from Podman's client, so its type is what the
 * field has; a wrong one is refused like a wrong value and never believed. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "launcher/podman-json.h"
#include "launcher/spec-mount.h"
#include "launcher/spec-value.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int spec_refuse(char *problem, size_t size, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(problem, size, format, ap);
        va_end(ap);
        return -EPERM;
}

/* "" when it is no string, or one with a NUL in it. */
static const char *text_of(json_object *value) {
        const char *s =
                json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

        return strlen(s) == (size_t)json_object_get_string_len(value) ? s : "";
}

bool spec_value_is_empty(json_object *value) {
        switch (json_object_get_type(value)) {
        case json_type_null:
                return true;
        case json_type_boolean:
                return !json_object_get_boolean(value);
        case json_type_int:
                return json_object_get_uint64(value) == 0 && json_object_get_int64(value) == 0;
        case json_type_double:
                return json_object_get_double(value) == 0;
        case json_type_string:
                return json_object_get_string_len(value) == 0;
        case json_type_array:
                return json_object_array_length(value) == 0;
        case json_type_object:
                return json_object_object_length(value) == 0;
        default:
                return false;
        }
}

int spec_value_check_namespace(json_object *value, char *problem, size_t size) {
        const char *mode = podman_json_get_string(value, "nsmode");

        if (json_object_is_type(value, json_type_object) &&
            (json_object_object_length(value) == 1 ||
             spec_value_is_empty(podman_json_get(value, "value", json_type_string))) &&
            mode && (strcmp(mode, "private") == 0 || strcmp(mode, "default") == 0 || !*mode))
                return 0;
        return spec_refuse(problem, size, "a sandbox has a private one");
}

int spec_value_check_network(json_object *value, char *problem, size_t size) {
        const char *mode = podman_json_get_string(value, "nsmode");

        if (mode && (strcmp(mode, "none") == 0 || strcmp(mode, "default") == 0 || !*mode))
                return 0;
        return spec_refuse(problem, size, "a sandbox has no network");
}

/* What the client sends when no mapping is asked for. */
int spec_value_check_mappings(json_object *value, char *problem, size_t size) {
        if (!json_object_is_type(value, json_type_object))
                return spec_refuse(problem, size, "it is no mapping");
        json_object_object_foreach(value, name, member) {
                if (strcmp(name, "HostUIDMapping") == 0 || strcmp(name, "HostGIDMapping") == 0) {
                        if (json_object_is_type(member, json_type_boolean))
                                continue;
                } else if (strcmp(name, "AutoUserNsOpts") == 0 &&
                           json_object_is_type(member, json_type_object)) {
                        bool empty = true;

                        json_object_object_foreach(member, option, o) empty =
                                empty && option && spec_value_is_empty(o);
                        if (empty)
                                continue;
                } else if (spec_value_is_empty(member))
                        continue;
                return spec_refuse(problem, size, "Cloche chooses the user namespace");
        }
        return 0;
}

int spec_value_check_image(json_object *value, char *problem, size_t size) {
        static const char alphabet[] = LETTERS "._:/@-";
        const char *s = text_of(value);
        size_t n = strlen(s);

        if (n == 0 || n > 255 || s[0] == '-' || s[0] == '/' || strspn(s, alphabet) != n)
                return spec_refuse(problem, size, "that is no image's name");
        return 0;
}

int spec_value_check_env(json_object *value, char *problem, size_t size) {
        size_t n = 0;

        if (!json_object_is_type(value, json_type_object))
                return spec_refuse(problem, size, "it is no list of variables");
        json_object_object_foreach(value, name, member) {
                if (!*name || strchr(name, '=') || !podman_json_get_string(value, name))
                        return spec_refuse(problem, size, "\"%.64s\" is no variable", name);
                if (strlen(json_object_get_string(member)) + strlen(name) + 1 > ARG_SIZE_MAX)
                        return spec_refuse(problem, size, "\"%.64s\" is too long", name);
                n++;
        }
        if (n > ARGV_MAX)
                return spec_refuse(problem, size, "there are more than %d", ARGV_MAX);
        return 0;
}

/* A misspelt label of ours would be a setting without effect, and the labels of a living sandbox
 * are what a launcher finds it by, so io.cloche.* is a closed list. */
int spec_value_check_labels(json_object *value, char *problem, size_t size) {
        static const char *const own[] = {
                "io.cloche.language",     "io.cloche.interpreter", "io.cloche.driver",
                "io.cloche.code-name",    "io.cloche.timeout-sec", "io.cloche.lifetime-sec",
                "io.cloche.output-bytes", "io.cloche.warm",        "io.cloche.preload",
        };

        if (!json_object_is_type(value, json_type_object))
                return spec_refuse(problem, size, "it is no list of labels");
        json_object_object_foreach(value, name, member) {
                bool known = false;

                if (!json_object_is_type(member, json_type_string))
                        return spec_refuse(problem, size, "\"%.64s\" is no string", name);
                if (strncmp(name, "io.containers.", 14) == 0 ||
                    strcmp(name, "PODMAN_SYSTEMD_UNIT") == 0)
                        return spec_refuse(problem, size,
                                           "\"%.64s\" asks Podman to act on a sandbox by itself",
                                           name);
                for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                        known = known || strcmp(name, own[i]) == 0;
                if (strncmp(name, "io.cloche", 9) == 0 && !known)
                        return spec_refuse(problem, size, "Cloche knows no label \"%.64s\"", name);
        }
        return 0;
}

int spec_value_check_mounts(json_object *value, char *problem, size_t size) {
        if (!json_object_is_type(value, json_type_array))
                return spec_refuse(problem, size, "it is no list of mounts");
        return spec_mount_check(value, problem, size);
}

int spec_value_check_paths(json_object *value, char *problem, size_t size) {
        if (!json_object_is_type(value, json_type_array))
                return spec_refuse(problem, size, "it is no list of paths");
        for (size_t i = 0; i < json_object_array_length(value); i++) {
                json_object *o = json_object_array_get_idx(value, i);
                const char *path = text_of(o);

                if (!spec_path_is_clean(path) || strchr(path, ':') ||
                    spec_path_is_below(path, "/.cloche"))
                        return spec_refuse(problem, size, "\"%.64s\" is no path to mask", path);
        }
        return 0;
}

int spec_value_check_work_dir(json_object *value, char *problem, size_t size) {
        const char *s = text_of(value);

        if (strcmp(s, "/") != 0 && !spec_path_is_clean(s))
                return spec_refuse(problem, size, "it is not a plain absolute path");
        return 0;
}

/* Podman appends it to /usr/share/zoneinfo and copies what it finds there into the container. */
int spec_value_check_timezone(json_object *value, char *problem, size_t size) {
        static const char alphabet[] = LETTERS "_+-/";
        const char *s = text_of(value);

        if (!s[0] || s[0] == '/' || strspn(s, alphabet) != strlen(s) || strlen(s) > 64)
                return spec_refuse(problem, size, "it is no time zone's name");
        return 0;
}

int spec_value_check_shm_size(json_object *value, char *problem, size_t size) {
        if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 4096)
                return spec_refuse(problem, size, "it is no number of bytes");
        return 0;
}

int spec_value_check_health(json_object *value, char *problem, size_t size) {
        json_object *test = podman_json_get(value, "Test", json_type_array), *word;

        word = test ? json_object_array_get_idx(test, 0) : NULL;
        if (json_object_is_type(word, json_type_string) &&
            strcmp(json_object_get_string(word), "NONE") == 0)
                return 0;
        return spec_refuse(problem, size, "a sandbox has no health check");
}

int spec_value_check_log(json_object *value, char *problem, size_t size) {
        const char *driver = podman_json_get_string(value, "driver");

        if (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 1 &&
            driver && strcmp(driver, "none") == 0)
                return 0;
        return spec_refuse(problem, size, "a sandbox's output goes to its client");
}

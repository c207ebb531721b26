/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tmpfs is all that a profile may mount: nothing of the host comes in by it, and what is written
 * there counts as the sandbox's memory. Its options are a list of words known to be harmless. Where
 * it lands matters too: not over the guest, the drivers and the channel, not over the code that the guest
 * writes, and not over what the OCI runtime mounts and masks itself. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "launcher/podman-json.h"
#include "launcher/spec-mount.h"
#include "launcher/spec-value.h"
#include "wire/guest-frame.h"

/* what /work is when the profile does not say */
#define WORK_OPTIONS "rw", "exec", "nosuid", "nodev", "mode=1777"

#define OPTIONS_MAX 16

bool spec_path_is_clean(const char *path) {
        if (path[0] != '/' || path[1] == 0)
                return false;
        for (const char *p = path; *p;) {
                size_t n = strcspn(++p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
        }
        return true;
}

bool spec_path_is_below(const char *path, const char *parent) {
        size_t n = strlen(parent);

        return strncmp(path, parent, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* "size=256m" as tmpfs reads it, without its percentages: digits and an optional k, m or g. */
static bool parse_size(const char *option, uint64_t *ret) {
        unsigned shift = 0;
        uint64_t n = 0;
        const char *p;

        if (!option || strncmp(option, "size=", 5) != 0)
                return false;
        for (p = option + 5; *p >= '0' && *p <= '9'; p++) {
                if (n > UINT64_MAX / 100)
                        return false;
                n = n * 10 + (uint64_t)(*p - '0');
        }
        if (p == option + 5 || n == 0)
                return false;
        if (*p) {
                const char *unit = strchr("kKmMgG", *p++);

                if (!unit || *p)
                        return false;
                shift = 10 * (*unit == 'k' || *unit == 'K'   ? 1
                              : *unit == 'm' || *unit == 'M' ? 2
                                                             : 3);
        }
        if (n > (UINT64_C(1) << 50) >> shift) /* a pebibyte: nobody's limit */
                return false;
        *ret = n << shift;
        return true;
}

static bool is_harmless_option(const char *option) {
        static const char *const words[] = {
                "rw",      "ro",       "exec",       "noexec",      "nosuid",    "nodev",
                "noatime", "relatime", "nodiratime", "notmpcopyup", "tmpcopyup",
        };
        uint64_t size;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(option, words[i]) == 0)
                        return true;
        if (strncmp(option, "mode=", 5) == 0) {
                size_t n = strspn(option + 5, "01234567");

                return n >= 3 && n <= 4 && option[5 + n] == 0;
        }
        if (strncmp(option, "nr_inodes=", 10) == 0) {
                size_t n = strspn(option + 10, "0123456789");

                return n >= 1 && n <= 9 && option[10 + n] == 0;
        }
        return parse_size(option, &size);
}

static const char *option_at(json_object *options, size_t i) {
        json_object *o = json_object_array_get_idx(options, i);
        const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

        return s && strlen(s) == (size_t)json_object_get_string_len(o) ? s : NULL;
}

static const char *reserved_place(const char *destination) {
        static const char *const places[] = { "/.cloche", GUEST_CODE_DIR, "/proc", "/sys", "/dev" };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (spec_path_is_below(destination, places[i]))
                        return places[i];
        return NULL;
}

static int check_tmpfs(json_object *mount, const char *destination, char *problem, size_t size) {
        json_object *options = podman_json_get(mount, "options", json_type_array);
        const char *place = reserved_place(destination);

        if (!spec_path_is_clean(destination))
                return spec_refuse(problem, size,
                                   "the tmpfs \"%.64s\" is not on a plain absolute path",
                                   destination);
        if (place)
                return spec_refuse(problem, size,
                                   "the tmpfs \"%.64s\" lies in %s, which is not the profile's",
                                   destination, place);
        json_object_object_foreach(mount, name, value) {
                if (strcmp(name, "destination") == 0 || strcmp(name, "type") == 0 ||
                    strcmp(name, "source") == 0)
                        continue;
                if (strcmp(name, "options") != 0 || (value && !options))
                        return spec_refuse(problem, size, "the tmpfs \"%.64s\" has \"%.32s\"",
                                           destination, name);
        }
        if (options && json_object_array_length(options) > OPTIONS_MAX)
                return spec_refuse(problem, size, "the tmpfs \"%.64s\" has too many options",
                                   destination);
        for (size_t i = 0; options && i < json_object_array_length(options); i++) {
                const char *option = option_at(options, i);

                if (!option || !is_harmless_option(option))
                        return spec_refuse(
                                problem, size,
                                "the tmpfs \"%.64s\" has the option \"%.32s\", which is not one "
                                "of rw, ro, exec, noexec, nosuid, nodev, size=, mode=, "
                                "nr_inodes=, (no)tmpcopyup",
                                destination, option ? option : "?");
        }
        return 0;
}

int spec_mount_check(json_object *mounts, char *problem, size_t problem_size) {
        for (size_t i = 0; i < json_object_array_length(mounts); i++) {
                json_object *mount = json_object_array_get_idx(mounts, i);
                const char *destination = podman_json_get_string(mount, "destination");
                const char *type = podman_json_get_string(mount, "type");
                int r;

                if (!destination || !type)
                        return spec_refuse(problem, problem_size,
                                           "a mount has no destination or type");
                if (strcmp(type, "tmpfs") != 0)
                        return spec_refuse(
                                problem, problem_size,
                                "\"%.64s\" is a %.16s mount, a profile may bring tmpfs only",
                                destination, type);
                r = check_tmpfs(mount, destination, problem, problem_size);
                if (r < 0)
                        return r;
        }
        return 0;
}

static json_object *find_work(json_object *mounts) {
        for (size_t i = 0; mounts && i < json_object_array_length(mounts); i++) {
                json_object *mount = json_object_array_get_idx(mounts, i);
                const char *destination = podman_json_get_string(mount, "destination");

                if (destination && strcmp(destination, WORK_PATH) == 0)
                        return mount;
        }
        return NULL;
}

uint64_t spec_mount_work_bytes(json_object *mounts) {
        json_object *options = podman_json_get(find_work(mounts), "options", json_type_array);
        uint64_t size = LIMIT_UNSET;

        for (size_t i = 0; options && i < json_object_array_length(options); i++)
                (void)parse_size(option_at(options, i),
                                 &size); /* the last one counts, as in mount(8) */
        return size;
}

/* Appends a new mount with these options to mounts. */
static int add(json_object *mounts, const char *type, const char *source, const char *destination,
               const char *const *options, size_t n_options) {
        _cleanup_json_ json_object *mount = json_object_new_object(),
                                   *list = json_object_new_array();
        int r;

        if (!mount || !list)
                return -ENOMEM;
        for (size_t i = 0; i < n_options; i++) {
                r = json_append(list, json_object_new_string(options[i]));
                if (r < 0)
                        return r;
        }
        r = json_set_string(mount, "type", type);
        if (r >= 0)
                r = json_set_string(mount, "source", source);
        if (r >= 0)
                r = json_set_string(mount, "destination", destination);
        if (r >= 0)
                r = json_set(mount, "options", TAKE_PTR(list));
        return r < 0 ? r : json_append(mounts, TAKE_PTR(mount));
}

/* The profile's tmpfs on /work with its own options but this size. */
static int add_work(json_object *mounts, json_object *work, uint64_t bytes) {
        const char *options[OPTIONS_MAX + 1] = { WORK_OPTIONS };
        json_object *own = podman_json_get(work, "options", json_type_array);
        char size[32];
        size_t n = 5;

        if (own)
                n = 0;
        for (size_t i = 0; own && i < json_object_array_length(own); i++)
                if (strncmp(option_at(own, i), "size=", 5) != 0 && n < OPTIONS_MAX)
                        options[n++] = option_at(own, i);
        (void)snprintf(size, sizeof(size), "size=%llu", (unsigned long long)bytes);
        options[n++] = size;
        return add(mounts, "tmpfs", "tmpfs", WORK_PATH, options, n);
}

int spec_mount_complete(json_object *mounts, uint64_t work_bytes, const SpecPaths *paths,
                        const SpecFile *files, size_t n_files, json_object **ret) {
        static const char *const program_options[] = { "ro", "exec", "nosuid", "nodev" };
        static const char *const data_options[] = { "ro", "noexec", "nosuid", "nodev" };
        _cleanup_json_ json_object *all = json_object_new_array();
        json_object *work = find_work(mounts);
        int r = 0;

        if (!all)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && mounts && i < json_object_array_length(mounts); i++) {
                json_object *mount = json_object_array_get_idx(mounts, i), *copy = NULL;

                if (mount == work)
                        continue;
                if (json_object_deep_copy(mount, &copy, NULL) < 0)
                        return -ENOMEM;
                r = json_append(all, copy);
        }
        if (r >= 0)
                r = add_work(all, work, work_bytes);
        if (r >= 0)
                r = add(all, "bind", paths->guest, GUEST_PROGRAM_PATH, program_options,
                        ARRAY_SIZE(program_options));
        if (r >= 0)
                r = add(all, "bind", paths->drivers, GUEST_DRIVERS_PATH, data_options,
                        ARRAY_SIZE(data_options));
        if (r >= 0)
                r = add(all, "bind", paths->channel, GUEST_CHANNEL_PATH, data_options,
                        ARRAY_SIZE(data_options));
        for (size_t i = 0; r >= 0 && i < n_files; i++)
                r = add(all, "bind", files[i].source, files[i].destination, data_options,
                        ARRAY_SIZE(data_options));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(all);
        return 0;
}

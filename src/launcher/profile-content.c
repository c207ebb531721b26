/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an administrator wrote is checked here to the letter, and said back when it is wrong: a
 * limit that is not a number, a file name with a slash in it. The fields of a Profile have fixed
 * sizes because they travel in messages; text that does not fit is refused, except the description,
 * which is cut. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "launcher/podman-json.h"
#include "launcher/profile-content.h"
#include "launcher/spec-value.h"
#include "launcher/spec.h"
#include "wire/guest-frame.h"

#define LABEL "io.cloche."

static void copy_description(char *to, size_t size, const char *from) {
        size_t n = utf8_cut(from, strlen(from), size - 1);

        memcpy(to, from, n);
        to[n] = 0;
        for (char *p = utf8_scrub(to); *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
}

int profile_take_unit(Profile *p, const ProfileUnit *unit, char *problem, size_t problem_size) {
        LauncherLimits *l = &p->limits;

        copy_description(p->description, sizeof(p->description), unit->description);
        *l = (LauncherLimits){
                .memory_bytes = PROFILE_MEMORY_DEFAULT,
                .tasks = PROFILE_TASKS_DEFAULT,
                .cpu_percent = PROFILE_CPU_PERCENT_DEFAULT,
                .work_bytes = PROFILE_WORK_SIZE_DEFAULT,
                .timeout_usec = PROFILE_TIMEOUT_DEFAULT,
                .lifetime_usec = PROFILE_LIFETIME_DEFAULT,
                .output_bytes = PROFILE_OUTPUT_DEFAULT,
        };
        if (unit->memory_max != UINT64_MAX)
                l->memory_bytes = unit->memory_max;
        if (unit->tasks_max != UINT64_MAX)
                l->tasks = unit->tasks_max;
        if (unit->cpu_quota_usec != UINT64_MAX)
                l->cpu_percent = unit->cpu_quota_usec / (USEC_PER_SEC / 100);

        if (l->memory_bytes < MEMORY_MIN)
                return spec_refuse(problem, problem_size, "MemoryMax= is less than %llu bytes",
                                   (unsigned long long)MEMORY_MIN);
        if (l->tasks < TASKS_MIN)
                return spec_refuse(problem, problem_size, "TasksMax= is less than %d", TASKS_MIN);
        if (l->cpu_percent < CPU_PERCENT_MIN)
                return spec_refuse(problem, problem_size, "CPUQuota= is less than %d%%",
                                   CPU_PERCENT_MIN);
        return 0;
}

/* A label's value, "" when there is none. */
static const char *label(json_object *labels, const char *name) {
        const char *s = podman_json_get_string(labels, name);

        return s ? s : "";
}

static int take_language(Profile *p, const char *value, char *problem, size_t size) {
        size_t n = strlen(value);

        if (n >= sizeof(p->language) ||
            strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.+#-") != n)
                return spec_refuse(problem, size, "Label=" LABEL "language=%.64s is no name",
                                   value);
        memcpy(p->language, value, n + 1);
        return 0;
}

static int take_code_name(Profile *p, const char *value, char *problem, size_t size) {
        static const char alphabet[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                "._-";
        size_t n = strlen(value);

        if (n >= sizeof(p->code_name) || n >= GUEST_CODE_NAME_SIZE || value[0] == '.' ||
            strspn(value, alphabet) != n)
                return spec_refuse(problem, size, "Label=" LABEL "code-name=%.64s is no file name",
                                   value);
        memcpy(p->code_name, value, n + 1);
        return 0;
}

/* Words with one newline between them. */
static int take_words(const char *name, const char *value, char *to, size_t to_size, char *problem,
                      size_t size) {
        size_t o = 0;

        if (!utf8_is_valid(value, strlen(value)) || strlen(value) >= to_size)
                return spec_refuse(problem, size, "Label=" LABEL "%s= is too long or not UTF-8",
                                   name);
        for (const char *s = value; *s;) {
                size_t n;

                s += strspn(s, " \t\n");
                n = strcspn(s, " \t\n");
                if (n > 0 && o > 0)
                        to[o++] = '\n';
                memcpy(to + o, s, n);
                o += n;
                s += n;
        }
        to[o] = 0;
        for (const char *s = to; *s; s++)
                if (((unsigned char)*s < 0x20 && *s != '\n') || *s == 0x7f)
                        return spec_refuse(problem, size,
                                           "Label=" LABEL "%s= has a control character", name);
        return 0;
}

static int take_number(const char *name, const char *value, uint64_t unit, uint64_t min,
                       uint64_t max, uint64_t *ret, char *problem, size_t size) {
        uint64_t n = 0;

        if (!*value)
                return 0;
        for (const char *p = value; *p; p++) {
                if (*p < '0' || *p > '9' || n > UINT64_MAX / 16)
                        return spec_refuse(problem, size, "Label=" LABEL "%s=%.32s is no number",
                                           name, value);
                n = n * 10 + (uint64_t)(*p - '0');
        }
        if (n > max / unit || n * unit < min)
                return spec_refuse(problem, size, "Label=" LABEL "%s=%.32s is not in %llu to %llu",
                                   name, value, (unsigned long long)((min + unit - 1) / unit),
                                   (unsigned long long)(max / unit));
        *ret = n * unit;
        return 0;
}

/* "HIGH" or "LOW:HIGH". */
static int take_marks(Profile *p, const char *value, char *problem, size_t size) {
        _cleanup_free_ char *low = NULL;
        const char *colon = strchr(value, ':');
        uint64_t from = 0, to = 0;
        int r;

        if (!*value)
                return 0;
        if (colon && (colon == value || !colon[1]))
                return spec_refuse(problem, size, "Label=" LABEL "warm=%.32s is no LOW:HIGH",
                                   value);
        low = strndup(value, colon ? (size_t)(colon - value) : strlen(value));
        if (!low)
                return -ENOMEM;
        r = take_number("warm", colon ? colon + 1 : value, 1, 0, WARM_MAX, &to, problem, size);
        if (r >= 0)
                r = take_number("warm", low, 1, 0, to, &from, problem, size);
        if (r < 0)
                return r;
        p->warm_low = (unsigned)from;
        p->warm_high = (unsigned)to;
        return 0;
}

static int take_labels(Profile *p, json_object *labels, char *problem, size_t size) {
        int r;

        r = take_language(p, label(labels, LABEL "language"), problem, size);
        if (r >= 0)
                r = take_words("interpreter", label(labels, LABEL "interpreter"), p->interpreter,
                               sizeof(p->interpreter), problem, size);
        if (r >= 0)
                r = take_words("driver", label(labels, LABEL "driver"), p->driver,
                               sizeof(p->driver), problem, size);
        if (r >= 0)
                r = take_words("preload", label(labels, LABEL "preload"), p->preload,
                               sizeof(p->preload), problem, size);
        if (r >= 0)
                r = take_marks(p, label(labels, LABEL "warm"), problem, size);
        if (r >= 0)
                r = take_code_name(p, label(labels, LABEL "code-name"), problem, size);
        if (r >= 0)
                r = take_number("timeout-sec", label(labels, LABEL "timeout-sec"), USEC_PER_SEC,
                                TIMEOUT_MIN_USEC, TIMEOUT_MAX_USEC, &p->limits.timeout_usec,
                                problem, size);
        if (r >= 0)
                r = take_number("lifetime-sec", label(labels, LABEL "lifetime-sec"), USEC_PER_SEC,
                                TIMEOUT_MIN_USEC, TIMEOUT_MAX_USEC, &p->limits.lifetime_usec,
                                problem, size);
        if (r >= 0)
                r = take_number("output-bytes", label(labels, LABEL "output-bytes"), 1, 1,
                                (uint64_t)JSON_INTEGER_MAX, &p->limits.output_bytes, problem, size);
        if (r < 0)
                return r;
        if (p->interpreter[0] && !p->code_name[0])
                return spec_refuse(problem, size,
                                   "Label=" LABEL "interpreter= needs a Label=" LABEL "code-name=");
        return 0;
}

int profile_take_spec(Profile *p, json_object *spec, char *problem, size_t problem_size) {
        const char *image = podman_json_get_string(spec, "image");
        uint64_t work = spec_work_bytes(spec), shm = spec_shm_bytes(spec);

        json_object_put(p->spec);
        p->spec = json_object_get(spec);
        if (!image || strlen(image) >= sizeof(p->image))
                return spec_refuse(problem, problem_size, "Image= is missing or too long");
        memcpy(p->image, image, strlen(image) + 1);
        if (work != LIMIT_UNSET)
                p->limits.work_bytes = work;
        if (p->limits.work_bytes < WORK_SIZE_MIN)
                return spec_refuse(problem, problem_size,
                                   "Tmpfs=/work has a size of less than %llu bytes",
                                   (unsigned long long)WORK_SIZE_MIN);
        if (shm != LIMIT_UNSET && shm > p->limits.memory_bytes)
                return spec_refuse(problem, problem_size,
                                   "ShmSize= is %llu bytes and more than MemoryMax= (%llu), which "
                                   "what is in /dev/shm counts as",
                                   (unsigned long long)shm,
                                   (unsigned long long)p->limits.memory_bytes);
        return take_labels(p, podman_json_get(spec, "labels", json_type_object), problem,
                           problem_size);
}

static bool is_hex(const char *s, size_t n) {
        return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

int profile_take_image(Profile *p, json_object *image, char *problem, size_t problem_size) {
        static const char prefix[] = "sha256:";
        const char *id = podman_json_get_string(image, "Id");
        const char *digest = podman_json_get_string(image, "Digest");

        if (!id || !is_hex(id, sizeof(p->image_id) - 1))
                return spec_refuse(problem, problem_size, "Podman did not say the image's id");
        memcpy(p->image_id, id, sizeof(p->image_id));
        if (digest && strncmp(digest, prefix, sizeof(prefix) - 1) == 0 &&
            is_hex(digest + sizeof(prefix) - 1, 64))
                memcpy(p->digest, digest, sizeof(p->digest));
        else
                (void)snprintf(p->digest, sizeof(p->digest), "%s%s", prefix, id);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checking and completing are two different walks on purpose. The check looks at every field there
 * is, by the table in spec-field.c. The completion starts from nothing: it copies the few things
 * that are a profile's to say, and writes all else itself. So a field that the check let pass by
 * mistake, or lets pass because its value does not matter, still never reaches Podman. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "launcher/podman-json.h"
#include "launcher/spec-field.h"
#include "launcher/spec-mount.h"
#include "launcher/spec-value.h"
#include "launcher/spec.h"

#define CPU_PERIOD_USEC 100000U /* the kernel's own default */

#define SHORT_MAX 80 /* bytes of a value in a sentence */

int spec_check(json_object *recorded, char *reterr_problem, size_t problem_size) {
        json_object *value;
        const char *text;
        int r;

        if (!json_object_is_type(recorded, json_type_object))
                return spec_refuse(reterr_problem, problem_size, "the recording is no container");

        for (size_t i = 0; i < spec_fields_n; i++) {
                if (!json_object_object_get_ex(recorded, spec_fields[i].name, &value))
                        continue;
                r = spec_field_check(&spec_fields[i], value, reterr_problem, problem_size);
                if (r < 0)
                        return r;
        }
        json_object_object_foreach(recorded, name, member) {
                if (spec_field_find(name) || spec_value_is_empty(member))
                        continue;
                text = json_object_to_json_string_ext(member, JSON_C_TO_STRING_PLAIN);
                return spec_refuse(reterr_problem, problem_size,
                                   "\"%.64s\" is %.*s: Cloche does not know that field", name,
                                   text ? (int)utf8_cut(text, strlen(text), SHORT_MAX) : 0,
                                   text ? text : "");
        }
        text = podman_json_get_string(recorded, "image");
        if (!text || !*text)
                return spec_refuse(reterr_problem, problem_size, "\"image\" (Image=) is missing");
        return 0;
}

uint64_t spec_work_bytes(json_object *checked) {
        return spec_mount_work_bytes(podman_json_get(checked, "mounts", json_type_array));
}

uint64_t spec_shm_bytes(json_object *checked) {
        json_object *value = podman_json_get(checked, "shm_size", json_type_int);

        return value ? json_object_get_uint64(value) : LIMIT_UNSET;
}

/* -- one sandbox ----------------------------------------------------------------------------- */

typedef struct Fixed {
        const char *name;
        const char *json;
} Fixed;

static const Fixed fixed[] = {
        /* The guest needs to become the code's user and to kill it, and to take from the code
   * what it could ever have (its bounding set); nothing else. */
        { "cap_drop",             "[\"all\"]"                                    },
        { "cap_add",              "[\"setuid\",\"setgid\",\"setpcap\",\"kill\"]" },
        { "no_new_privileges",    "true"                                         },
        { "privileged",           "false"                                        },
        { "seccomp_policy",       "\"default\""                                  }, /* Podman's; the guest adds ours for the code */
        { "user",                 "\"0:0\""                                      },
        { "umask",                "\"0022\""                                     },

        /* Nothing to write to but tmpfs; gone with the container, so nothing is synced to disk. */
        { "read_only_filesystem", "true"                                         },
        { "read_write_tmpfs",     "true"                                         },
        { "volatile",             "true"                                         },
        { "image_volume_mode",
         "\"ignore\""                                                            }, /* an image's VOLUME would be a directory of the host */

        { "netns",                "{\"nsmode\":\"none\"}"                        },
        { "pidns",                "{\"nsmode\":\"private\"}"                     },
        { "ipcns",                "{\"nsmode\":\"private\"}"                     },
        { "utsns",                "{\"nsmode\":\"private\"}"                     },
        { "cgroupns",             "{\"nsmode\":\"private\"}"                     },
        { "hostname",             "\"cloche\""                                   },
        { "base_hosts_file",      "\"none\""                                     }, /* localhost, and nothing of the host's own file */

        { "httpproxy",            "false"                                        },
        { "env_host",             "false"                                        },
        { "systemd",              "\"false\""                                    },
        { "sdnotifyMode",         "\"ignore\""                                   },
        { "init",                 "false"                                        },
        { "terminal",             "false"                                        },
        { "stdin",                "false"                                        },
        { "log_configuration",    "{\"driver\":\"none\"}"                        },
        { "healthconfig",         "{\"Test\":[\"NONE\"]}"                        },
        { "restart_policy",       "\"no\""                                       },
        { "stop_timeout",         "0"                                            },
        { "remove",               "false"                                        }, /* the launcher removes it, when it has read what was used */
        { "manage_password",      "true"                                         },

        /* The scope limits memory, tasks and processor time. A core dump would leave the sandbox: at one
  * byte the kernel skips a core handler too, which at zero it runs. */
        { "r_limits",             "[{\"type\":\"core\",\"soft\":1,\"hard\":1}]"  },

        { "entrypoint",           "[\"/.cloche/guest\"]"                         },
        { "command",              "[]"                                           },
};

/* What of the host can be read in /proc and /sys beyond what Podman masks: its command line,
 * symbols, modules, disks and hardware. */
static const char *const masked[] = {
        "/proc/cmdline", "/proc/config.gz",  "/proc/diskstats",          "/proc/kallsyms",
        "/proc/modules", "/proc/partitions", "/proc/vmallocinfo",        "/sys/block",
        "/sys/bus",      "/sys/class/dmi",   "/sys/devices/virtual/dmi", "/sys/kernel",
        "/sys/module",
};

#define USERNS_AUTO "{\"nsmode\":\"auto\",\"value\":\"size=65536\"}"
#define IDMAPPINGS_AUTO                                                                       \
        "{\"HostUIDMapping\":false,\"HostGIDMapping\":false,\"UIDMap\":null,\"GIDMap\":null," \
        "\"AutoUserNs\":true,\"AutoUserNsOpts\":{\"Size\":65536,\"InitialSize\":0,"           \
        "\"PasswdFile\":\"\",\"GroupFile\":\"\",\"AdditionalUIDMappings\":null,"              \
        "\"AdditionalGIDMappings\":null}}"

static int set_json(json_object *spec, const char *name, const char *json) {
        return json_set(spec, name, json_tokener_parse(json));
}

static int copy_if(json_object *spec, json_object *checked, const char *name) {
        json_object *value, *copy = NULL;

        if (!json_object_object_get_ex(checked, name, &value) || spec_value_is_empty(value))
                return 0;
        if (json_object_deep_copy(value, &copy, NULL) < 0)
                return -ENOMEM;
        return json_set(spec, name, copy);
}

/* The member if the profile has one, else an empty one of that type, in the new spec. */
static json_object *own_member(json_object *spec, json_object *checked, const char *name,
                               json_type type) {
        if (copy_if(spec, checked, name) < 0)
                return NULL;
        if (!podman_json_get(spec, name, type) &&
            json_set(spec, name,
                     type == json_type_array ? json_object_new_array() : json_object_new_object()) <
                    0)
                return NULL;
        return podman_json_get(spec, name, type);
}

/* One variable, where the profile has none of that name. */
static int set_variable(json_object *env, const char *name, const char *value) {
        return podman_json_get_string(env, name) ? 0 : json_set_string(env, name, value);
}

/* For what asks sched_getaffinity(2) and nothing else, which no file can answer: nproc and OpenMP
 * with all that follows it (OpenBLAS, MKL, numexpr), Python from 3.13 on, Go before 1.25 and Rayon. */
static int set_cpus(json_object *env, unsigned cpus) {
        static const char *const names[] = { "OMP_NUM_THREADS", "PYTHON_CPU_COUNT", "GOMAXPROCS",
                                             "RAYON_NUM_THREADS" };
        char text[16];
        int r = 0;

        (void)snprintf(text, sizeof(text), "%u", cpus);
        for (size_t i = 0; i < ARRAY_SIZE(names) && r >= 0; i++)
                r = set_variable(env, names[i], text);
        return r;
}

/* Without a network a request fails at once, and the next one too: what repeats them by itself, with
 * pauses, shall not. */
static int set_offline(json_object *env) {
        static const char *const names[] = { "PIP_RETRIES", "NPM_CONFIG_FETCH_RETRIES",
                                             "CARGO_NET_RETRY" };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names) && r >= 0; i++)
                r = set_variable(env, names[i], "0");
        return r;
}

/* What is the profile's to say. */
static int take_profile(json_object *spec, json_object *checked, unsigned cpus) {
        json_object *env, *mask;
        int r;

        r = copy_if(spec, checked, "timezone");
        if (r >= 0)
                r = copy_if(spec, checked, "work_dir");
        if (r >= 0 && !podman_json_get_string(spec, "work_dir"))
                r = json_set_string(spec, "work_dir", WORK_PATH);
        if (r < 0)
                return r;

        env = own_member(spec, checked, "env", json_type_object);
        if (!env)
                return -ENOMEM;
        r = set_variable(env, "HOME", WORK_PATH);
        if (r >= 0)
                r = set_cpus(env, cpus);
        if (r >= 0)
                r = set_offline(env);
        if (r < 0)
                return r;

        mask = own_member(spec, checked, "mask", json_type_array);
        if (!mask)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(masked); i++) {
                r = json_append(mask, json_object_new_string(masked[i]));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The scope has these limits and enforces them; but a sandbox sees no cgroup above its container's,
 * and there is where the JVM, .NET, Go, Rust and libuv look for them. Tasks are not repeated: a
 * refused fork is counted where the limit is. */
static int set_limits(json_object *spec, const SpecSandbox *s) {
        char text[192];

        (void)snprintf(text, sizeof(text),
                       "{\"memory\":{\"limit\":%llu,\"swap\":%llu},"
                       "\"cpu\":{\"quota\":%llu,\"period\":%u}}",
                       (unsigned long long)s->memory_bytes, (unsigned long long)s->memory_bytes,
                       (unsigned long long)s->cpu_percent * (CPU_PERIOD_USEC / 100),
                       CPU_PERIOD_USEC);
        return set_json(spec, "resource_limits", text);
}

static int set_shm(json_object *spec, json_object *checked, uint64_t memory_bytes) {
        uint64_t bytes = spec_shm_bytes(checked);

        if (bytes == LIMIT_UNSET)
                bytes = PROFILE_SHM_SIZE_DEFAULT;
        if (bytes > memory_bytes)
                bytes = memory_bytes;
        return json_set(spec, "shm_size", json_object_new_uint64(bytes));
}

static int set_sandbox(json_object *spec, json_object *checked, const SpecSandbox *s) {
        json_object *labels, *mounts = NULL;
        int r;

        r = json_set_string(spec, "name", s->name);
        if (r >= 0)
                r = set_limits(spec, s);
        if (r >= 0)
                r = set_shm(spec, checked, s->memory_bytes);
        if (r >= 0)
                r = json_set_string(spec, "image", s->image_id);
        if (r >= 0)
                r = json_set_string(spec, "raw_image_name", s->image_id);
        if (r >= 0)
                r = json_set_string(spec, "cgroup_parent", s->cgroup_parent);
        if (r >= 0 && s->system_mode) {
                r = set_json(spec, "userns", USERNS_AUTO);
                if (r >= 0)
                        r = set_json(spec, "idmappings", IDMAPPINGS_AUTO);
        }
        if (r >= 0)
                r = spec_mount_complete(podman_json_get(checked, "mounts", json_type_array),
                                        s->work_bytes, &s->paths, s->files, s->n_files, &mounts);
        if (r >= 0)
                r = json_set(spec, "mounts", mounts);
        if (r < 0)
                return r;

        labels = own_member(spec, checked, "labels", json_type_object);
        if (!labels)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_labels && r >= 0; i++)
                r = json_set_string(labels, s->labels[2 * i], s->labels[2 * i + 1]);
        return r;
}

int spec_complete(json_object *checked, const SpecSandbox *sandbox, json_object **ret) {
        _cleanup_json_ json_object *spec = json_object_new_object();
        int r = 0;

        if (!spec)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(fixed) && r >= 0; i++)
                r = set_json(spec, fixed[i].name, fixed[i].json);
        if (r >= 0)
                r = take_profile(spec, checked, sandbox->cpus);
        if (r >= 0)
                r = set_sandbox(spec, checked, sandbox);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(spec);
        return 0;
}

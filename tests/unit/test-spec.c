/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The check against recordings of what Podman's client makes of Quadlet keys and podman options
 * (tests/unit/data, see record-specs there), the completion against what every sandbox must be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "launcher/podman-json.h"
#include "launcher/spec-field.h"
#include "launcher/spec-mount.h"
#include "launcher/spec-value.h"
#include "launcher/spec.h"

static const char *const recordings[] = { TEST_DATA "/spec-5.4.2.jsonl",
                                          TEST_DATA "/spec-5.8.6.jsonl" };

typedef void (*case_t)(const char *quadlet, const char *refused, json_object *spec);

static json_object *parse(const char *text) {
        json_object *o = NULL;

        assert_int_equal(podman_json_parse(text, strlen(text), &o), 0);
        return o;
}

static json_object *copy_of(json_object *o) {
        json_object *copy = NULL;

        assert_int_equal(json_object_deep_copy(o, &copy, NULL), 0);
        return copy;
}

/* Runs a function on every recording of one file; those where the client refused have no spec. */
static unsigned for_each_in(const char *path, case_t run) {
        _cleanup_json_ json_object *base = NULL;
        char line[16384];
        unsigned n = 0;
        FILE *f;

        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                _cleanup_json_ json_object *c = parse(line), *spec = NULL;
                json_object *set = podman_json_get(c, "set", json_type_object);
                json_object *unset = podman_json_get(c, "unset", json_type_array);

                if (!base)
                        base = copy_of(set);
                if (set) {
                        spec = copy_of(base);
                        json_object_object_foreach(set, name, value)
                                json_object_object_add(spec, name, json_object_get(value));
                        for (size_t i = 0; unset && i < json_object_array_length(unset); i++)
                                json_object_object_del(
                                        spec, json_object_get_string(
                                                      json_object_array_get_idx(unset, i)));
                }
                run(podman_json_get_string(c, "quadlet"), podman_json_get_string(c, "refused"),
                    spec);
                n++;
        }
        assert_int_equal(fclose(f), 0);
        return n;
}

static void for_each(case_t run) {
        for (size_t i = 0; i < ARRAY_SIZE(recordings); i++)
                assert_true(for_each_in(recordings[i], run) > 200);
}

static json_object *baseline;

static void keep_baseline(const char *quadlet, _unused_ const char *refused, json_object *spec) {
        if (*quadlet == 0 && !baseline)
                baseline = copy_of(spec);
}

static int load_baseline(_unused_ void **state) {
        for_each(keep_baseline);
        assert_non_null(baseline);
        return 0;
}

static int drop_baseline(_unused_ void **state) {
        json_object_put(baseline);
        baseline = NULL;
        return 0;
}

/* The baseline with one field set to this JSON. */
static json_object *with(const char *field, const char *json) {
        json_object *spec = copy_of(baseline);

        assert_int_equal(json_object_object_add(spec, field, json_tokener_parse(json)), 0);
        return spec;
}

/* -- the check ------------------------------------------------------------------------------- */

/* Whether a sentence has one of the keys of a Quadlet line, as in "AddDevice=". */
static bool names_key(const char *problem, const char *quadlet) {
        for (const char *line = quadlet; line;) {
                size_t n = strcspn(line, "=") + 1;
                char key[64];

                (void)snprintf(key, sizeof(key), "%.*s", (int)n, line);
                if (strstr(problem, key))
                        return true;
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        return false;
}

static void check_refusal(const char *quadlet, const char *refused, json_object *spec) {
        char problem[DETAIL_SIZE] = "", field[64];

        if (!refused || !spec)
                return;
        (void)snprintf(field, sizeof(field), "\"%s\" (", refused);
        if (spec_check(spec, problem, sizeof(problem)) != -EPERM)
                fail_msg("%s was not refused", quadlet);
        if (strncmp(problem, field, strlen(field)) != 0)
                fail_msg("%s was refused for another field: %s", quadlet, problem);
        if (strncmp(quadlet, "PodmanArgs=", 11) != 0 && !names_key(problem, quadlet))
                fail_msg("%s is not named in: %s", quadlet, problem);
}

static void refuses_every_dangerous_key_and_option_by_its_name(_unused_ void **state) {
        for_each(check_refusal);
}

static void check_permission(const char *quadlet, const char *refused, json_object *spec) {
        char problem[DETAIL_SIZE] = "";

        if (refused)
                return;
        if (!spec)
                fail_msg("%s was never recorded", quadlet);
        if (spec_check(spec, problem, sizeof(problem)) != 0)
                fail_msg("%s was refused: %s", quadlet, problem);
}

static void permits_what_a_profile_may_say(_unused_ void **state) {
        for_each(check_permission);
}

static void refuses_a_field_that_it_does_not_know(_unused_ void **state) {
        _cleanup_json_ json_object *full = with("quantumTunnel", "{\"to\":\"/etc\"}");
        _cleanup_json_ json_object *empty = with("quantumTunnel", "{}");
        char problem[DETAIL_SIZE] = "";

        assert_int_equal(spec_check(full, problem, sizeof(problem)), -EPERM);
        assert_non_null(strstr(problem, "\"quantumTunnel\" is {\"to\":"));
        assert_int_equal(spec_check(empty, problem, sizeof(problem)), 0);
}

static void refuses_what_is_no_container(_unused_ void **state) {
        static const char *const texts[] = { "[]", "{}", "{\"image\":\"\"}", "{\"image\":7}",
                                             "{\"image\":[\"x\"]}" };
        char problem[DETAIL_SIZE];

        assert_int_equal(spec_check(NULL, problem, sizeof(problem)), -EPERM);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_json_ json_object *o = parse(texts[i]);

                assert_int_equal(spec_check(o, problem, sizeof(problem)), -EPERM);
        }
}

/* Deny by default, field by field: only fields of which nothing is taken over may hold anything. */
static void refuses_a_value_of_the_wrong_kind_in_every_field(_unused_ void **state) {
        static const char *const values[] = { "7",          "-1",
                                              "\"zz top\"", "[\"zz\\u0007\"]",
                                              "[7]",        "{\"zz\":{\"zz\":1}}",
                                              "1.5",        "[{}]" };
        char problem[DETAIL_SIZE];

        for (size_t i = 0; i < spec_fields_n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
                        _cleanup_json_ json_object *spec = with(spec_fields[i].name, values[j]);
                        bool any = spec_fields[i].values && strcmp(spec_fields[i].values, "*") == 0;
                        int r = spec_check(spec, problem, sizeof(problem));

                        if (r != (any ? 0 : -EPERM))
                                fail_msg("\"%s\": %s gives %d", spec_fields[i].name, values[j], r);
                }
}

static void takes_each_field_once(_unused_ void **state) {
        for (size_t i = 0; i < spec_fields_n; i++)
                assert_ptr_equal(spec_field_find(spec_fields[i].name), &spec_fields[i]);
}

static void judges_single_values(_unused_ void **state) {
        static const struct {
                const char *field;
                const char *json;
                bool good;
        } cases[] = {
                { "image",             "\"example.org:5000/a/b@sha256:00\"",       true  },
                { "image",             "\"-v\"",                                   false },
                { "image",             "\"/etc\"",                                 false },
                { "image",             "\"a b\"",                                  false },
                { "env",               "{\"A\":\"\"}",                             true  },
                { "env",               "{\"A\":7}",                                false },
                { "env",               "{\"\":\"x\"}",                             false },
                { "env",               "{\"A=B\":\"x\"}",                          false },
                { "env",               "{\"A\":\"x\\u0000y\"}",                    false },
                { "labels",            "{\"x\":\"y\"}",                            true  },
                { "labels",            "{\"io.cloche.driver\":\"y\"}",             true  },
                { "labels",            "{\"io.cloche.lifetime-sec\":\"9\"}",       true  },
                { "labels",            "{\"io.cloche\":\"y\"}",                    false },
                { "labels",            "{\"io.cloche.uid\":\"0\"}",                false },
                { "labels",            "{\"PODMAN_SYSTEMD_UNIT\":\"y\"}",          false },
                { "mask",              "[\"/proc/x\"]",                            true  },
                { "mask",              "[\"/proc/x:/etc\"]",                       false },
                { "mask",              "[\"proc\"]",                               false },
                { "work_dir",          "\"/a/../b\"",                              false },
                { "work_dir",          "\"/a\"",                                   true  },
                { "timezone",          "\"/etc/shadow\"",                          false },
                { "timezone",          "\"Etc/GMT+1\"",                            true  },
                { "shm_size",          "4096",                                     true  },
                { "shm_size",          "4095",                                     false },
                { "shm_size",          "-4096",                                    false },
                { "netns",             "{\"nsmode\":\"none\"}",                    true  },
                { "netns",             "{\"nsmode\":\"nonesuch\"}",                false },
                { "pidns",             "{\"nsmode\":\"private\",\"value\":\"x\"}", false },
                { "userns",            "{\"nsmode\":\"private\"}",                 false },
                { "log_configuration", "{\"driver\":\"none\",\"path\":\"/x\"}",    false },
                { "idmappings",        "{\"AutoUserNs\":true}",                    false },
                { "idmappings",        "{\"AutoUserNsOpts\":{\"Size\":1}}",        false },
                { "stop_timeout",      "10",                                       true  },
                { "stop_timeout",      "11",                                       false },
                { "user",              "\"0 0:0\"",                                false },
                { "systemd",           "\"always\"",                               false },
                { "annotations",       "null",                                     true  },
        };
        char problem[DETAIL_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *spec = with(cases[i].field, cases[i].json);

                if ((spec_check(spec, problem, sizeof(problem)) == 0) != cases[i].good)
                        fail_msg("\"%s\": %s", cases[i].field, cases[i].json);
        }
}

static void judges_tmpfs_mounts(_unused_ void **state) {
        static const struct {
                const char *mount;
                bool good;
        } cases[] = {
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",          true  },
                { "{\"destination\":\"/runner\",\"type\":\"tmpfs\"}",                          true  },
                { "{\"destination\":\"/run\",\"type\":\"tmpfs\"}",                             true  },
                { "{\"destination\":\"/deva\",\"type\":\"tmpfs\"}",                            true  },
                { "{\"destination\":\"/.cloche\",\"type\":\"tmpfs\"}",                         false },
                { "{\"destination\":\"/run/cloche/1\",\"type\":\"tmpfs\"}",                    false },
                { "{\"destination\":\"/dev\",\"type\":\"tmpfs\"}",                             false },
                { "{\"destination\":\"/a/../proc\",\"type\":\"tmpfs\"}",                       false },
                { "{\"destination\":\"//proc\",\"type\":\"tmpfs\"}",                           false },
                { "{\"destination\":\"/proc/\",\"type\":\"tmpfs\"}",                           false },
                { "{\"destination\":\"/./proc\",\"type\":\"tmpfs\"}",                          false },
                { "{\"destination\":\"/\",\"type\":\"tmpfs\"}",                                false },
                { "{\"destination\":\"a\",\"type\":\"tmpfs\"}",                                false },
                { "{\"destination\":\"/a\\u0000b\",\"type\":\"tmpfs\"}",                       false },
                { "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/\"}",               false },
                { "{\"destination\":\"/a\",\"type\":\"TMPFS\"}",                               false },
                { "{\"destination\":\"/a\"}",                                                  false },
                { "{\"type\":\"tmpfs\"}",                                                      false },
                { "7",                                                                         false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"uidMappings\":[1]}",           false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":\"rw\"}",            false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[7]}",               false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"mode=07777\"]}",
                 false                                                                               },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"mode=1777\"]}",   true  },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"rshared\"]}",     false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=1\"]}",      true  },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=0\"]}",      false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=\"]}",       false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=1gb\"]}",    false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=-1\"]}",     false },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"nr_inodes=9\"]}",
                 true                                                                                },
                { "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"U\"]}",           false },
        };
        char problem[DETAIL_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *json = NULL;
                _cleanup_json_ json_object *spec = NULL;

                assert_true(asprintf(&json, "[%s]", cases[i].mount) > 0);
                spec = with("mounts", json);
                if ((spec_check(spec, problem, sizeof(problem)) == 0) != cases[i].good)
                        fail_msg("%s", cases[i].mount);
        }
}

static void reads_the_size_of_work(_unused_ void **state) {
        static const struct {
                const char *options;
                uint64_t size;
        } cases[] = {
                { "[\"size=65536\"]",                      65536       },
                { "[\"size=64k\"]",                        64 * KIB    },
                { "[\"rw\",\"size=256m\"]",                256 * MIB   },
                { "[\"size=1m\",\"size=2G\"]",             2 * GIB     },
                { "[\"rw\"]",                              LIMIT_UNSET },
                { "null",                                  LIMIT_UNSET },
                { "[\"size=99999999999g\"]",               LIMIT_UNSET },
                { "[\"size=99999999999999999999999999\"]", LIMIT_UNSET },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *json = NULL;
                _cleanup_json_ json_object *spec = NULL;

                assert_true(asprintf(&json,
                                     "[{\"destination\":\"/x\",\"options\":[\"size=1\"]},"
                                     "{\"destination\":\"/work\",\"options\":%s}]",
                                     cases[i].options) > 0);
                spec = with("mounts", json);
                assert_int_equal(spec_work_bytes(spec), cases[i].size);
        }
        assert_int_equal(spec_work_bytes(baseline), 256 * MIB);
}

static void cuts_a_long_value_in_its_sentence(_unused_ void **state) {
        char value[2000], problem[DETAIL_SIZE];
        _cleanup_json_ json_object *spec = NULL;

        memset(value, 'x', sizeof(value));
        value[0] = '"';
        memcpy(value + sizeof(value) - 2, "\"", 2);
        spec = with("pod", value);
        assert_int_equal(spec_check(spec, problem, sizeof(problem)), -EPERM);
        assert_true(strlen(problem) < 200);
        assert_non_null(strstr(problem, "a profile may not set it"));
}

/* -- the completion -------------------------------------------------------------------------- */

#define IMAGE_ID "1111111111111111111111111111111111111111111111111111111111111111"

static json_object *complete(json_object *checked, bool system_mode) {
        static const char *const labels[] = { "io.cloche.sandbox", "s0", "io.cloche.language",
                                              "own" };
        static const SpecFile files[] = {
                { "/run/cloche-launcher/sandbox/s0.meminfo", "/proc/meminfo" }
        };
        json_object *spec = NULL;
        SpecSandbox s = {
                .name = "cloche-s0",
                .image_id = IMAGE_ID,
                .cgroup_parent = "/cloche.slice/cloche-s0.scope",
                .paths = {
                        .guest = "/usr/libexec/cloche/cloche-guest",
                        .drivers = "/usr/libexec/cloche/drivers",
                        .channel = "/run/cloche-launcher/sandbox/s0",
                },
                .system_mode = system_mode,
                .work_bytes = 1234567,
                .memory_bytes = 256 << 20,
                .cpu_percent = 150,
                .cpus = 2,
                .files = files,
                .n_files = ARRAY_SIZE(files),
                .labels = labels,
                .n_labels = 2,
        };

        assert_int_equal(spec_complete(checked, &s, &spec), 0);
        return spec;
}

static void assert_json(json_object *o, const char *name, const char *expected) {
        _cleanup_json_ json_object *e = json_tokener_parse(expected);
        json_object *value = NULL;

        if (!json_object_object_get_ex(o, name, &value))
                fail_msg("\"%s\" is missing", name);
        if (!json_object_equal(value, e))
                fail_msg("\"%s\" is %s, not %s", name, json_object_to_json_string(value), expected);
}

/* What makes a sandbox one, whatever its profile says. */
static void assert_is_sandbox(json_object *spec) {
        assert_json(spec, "cap_drop", "[\"all\"]");
        assert_json(spec, "cap_add", "[\"setuid\",\"setgid\",\"setpcap\",\"kill\"]");
        assert_json(spec, "no_new_privileges", "true");
        assert_json(spec, "privileged", "false");
        assert_json(spec, "read_only_filesystem", "true");
        assert_json(spec, "seccomp_policy", "\"default\"");
        assert_json(spec, "user", "\"0:0\"");
        assert_json(spec, "netns", "{\"nsmode\":\"none\"}");
        assert_json(spec, "pidns", "{\"nsmode\":\"private\"}");
        assert_json(spec, "ipcns", "{\"nsmode\":\"private\"}");
        assert_json(spec, "utsns", "{\"nsmode\":\"private\"}");
        assert_json(spec, "cgroupns", "{\"nsmode\":\"private\"}");
        assert_json(spec, "hostname", "\"cloche\"");
        assert_json(spec, "image", "\"" IMAGE_ID "\"");
        assert_json(spec, "raw_image_name", "\"" IMAGE_ID "\"");
        assert_json(spec, "image_volume_mode", "\"ignore\"");
        assert_json(spec, "httpproxy", "false");
        assert_json(spec, "env_host", "false");
        assert_json(spec, "systemd", "\"false\"");
        assert_json(spec, "sdnotifyMode", "\"ignore\"");
        assert_json(spec, "log_configuration", "{\"driver\":\"none\"}");
        assert_json(spec, "healthconfig", "{\"Test\":[\"NONE\"]}");
        assert_json(spec, "r_limits", "[{\"type\":\"core\",\"soft\":1,\"hard\":1}]");
        assert_json(spec, "entrypoint", "[\"/.cloche/guest\"]");
        assert_json(spec, "command", "[]");
        assert_json(spec, "cgroup_parent", "\"/cloche.slice/cloche-s0.scope\"");
        assert_json(spec, "name", "\"cloche-s0\"");
        assert_json(spec, "remove", "false");
        assert_json(spec, "resource_limits",
                    "{\"memory\":{\"limit\":268435456,\"swap\":268435456},"
                    "\"cpu\":{\"quota\":150000,\"period\":100000}}");
}

/* Nothing stands there but what is meant to. */
static void assert_has_no_other_field(json_object *spec) {
        static const char known[] =
                " cap_drop cap_add no_new_privileges privileged seccomp_policy user umask "
                "read_only_filesystem read_write_tmpfs volatile image_volume_mode netns pidns ipcns "
                "utsns cgroupns hostname base_hosts_file httpproxy env_host systemd sdnotifyMode init "
                "terminal stdin log_configuration healthconfig restart_policy stop_timeout remove "
                "manage_password r_limits entrypoint command name image raw_image_name cgroup_parent "
                "userns idmappings mounts labels env mask work_dir timezone shm_size "
                "resource_limits ";

        json_object_object_foreach(spec, name, value) {
                char word[80];

                (void)snprintf(word, sizeof(word), " %s ", name);
                if (!strstr(known, word))
                        fail_msg("\"%s\": %s", name, json_object_to_json_string(value));
        }
}

static json_object *find_mount(json_object *spec, const char *destination) {
        json_object *mounts = podman_json_get(spec, "mounts", json_type_array), *found = NULL;

        for (size_t i = 0; i < json_object_array_length(mounts); i++) {
                json_object *m = json_object_array_get_idx(mounts, i);

                if (strcmp(podman_json_get_string(m, "destination"), destination) == 0) {
                        assert_null(found);
                        found = m;
                }
        }
        return found;
}

static void check_completion(const char *quadlet, const char *refused, json_object *spec) {
        if (refused)
                return;
        (void)quadlet;
        for (int mode = 0; mode < 2; mode++) {
                _cleanup_json_ json_object *done = complete(spec, mode);
                json_object *mount;

                assert_is_sandbox(done);
                assert_has_no_other_field(done);
                mount = find_mount(done, "/.cloche/guest");
                assert_json(mount, "type", "\"bind\"");
                assert_json(mount, "source", "\"/usr/libexec/cloche/cloche-guest\"");
                assert_json(mount, "options", "[\"ro\",\"exec\",\"nosuid\",\"nodev\"]");
                mount = find_mount(done, "/.cloche/drivers");
                assert_json(mount, "source", "\"/usr/libexec/cloche/drivers\"");
                assert_json(mount, "options", "[\"ro\",\"noexec\",\"nosuid\",\"nodev\"]");
                mount = find_mount(done, "/.cloche/channel");
                assert_json(mount, "source", "\"/run/cloche-launcher/sandbox/s0\"");
                assert_json(mount, "options", "[\"ro\",\"noexec\",\"nosuid\",\"nodev\"]");
                mount = find_mount(done, "/proc/meminfo");
                assert_json(mount, "source", "\"/run/cloche-launcher/sandbox/s0.meminfo\"");
                assert_json(mount, "options", "[\"ro\",\"noexec\",\"nosuid\",\"nodev\"]");
                mount = find_mount(done, "/work");
                assert_json(
                        mount, "options",
                        "[\"rw\",\"exec\",\"nosuid\",\"nodev\",\"mode=1777\",\"size=1234567\"]");
                assert_non_null(find_mount(done, "/tmp"));
        }
}

static void makes_a_sandbox_of_every_profile(_unused_ void **state) {
        for_each(check_completion);
}

/* The check may be wrong; the completion must not carry on what it let pass. */
static void makes_a_sandbox_even_of_what_was_not_checked(_unused_ void **state) {
        _cleanup_json_ json_object *spec = copy_of(baseline);

        for (size_t i = 0; i < spec_fields_n; i++) {
                const char *name = spec_fields[i].name;

                if (spec_fields[i].check == NULL)
                        json_object_object_add(spec, name, json_tokener_parse("[\"evil\"]"));
        }
        json_object_object_add(spec, "quantumTunnel", json_object_new_string("evil"));
        for (int mode = 0; mode < 2; mode++) {
                _cleanup_json_ json_object *done = complete(spec, mode);

                assert_is_sandbox(done);
                assert_has_no_other_field(done);
                assert_null(strstr(json_object_to_json_string(done), "evil"));
        }
}

static void chooses_the_user_namespace_by_mode(_unused_ void **state) {
        _cleanup_json_ json_object *system = complete(baseline, true);
        _cleanup_json_ json_object *user = complete(baseline, false);

        assert_json(system, "userns", "{\"nsmode\":\"auto\",\"value\":\"size=65536\"}");
        assert_json(podman_json_get(system, "idmappings", json_type_object), "AutoUserNs", "true");
        assert_json(podman_json_get(podman_json_get(system, "idmappings", json_type_object),
                                    "AutoUserNsOpts", json_type_object),
                    "Size", "65536");
        assert_null(podman_json_get(user, "userns", json_type_object));
        assert_null(podman_json_get(user, "idmappings", json_type_object));
}

static void keeps_what_is_the_profiles_to_say(_unused_ void **state) {
        _cleanup_json_ json_object *spec = copy_of(baseline), *done = NULL;
        json_object *labels;

        json_object_object_add(
                spec, "env",
                json_tokener_parse("{\"A\":\"b\",\"HOME\":\"/x\",\"GOMAXPROCS\":\"7\"}"));
        json_object_object_add(spec, "mask", json_tokener_parse("[\"/opt\"]"));
        json_object_object_add(spec, "timezone", json_tokener_parse("\"Asia/Tokyo\""));
        json_object_object_add(spec, "shm_size", json_tokener_parse("1048576"));
        json_object_object_add(spec, "work_dir", json_tokener_parse("\"/opt\""));
        done = complete(spec, true);

        assert_json(
                done, "env",
                "{\"A\":\"b\",\"HOME\":\"/x\",\"GOMAXPROCS\":\"7\",\"OMP_NUM_THREADS\":\"2\","
                "\"PYTHON_CPU_COUNT\":\"2\",\"RAYON_NUM_THREADS\":\"2\","
                "\"PIP_RETRIES\":\"0\",\"NPM_CONFIG_FETCH_RETRIES\":\"0\",\"CARGO_NET_RETRY\":\"0\"}");
        assert_json(done, "timezone", "\"Asia/Tokyo\"");
        assert_json(done, "shm_size", "1048576");
        assert_json(done, "work_dir", "\"/opt\"");
        assert_non_null(strstr(json_object_to_json_string_ext(
                                       podman_json_get(done, "mask", json_type_array),
                                       JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                               "[\"/opt\",\"/proc/cmdline\""));
        labels = podman_json_get(done, "labels", json_type_object);
        assert_json(labels, "io.cloche.interpreter", "\"bash\"");
        assert_json(labels, "io.cloche.sandbox", "\"s0\"");
        assert_json(labels, "io.cloche.language", "\"own\""); /* ours win */
}

static void fills_in_what_a_profile_leaves_open(_unused_ void **state) {
        _cleanup_json_ json_object *spec = parse("{\"image\":\"localhost/x\"}");
        _cleanup_json_ json_object *done = complete(spec, false);

        assert_json(
                done, "env",
                "{\"HOME\":\"/work\",\"OMP_NUM_THREADS\":\"2\",\"PYTHON_CPU_COUNT\":\"2\","
                "\"GOMAXPROCS\":\"2\",\"RAYON_NUM_THREADS\":\"2\","
                "\"PIP_RETRIES\":\"0\",\"NPM_CONFIG_FETCH_RETRIES\":\"0\",\"CARGO_NET_RETRY\":\"0\"}");
        assert_json(done, "shm_size", "67108864");
        assert_json(done, "work_dir", "\"/work\"");
        assert_json(find_mount(done, "/work"), "options",
                    "[\"rw\",\"exec\",\"nosuid\",\"nodev\",\"mode=1777\",\"size=1234567\"]");
}

static void gives_shm_no_more_than_the_memory(_unused_ void **state) {
        _cleanup_json_ json_object *spec = parse("{\"image\":\"x\",\"shm_size\":268435457}");
        _cleanup_json_ json_object *done = complete(spec, false);

        assert_int_equal(spec_shm_bytes(spec), 268435457);
        assert_json(done, "shm_size", "268435456");
        json_object_object_del(spec, "shm_size");
        assert_int_equal(spec_shm_bytes(spec), LIMIT_UNSET);
}

static void leaves_the_checked_spec_as_it_is(_unused_ void **state) {
        _cleanup_json_ json_object *before = copy_of(baseline);
        _cleanup_json_ json_object *done = complete(baseline, true);

        json_object_object_add(podman_json_get(done, "env", json_type_object), "X",
                               json_object_new_string("y"));
        assert_true(json_object_equal(before, baseline));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refuses_every_dangerous_key_and_option_by_its_name),
                cmocka_unit_test(permits_what_a_profile_may_say),
                cmocka_unit_test(refuses_a_field_that_it_does_not_know),
                cmocka_unit_test(refuses_what_is_no_container),
                cmocka_unit_test(refuses_a_value_of_the_wrong_kind_in_every_field),
                cmocka_unit_test(takes_each_field_once),
                cmocka_unit_test(judges_single_values),
                cmocka_unit_test(judges_tmpfs_mounts),
                cmocka_unit_test(reads_the_size_of_work),
                cmocka_unit_test(cuts_a_long_value_in_its_sentence),
                cmocka_unit_test(makes_a_sandbox_of_every_profile),
                cmocka_unit_test(makes_a_sandbox_even_of_what_was_not_checked),
                cmocka_unit_test(chooses_the_user_namespace_by_mode),
                cmocka_unit_test(keeps_what_is_the_profiles_to_say),
                cmocka_unit_test(fills_in_what_a_profile_leaves_open),
                cmocka_unit_test(gives_shm_no_more_than_the_memory),
                cmocka_unit_test(leaves_the_checked_spec_as_it_is),
        };

        return cmocka_run_group_tests(tests, load_baseline, drop_baseline);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deny by default: a field that is not in the table may only be empty, and one that is may only
 * have what its row says. "*" is for fields of which nothing is taken over, because spec.c sets
 * them itself.
 *
 * Rows were made from the fields of Podman 5.0 to 5.8 and from recordings of every Quadlet key and
 * podman option that sets one (tests/unit/data). A later Podman's new field has no row and is
 * refused by its name. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/utf8.h"
#include "launcher/spec-field.h"
#include "launcher/spec-value.h"

#define LIMITS_INSTEAD "say MemoryMax=, TasksMax= and CPUQuota= in [Service]"

#define ANY(name, cause)            { name, cause, "*", NULL, NULL }
#define ONLY(name, cause, values)   { name, cause, values, NULL, NULL }
#define CHECK(name, cause, check)   { name, cause, NULL, check, NULL }
#define NEVER(name, cause)          { name, cause, NULL, NULL, NULL }
#define INSTEAD(name, cause, words) { name, cause, NULL, NULL, words }

const SpecField spec_fields[] = {
        /* what is Cloche's to decide, whatever stands there */
        ANY("name", "ContainerName="),
        ANY("hostname", "HostName="),
        ANY("raw_image_name", "Image="),
        ANY("containerCreateCommand", "every key"),
        ANY("cap_drop", "DropCapability="),
        ANY("no_new_privileges", "NoNewPrivileges="),
        ANY("read_only_filesystem", "ReadOnly="),
        ANY("read_write_tmpfs", "ReadOnlyTmpfs="),
        ANY("httpproxy", "HttpProxy="),
        ANY("remove", "PodmanArgs=--rm"),
        ANY("volatile", "Podman's default"),
        ANY("use_image_hosts", "PodmanArgs=--no-hosts"),
        ANY("use_image_hostname", "PodmanArgs=--no-hostname"),
        ANY("use_image_resolve_conf", "Podman's default"),
        ONLY("base_hosts_file", "PodmanArgs=--hosts-file", "none image"),
        ONLY("image_volume_mode", "PodmanArgs=--image-volume", "anonymous ignore"),
        ONLY("systemd", "PodmanArgs=--systemd", "true false"),
        ONLY("sdnotifyMode", "Notify=", "container ignore"),
        ONLY("user", "User=", "root root:root 0 0:0"),
        ONLY("stop_timeout", "StopTimeout=", "10"),
        ONLY("umask", "PodmanArgs=--umask", "0022"),
        ONLY("manage_password", "PodmanArgs=--passwd", "true"),
        ONLY("seccomp_policy", "PodmanArgs=--seccomp-policy", "default"),
        ONLY("healthLogDestination", "HealthLogDestination=", "local"),
        ONLY("healthMaxLogCount", "HealthMaxLogCount=", "5"),
        ONLY("healthMaxLogSize", "HealthMaxLogSize=", "500"),
        CHECK("healthconfig", "HealthCmd= and its like", spec_value_check_health),
        CHECK("log_configuration", "LogDriver=, LogOpt=", spec_value_check_log),

        /* rights */
        NEVER("privileged", "PodmanArgs=--privileged"),
        NEVER("cap_add", "AddCapability="),
        NEVER("devices", "AddDevice="),
        NEVER("device_cgroup_rule", "PodmanArgs=--device-cgroup-rule"),
        NEVER("devices_from", "PodmanArgs=--volumes-from"),
        NEVER("host_device_list", "AddDevice="),
        NEVER("seccomp_profile_path", "SeccompProfile="),
        NEVER("apparmor_profile", "AppArmor="),
        NEVER("label_nested", "SecurityLabelNested="),
        NEVER("selinux_opts", "SecurityLabelDisable=, SecurityLabelType=, SecurityLabelLevel=, "
                              "SecurityLabelFileType="),
        NEVER("unmask", "Unmask="),
        NEVER("procfs_opts", "PodmanArgs=--security-opt=proc-opts"),
        NEVER("sysctl", "Sysctl="),
        NEVER("groups", "GroupAdd="),
        NEVER("personality", "PodmanArgs=--personality"),

        /* namespaces */
        NEVER("userns", "UserNS=, UIDMap=, GIDMap="),
        CHECK("idmappings", "UIDMap=, GIDMap=, SubUIDMap=, SubGIDMap=", spec_value_check_mappings),
        CHECK("pidns", "PodmanArgs=--pid", spec_value_check_namespace),
        CHECK("ipcns", "PodmanArgs=--ipc", spec_value_check_namespace),
        CHECK("utsns", "PodmanArgs=--uts", spec_value_check_namespace),
        CHECK("cgroupns", "PodmanArgs=--cgroupns", spec_value_check_namespace),
        NEVER("pod", "Pod="),
        NEVER("init_container_type", "PodmanArgs=--init-ctr"),
        NEVER("dependencyContainers", "PodmanArgs=--requires"),
        NEVER("namespace", "GlobalArgs=--namespace"),

        /* network */
        CHECK("netns", "Network=", spec_value_check_network),
        NEVER("Networks", "Network="),
        NEVER("cni_networks", "Network="),
        NEVER("network_options", "Network="),
        NEVER("portmappings", "PublishPort="),
        NEVER("expose", "ExposeHostPort="),
        NEVER("publish_image_ports", "PodmanArgs=--publish-all"),
        NEVER("dns_server", "DNS="),
        NEVER("dns_search", "DNSSearch="),
        NEVER("dns_option", "DNSOption="),
        NEVER("hostadd", "AddHost="),

        /* the host's files */
        NEVER("rootfs", "Rootfs="),
        NEVER("volumes", "Volume=, Mount=type=volume"),
        NEVER("overlay_volumes", "Volume=…:O"),
        NEVER("image_volumes", "Mount=type=image"),
        NEVER("artifact_volumes", "Mount=type=artifact"),
        NEVER("volumes_from", "PodmanArgs=--volumes-from"),
        NEVER("secrets", "Secret="),
        NEVER("secret_env", "Secret=…,type=env"),
        NEVER("rootfs_overlay", "Rootfs=…:O"),
        NEVER("rootfs_mapping", "Rootfs=…:idmap"),
        NEVER("rootfs_propagation", "PodmanArgs=--volume"),
        NEVER("storage_opts", "PodmanArgs=--storage-opt"),
        NEVER("chroot_directories", "PodmanArgs=--chrootdirs"),
        NEVER("env_host", "EnvironmentHost="),
        NEVER("hostusers", "PodmanArgs=--hostuser"),
        NEVER("conmon_pid_file", "PodmanArgs=--conmon-pidfile"),

        /* limits */
        INSTEAD("weightDevice", "PodmanArgs=--blkio-weight-device", LIMITS_INSTEAD),
        INSTEAD("throttleReadBpsDevice", "PodmanArgs=--device-read-bps", LIMITS_INSTEAD),
        INSTEAD("throttleWriteBpsDevice", "PodmanArgs=--device-write-bps", LIMITS_INSTEAD),
        INSTEAD("throttleReadIOPSDevice", "PodmanArgs=--device-read-iops", LIMITS_INSTEAD),
        INSTEAD("throttleWriteIOPSDevice", "PodmanArgs=--device-write-iops", LIMITS_INSTEAD),
        INSTEAD("unified", "PodmanArgs=--cgroup-conf", LIMITS_INSTEAD),
        INSTEAD("intelRdt", "PodmanArgs=--rdt-class", LIMITS_INSTEAD),
        INSTEAD("resource_limits", "PidsLimit=, Memory=, PodmanArgs=--cpus and their like",
                LIMITS_INSTEAD),
        INSTEAD("r_limits", "Ulimit=", LIMITS_INSTEAD),
        INSTEAD("timeout", "PodmanArgs=--timeout", "say Label=io.cloche.timeout-sec="),
        NEVER("oom_score_adj", "PodmanArgs=--oom-score-adj"),
        NEVER("cgroup_parent", "PodmanArgs=--cgroup-parent"),
        NEVER("cgroups_mode", "CgroupsMode="),
        NEVER("shm_size_systemd", "PodmanArgs=--shm-size-systemd"),

        /* what runs, and how */
        INSTEAD("command",
                "Exec=", "say Label=io.cloche.interpreter=; a sandbox runs what its client sends"),
        INSTEAD("entrypoint", "Entrypoint=",
                "say Label=io.cloche.interpreter=; a sandbox runs what its client sends"),
        NEVER("init", "RunInit="),
        NEVER("init_path", "PodmanArgs=--init-path"),
        NEVER("terminal", "PodmanArgs=--tty"),
        NEVER("stdin", "PodmanArgs=--interactive"),
        NEVER("envmerge", "PodmanArgs=--env-merge"),
        NEVER("unsetenv", "PodmanArgs=--unsetenv"),
        NEVER("unsetenvall", "PodmanArgs=--unsetenv-all"),
        NEVER("passwd_entry", "PodmanArgs=--passwd-entry"),
        NEVER("group_entry", "PodmanArgs=--group-entry"),
        NEVER("create_working_dir", "WorkingDir="),
        NEVER("stop_signal", "StopSignal="),
        NEVER("restart_policy", "PodmanArgs=--restart"),
        NEVER("restart_tries", "PodmanArgs=--restart"),
        NEVER("removeImage", "PodmanArgs=--rmi"),
        NEVER("oci_runtime", "GlobalArgs=--runtime"),
        NEVER("image_os", "PodmanArgs=--os"),
        NEVER("image_arch", "PodmanArgs=--arch"),
        NEVER("image_variant", "PodmanArgs=--variant"),
        NEVER("health_check_on_failure_action", "HealthOnFailure="),
        NEVER("startupHealthConfig", "HealthStartupCmd="),

        /* what a profile is made of */
        CHECK("image", "Image=", spec_value_check_image),
        CHECK("env", "Environment=, EnvironmentFile=", spec_value_check_env),
        CHECK("labels", "Label=, AutoUpdate=", spec_value_check_labels),
        CHECK("mounts", "Tmpfs=, Mount=, Volume=", spec_value_check_mounts),
        CHECK("work_dir", "WorkingDir=", spec_value_check_work_dir),
        CHECK("timezone", "Timezone=", spec_value_check_timezone),
        CHECK("mask", "Mask=", spec_value_check_paths),
        CHECK("shm_size", "ShmSize=", spec_value_check_shm_size),

        /* last, because Podman notes half of the above here as well */
        NEVER("annotations", "Annotation="),
};
const size_t spec_fields_n = ARRAY_SIZE(spec_fields);

const SpecField *spec_field_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(spec_fields); i++)
                if (strcmp(spec_fields[i].name, name) == 0)
                        return &spec_fields[i];
        return NULL;
}

static bool is_listed(const char *words, json_object *value) {
        const char *text = json_object_get_string(value);
        size_t n = text ? strlen(text) : 0;

        if (n == 0 || json_object_is_type(value, json_type_array) ||
            json_object_is_type(value, json_type_object))
                return false;
        for (const char *p = words; *p;) {
                size_t word = strcspn(p, " ");

                if (word == n && memcmp(p, text, n) == 0)
                        return true;
                p += word + strspn(p + word, " ");
        }
        return false;
}

int spec_field_check(const SpecField *field, json_object *value, char *problem,
                     size_t problem_size) {
        char why[192] = "a profile may not set it";
        const char *text;

        if (field->values && strcmp(field->values, "*") == 0)
                return 0;
        if (spec_value_is_empty(value))
                return 0;
        if (field->values && is_listed(field->values, value))
                return 0;
        if (field->check && field->check(value, why, sizeof(why)) == 0)
                return 0;

        text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE);
        text = text ? text : "";
        return spec_refuse(problem, problem_size, "\"%s\" (%s) is %.*s: %s%s%s", field->name,
                           field->cause, (int)utf8_cut(text, strlen(text), 80), text, why,
                           field->instead ? "; " : "", field->instead ? field->instead : "");
}

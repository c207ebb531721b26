# SPDX-License-Identifier: LGPL-2.1-or-later

"""Profiles as administrators make and change them: Quadlet files and drop-ins, through systemd's own
generator. Every key that would open a sandbox is refused, by the name of the field and of the file."""

import pathlib

import pytest

import machine
from client import RpcError

# Each key or option, and the word of the refusal that names what it set: our own field where the
# option got so far, and the option where Podman's client refuses it already.
DANGEROUS = [
    ("AddCapability=SYS_ADMIN", "cap_add"),
    ("AddDevice=/dev/null", "devices"),
    ("AddHost=example:10.0.0.1", "hostadd"),
    ("Annotation=run.oci.handler=krun", "annotations"),
    ("DNS=192.0.2.1", "dns"),
    ("EnvironmentHost=true", "env"),
    ("Entrypoint=/bin/sh", "entrypoint"),
    ("Exec=/bin/sh -c true", "command"),
    ("ExposeHostPort=80", "expose"),
    ("GIDMap=0:0:10", "userns"),
    ("GroupAdd=27", "groups"),
    ("GroupAdd=keep-groups", "group-add"),
    ("HealthCmd=/bin/true", "healthconfig"),
    ("LogDriver=journald", "log_configuration"),
    ("Mount=type=bind,source=/etc,destination=/host", "mounts"),
    ("Mount=type=devpts,destination=/dev/pts", "mounts"),
    ("Network=\nNetwork=host", "netns"),
    ("Network=\nNetwork=container:other", "netns"),
    ("Network=\nNetwork=slirp4netns", "netns"),
    ("PidsLimit=1000000", "resource_limits"),
    ("PodmanArgs=--privileged", "privileged"),
    ("PodmanArgs=--pid=host", "pidns"),
    ("PodmanArgs=--ipc=host", "ipcns"),
    ("PodmanArgs=--uts=host", "utsns"),
    ("PodmanArgs=--cgroupns=host", "cgroupns"),
    ("PodmanArgs=--cgroup-parent=/", "cgroup_parent"),
    ("PodmanArgs=--memory=4g", "resource_limits"),
    ("PodmanArgs=--oom-score-adj=-1000", "oom_score_adj"),
    ("PodmanArgs=--restart=always", "restart_policy"),
    ("PodmanArgs=--device-cgroup-rule=\"c 1:3 rwm\"", "device_cgroup_rule"),
    ("PodmanArgs=--volume=/var/empty:/x:O", "overlay_volumes"),
    ("PodmanArgs=--volumes-from=other", "volumes_from"),
    ("PodmanArgs=--systemd=always", "systemd"),
    ("PodmanArgs=--tty", "terminal"),
    ("PodmanArgs=--unsetenv-all", "unsetenvall"),
    ("PublishPort=8080:80", "portmappings"),
    ("Secret=token", "secrets"),
    ("SeccompProfile=unconfined", "seccomp_profile_path"),
    ("Sysctl=net.ipv4.ip_forward=1", "sysctl"),
    ("Tmpfs=/.cloche:rw", "mounts"),
    ("Tmpfs=/proc:rw", "mounts"),
    ("Tmpfs=/work/../proc:rw", "mounts"),
    ("Tmpfs=/x:rw,dev", "mounts"),
    ("Ulimit=nofile=1000000:1000000", "r_limits"),
    ("Unmask=ALL", "unmask"),
    ("User=1234", "user"),
    ("UserNS=host", "userns"),
    ("UserNS=keep-id", "userns"),
    ("Volume=/etc:/host", "mounts"),
    ("Volume=data:/data", "volumes"),
]


def container(*lines, image="localhost/cloche-shell:latest", service=""):
    return "\n".join([
        "[Unit]", "Description=A test", "RefuseManualStart=yes", "[Container]", f"Image={image}",
        "Pull=never", "Network=none", "WorkingDir=/work",
        "Tmpfs=/work:rw,exec,nosuid,nodev,size=256m,mode=1777", "Label=io.cloche.language=shell",
        "Label=io.cloche.interpreter=bash", "Label=io.cloche.code-name=main.sh", *lines,
        "[Service]", service, ""])


def listed(client):
    return {p["name"]: p for p in client.call("profile.list", timeout=120)["profiles"]}


def test_every_dangerous_key_is_refused_by_field_and_file(mode, watch):
    names = {f"bad-{i:02}": case for i, case in enumerate(DANGEROUS)}
    contents = {name: container(line) for name, (line, _) in names.items()}
    with machine.quadlets(mode, **contents) as files, mode.connect() as client:
        profiles = listed(client)
        wrong = []
        for (name, (line, field)), file in zip(names.items(), files):
            problem = profiles.get(name, {}).get("problem") or ""
            if field not in problem or file not in problem:
                wrong.append(f"{line!r} should be refused by {field}: {problem!r}")
        assert not wrong, "\n".join(wrong)
        assert profiles["shell"]["problem"] is None, "the good one is still good"
        name = next(iter(names))
        with pytest.raises(RpcError) as caught:
            client.run(name, code="true")
        assert caught.value.reason == "profile_refused"
        assert names[name][1] in caught.value.detail
        assert files[0] in caught.value.detail
    watch.assert_clean_within(10)


def test_a_dangerous_drop_in_is_refused_and_its_removal_heals(mode, watch):
    with mode.connect() as client:
        assert client.sh("echo before").good() == "before\n"
        dropin = {"shell.d/50-test.conf": "[Container]\nPodmanArgs=--privileged\n"}
        with machine.quadlets(mode, **dropin):
            with pytest.raises(RpcError) as caught:
                client.sh("true")
            assert caught.value.reason == "profile_refused"
            assert "privileged" in caught.value.detail
            assert "cloche-shell.container" in caught.value.detail
        assert client.sh("echo after").good() == "after\n"
    watch.assert_clean_within(10)


def test_a_drop_in_for_every_container_is_refused_too(mode):
    directory = mode.quadlets / "container.d"
    machine.make_directory(mode, directory)
    file = directory / "50-test.conf"
    file.write_text("[Container]\nVolume=/etc:/host\n")
    mode.reload()
    try:
        with mode.connect() as client, pytest.raises(RpcError) as caught:
            client.sh("cat /host/shadow")
        assert caught.value.reason == "profile_refused"
        assert "mounts" in caught.value.detail
    finally:
        file.unlink()
        directory.rmdir()
        mode.reload()


def test_a_reload_brings_changed_limits_and_environment(mode, client):
    dropin = {"shell.d/50-test.conf": "[Container]\nEnvironment=GREETING=hello\n"
                                      "Tmpfs=\nTmpfs=/work:rw,size=8m,mode=1777\n"
                                      "[Service]\nMemoryMax=300M\nTasksMax=50\nCPUQuota=150%\n"}
    with machine.quadlets(mode, **dropin):
        limits = listed(client)["shell"]["limits"]
        assert limits["memory_bytes"] == 300 << 20
        assert (limits["tasks"], limits["cpu_percent"]) == (50, 150)
        assert limits["work_bytes"] == 8 << 20
        assert client.sh("echo $GREETING; df --output=size -m /work | tail -1 | tr -d ' '"
                         ).good() == "hello\n8\n"
        with pytest.raises(RpcError):
            client.sh("true", limits={"memory_bytes": 301 << 20})
    assert listed(client)["shell"]["limits"]["memory_bytes"] == 1 << 30
    assert client.sh("echo \"<$GREETING>\"").good() == "<>\n"


def test_a_new_file_is_a_new_profile(mode, client):
    text = container("Label=io.cloche.timeout-sec=4", service="MemoryMax=64M")
    with machine.quadlets(mode, mine=text):
        profile = listed(client)["mine"]
        assert profile["problem"] is None
        assert profile["limits"]["timeout_ms"] == 4000
        ended = client.run("mine", code="echo mine; sleep 9")
        assert (ended.status, ended.stdout) == ("timeout", b"mine\n")
    with pytest.raises(RpcError) as caught:
        client.run("mine", code="true")
    assert caught.value.reason == "unknown_profile"
    assert "mine" not in listed(client)


def test_a_profile_without_an_interpreter_runs_words_only(mode, client):
    text = "\n".join(line for line in container().splitlines() if "interpreter" not in line)
    with machine.quadlets(mode, words=text):
        assert client.run("words", argv=["echo", "word"]).good() == "word\n"
        with pytest.raises(RpcError) as caught:
            client.run("words", code="true")
        assert caught.value.reason == "no_interpreter"


def test_units_of_ours_are_no_profiles(mode, client):
    names = set(listed(client))
    assert not names & {"launcher", "podman", "handler"}
    for name in ("launcher", "podman"):
        with pytest.raises(RpcError) as caught:
            client.run(name, code="true")
        assert caught.value.reason == "unknown_profile"


def test_a_profile_cannot_be_started(mode):
    ended = mode.systemctl("start", "cloche-shell.service", check=False)
    assert ended.returncode != 0


def test_the_image_is_pinned_by_its_digest(mode, client):
    """The name moves on while a profile is kept: the next run has the new image, and says so."""
    mode.podman("tag", "localhost/cloche-shell:latest", "localhost/moving:latest")
    try:
        with machine.quadlets(mode, moving=container(image="localhost/moving:latest")):
            for _ in range(3):  # the last time, Podman is not asked what the name means
                first = client.run("moving", code="true")
            assert first.result["image"] == client.sh("true").result["image"]
            mode.podman("tag", "localhost/cloche-python:latest", "localhost/moving:latest")
            second = client.run("moving", argv=["python3", "-c", "print(1)"])
            assert second.good() == "1\n"
            assert second.result["image"] != first.result["image"]
            assert second.result["image"] == client.python("").result["image"]
    finally:
        mode.podman("untag", "localhost/cloche-python:latest", "localhost/moving:latest",
                    check=False)
        mode.podman("untag", "localhost/cloche-shell:latest", "localhost/moving:latest",
                    check=False)


def test_nothing_of_the_hosts_environment_reaches_a_sandbox(mode):
    """Variables of the manager, of Podman's configuration, and the administrator's proxies."""
    canaries = {"CLOCHE_CANARY": "found", "http_proxy": "http://user:secret@192.0.2.1:1",
                "HTTPS_PROXY": "http://192.0.2.1:1"}
    mode.systemctl("set-environment", *(f"{k}={v}" for k, v in canaries.items()))
    try:
        mode.systemctl("stop", "cloche-podman.service", "cloche-launcher.service")
        with mode.connect() as client:
            text = client.sh("env; cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n'").good()
            for name, value in canaries.items():
                assert name not in text and value not in text
    finally:
        mode.systemctl("unset-environment", *canaries)
        mode.systemctl("stop", "cloche-podman.service", "cloche-launcher.service")


def test_a_users_containers_conf_does_not_change_sandboxes(user):
    """In user mode the user's own Podman settings are not Cloche's."""
    conf = pathlib.Path("/home/agent/.config/containers/containers.conf")
    machine.make_directory(user, conf.parent)
    conf.write_text('[containers]\nenv = ["CANARY=found"]\nvolumes = ["/etc:/host"]\n'
                    'default_capabilities = ["SYS_ADMIN"]\nhttp_proxy = true\n')
    try:
        user.systemctl("stop", "cloche-podman.service", "cloche-launcher.service")
        with user.connect() as client:
            assert client.sh("echo \"<$CANARY>\"; ls -d /host 2>&1 | wc -l; ls /host 2>/dev/null; "
                             "grep CapEff /proc/self/status").good().split() == [
                                 "<>", "1", "CapEff:", "0000000000000000"]
    finally:
        conf.unlink()
        user.systemctl("stop", "cloche-podman.service", "cloche-launcher.service")

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stands in for a container, for test-guest: a pid namespace and a root directory of its own with
 * the host's programs in it, the capabilities a sandbox has, and the guest as PID 1, where the real
 * launcher would put it. Needs to be root. Ends when the guest has ended, with its exit code.
 *
 *   guest-box GUEST CHANNEL [no-fork]     with no-fork, every fork of the guest fails with EAGAIN
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "wire/guest-frame.h"

#define ROOT "/tmp"

static void must(int r, const char *what) {
        if (r < 0)
                err(1, "%s", what);
}

static const char *in_root(char path[static 256], const char *name) {
        if (snprintf(path, 256, ROOT "/%s", name) >= 256)
                errx(1, "too long: %s", name);
        return path;
}

static void make_file(const char *path) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        must(fd, path);
}

/* The host's folder, or the link that it is, in the new root. */
static void bring_folder(const char *name) {
        char from[256], to[256], link[256];
        struct stat st;
        ssize_t n;

        (void)snprintf(from, sizeof(from), "/%s", name);
        if (lstat(from, &st) < 0)
                return;
        in_root(to, name);
        if (S_ISLNK(st.st_mode)) {
                n = readlink(from, link, sizeof(link) - 1);
                must((int)n, from);
                link[n] = 0;
                must(symlink(link, to), to);
                return;
        }
        must(mkdir(to, 0755), to);
        must(mount(from, to, NULL, MS_BIND | MS_REC, NULL), to);
}

static void bring_file(const char *from, const char *name) {
        char to[256];

        make_file(in_root(to, name));
        must(mount(from, to, NULL, MS_BIND, NULL), to);
}

static void make_tmpfs(const char *name, const char *options) {
        char path[256];

        must(mkdir(in_root(path, name), 0755), path);
        must(mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options), path);
}

/* /ro, which only its being read-only protects. */
static void make_read_only(void) {
        char path[256], file[256];

        make_tmpfs("ro", "mode=0777");
        make_file(in_root(file, "ro/file"));
        must(chmod(file, 0666), file);
        in_root(path, "ro");
        must(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL), path);
}

static void make_root(const char *guest, const char *channel) {
        static const char *const folders[] = { "usr", "bin", "sbin", "lib", "lib64", "etc" };
        static const char *const devices[] = { "null", "zero", "full", "urandom", "tty" };
        _cleanup_close_ int guest_fd = open(guest, O_PATH | O_CLOEXEC);
        _cleanup_close_ int channel_fd = open(channel, O_PATH | O_CLOEXEC);
        char path[256], from[64];

        must(guest_fd, guest);
        must(channel_fd, channel);
        must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
        must(mount("tmpfs", ROOT, "tmpfs", 0, "mode=0755"), ROOT);
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                bring_folder(folders[i]);
        must(mkdir(in_root(path, "dev"), 0755), path);
        for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                (void)snprintf(from, sizeof(from), "/dev/%s", devices[i]);
                bring_file(from, from + 1);
        }
        must(mkdir(in_root(path, "dev/pts"), 0755), path);
        must(mount("devpts", path, "devpts", MS_NOSUID | MS_NOEXEC,
                   "newinstance,ptmxmode=0666,mode=0620,gid=5"),
             path);
        must(symlink("pts/ptmx", in_root(path, "dev/ptmx")), path);
        make_tmpfs("run", "mode=0755");
        make_tmpfs("tmp", "mode=1777");
        make_tmpfs("work", "mode=1777,size=1m");
        make_read_only();
        must(mkdir(in_root(path, "proc"), 0755), path);
        must(mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), path);
        must(mkdir(in_root(path, ".cloche"), 0755), path);
        (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", guest_fd); /* /tmp is hidden here */
        bring_file(from, &GUEST_PROGRAM_PATH[1]);
        (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", channel_fd);
        bring_file(from, &GUEST_CHANNEL_PATH[1]);

        must(chdir(ROOT), ROOT);
        must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
        must(umount2(".", MNT_DETACH), "the old root");
        must(chdir("/work"), "/work");
}

/* As a container may have them; the code must not. */
static void join_groups(void) {
        must(setgroups(2, (const gid_t[]){ 0, 4 }), "setgroups");
}

static void keep_capabilities(bool with_setpcap) {
        const unsigned long kept = 1UL << CAP_SETUID | 1UL << CAP_SETGID | 1UL << CAP_KILL |
                                   (unsigned long)with_setpcap << CAP_SETPCAP;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {};

        for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
                if (cap >= 64 || !(kept & 1UL << cap))
                        must(prctl(PR_CAPBSET_DROP, cap), "bounding set");
        data[0].effective = data[0].permitted = (unsigned)kept;
        must((int)syscall(SYS_capset, &header, data), "capset");
}

static void forbid_forks(void) {
        static struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        };
        const struct sock_fprog program = { ARRAY_SIZE(code), code };

        must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "seccomp");
}

int main(int argc, char **argv) {
        char *const env[] = { (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "HOME=/root" },
                              (char[]){ "OUTER=1" }, NULL };
        char *const guest_argv[] = { (char[]){ GUEST_PROGRAM_PATH }, NULL };
        const char *mode = argc > 3 ? argv[3] : "";
        int status;
        pid_t pid;

        if (argc < 3)
                errx(2, "usage: guest-box GUEST CHANNEL [MODE]");
        must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET), "unshare");
        pid = fork();
        must(pid, "fork");
        if (pid == 0) {
                must(prctl(PR_SET_PDEATHSIG, SIGKILL), "pdeathsig");
                make_root(argv[1], argv[2]);
                if (strcmp(mode, "no-fork") == 0)
                        forbid_forks();
                join_groups();
                keep_capabilities(strcmp(mode, "setpcap") == 0);
                execve(guest_argv[0], guest_argv, env);
                err(1, "%s", guest_argv[0]);
        }
        must(waitpid(pid, &status, 0), "waitpid");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

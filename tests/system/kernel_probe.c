/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tries what code in a sandbox must not be able to do, as the code's user, and prints one line of
 * JSON: each case by its name with what came of it, "worked", the name of the error, or the signal.
 * Cases that may kill the process run in a child. Static, so that it runs in any image. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_printed;

static void print(const char *name, const char *outcome) {
        printf("%s\"%s\":\"%s\"", n_printed++ > 0 ? "," : "{", name, outcome);
        fflush(stdout);
}

static void print_result(const char *name, long r) {
        print(name, r >= 0 ? "worked" : strerrorname_np(errno));
}

/* Runs one system call in a child: it may be killed for it, or change what it is. */
static void try_call(const char *name, long nr, long a, long b, long c, long d, long e) {
        char text[64];
        int status;
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                long r = syscall(nr, a, b, c, d, e, 0L);

                _exit(r >= 0 ? 0 : errno);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                print(name, "no child");
                return;
        }
        if (WIFSIGNALED(status))
                snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(WTERMSIG(status)));
        else if (WEXITSTATUS(status) == 0)
                snprintf(text, sizeof(text), "worked");
        else
                snprintf(text, sizeof(text), "%s", strerrorname_np(WEXITSTATUS(status)));
        print(name, text);
}

#define TRY(name, nr, ...) TRY_(name, nr, ##__VA_ARGS__, 0L, 0L, 0L, 0L, 0L)
#define TRY_(name, nr, a, b, c, d, e, ...) \
        try_call(name, nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

/* A1, A2: every family and type, as the kernel's 32 bits and with high bits set. */
static void try_sockets(void) {
        char text[512] = "", high[512] = "";

        for (long family = 0; family < 46; family++) {
                int any = 0, any_high = 0;

                for (long type = 1; type <= 3; type++) {
                        any |= syscall(SYS_socket, family, type, 0) >= 0;
                        any_high |= syscall(SYS_socket, 0x100000000L | family, type, 0) >= 0;
                }
                if (any)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%ld ", family);
                if (any_high)
                        snprintf(high + strlen(high), sizeof(high) - strlen(high), "%ld ", family);
        }
        print("socket families", text);
        print("socket families with high bits", high);
}

/* A3 */
static void try_netlink(void) {
        char text[256] = "";

        for (int protocol = 0; protocol < 23; protocol++)
                if (socket(AF_NETLINK, SOCK_RAW, protocol) >= 0)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", protocol);
        print("netlink protocols", text);
}

#ifdef __x86_64__
/* A4: the 32-bit way in, with its own socketcall. */
static void try_int80(void) {
        char text[64];
        int status;
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                /* the arguments must lie below 4 GiB for it */
                unsigned *arguments = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                long r = 102; /* socketcall */
                struct stat st;

                arguments[0] = 38; /* AF_ALG */
                arguments[1] = 5;
                arguments[2] = 0;
                __asm__ volatile("int $0x80" : "+a"(r) : "b"(1L), "c"(arguments) : "memory");
                /* where there is no such way in, it may be another call that answers */
                _exit(r >= 0 && fstat((int)r, &st) == 0 && S_ISSOCK(st.st_mode) ? 0 : 1);
        }
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status))
                snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(WTERMSIG(status)));
        else
                snprintf(text, sizeof(text), "%s", WEXITSTATUS(status) == 0 ? "worked" : "failed");
        print("int 0x80 socketcall", text);
        /* A5 */
        TRY("x32 getpid", 0x40000000L | SYS_getpid);
        TRY("x32 socket", 0x40000000L | SYS_socket, 38, 5, 0);
}
#endif

/* A6 to A14, A18: calls that have no business here. */
static void try_calls(pid_t sibling) {
        static char page[4096];
        struct rlimit limit = { 1, 1 };
        int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        struct iovec iov = { page, 8 };

        TRY("io_uring_setup", 425, 1, page);
        TRY("io_uring_enter", 426);
        TRY("io_uring_register", 427);
        TRY("userfaultfd", SYS_userfaultfd);
        TRY("bpf", SYS_bpf, 0, page, 64);
        TRY("perf_event_open", SYS_perf_event_open, page, 0, -1, -1, 0);
        TRY("kexec_load", SYS_kexec_load);
        TRY("init_module", SYS_init_module, page, 16, "");
        TRY("finit_module", SYS_finit_module, 0, "", 0);
        TRY("delete_module", SYS_delete_module, "x", 0);
        TRY("swapon", SYS_swapon, "/dev/null", 0);
        TRY("swapoff", SYS_swapoff, "/dev/null");
        TRY("acct", SYS_acct, "/work/acct");
        TRY("quotactl", SYS_quotactl, 0, "/", 0, page);
        TRY("unshare user", SYS_unshare, CLONE_NEWUSER);
        TRY("unshare mount", SYS_unshare, CLONE_NEWNS);
        TRY("unshare net", SYS_unshare, CLONE_NEWNET);
        TRY("unshare high bits", SYS_unshare, 0xF00000000L | CLONE_NEWUSER);
        TRY("clone user", SYS_clone, CLONE_NEWUSER | SIGCHLD);
        TRY("clone net", SYS_clone, CLONE_NEWNET | SIGCHLD);
        TRY("clone high bits", SYS_clone, 0xF00000000L | CLONE_NEWUSER | SIGCHLD);
        TRY("clone3", SYS_clone3, page, 64);
        TRY("setns", SYS_setns, fd, 0);
        TRY("mount", SYS_mount, "none", "/work", "tmpfs", 0, 0);
        TRY("umount2", SYS_umount2, "/work", MNT_DETACH);
        TRY("fsopen", SYS_fsopen, "tmpfs", 0);
        TRY("fspick", SYS_fspick, AT_FDCWD, "/", 0);
        TRY("fsmount", SYS_fsmount, -1, 0, 0);
        TRY("open_tree", SYS_open_tree, AT_FDCWD, "/", 1);
        TRY("move_mount", SYS_move_mount, AT_FDCWD, "/work", AT_FDCWD, "/tmp", 0);
        TRY("mount_setattr", SYS_mount_setattr, AT_FDCWD, "/", 0, page, 32);
        TRY("pivot_root", SYS_pivot_root, "/work", "/work");
        TRY("chroot", SYS_chroot, "/work");
        TRY("keyctl", SYS_keyctl, 0, -3, 0);
        TRY("add_key", SYS_add_key, "user", "x", "y", 1, -3);
        TRY("request_key", SYS_request_key, "user", "x", 0, 0);
        TRY("ptrace sibling", SYS_ptrace, PTRACE_ATTACH, sibling, 0, 0);
        TRY("ptrace traceme", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
        TRY("process_vm_readv", SYS_process_vm_readv, sibling, &iov, 1, &iov, 1);
        TRY("process_vm_writev", SYS_process_vm_writev, sibling, &iov, 1, &iov, 1);
        TRY("pidfd_getfd", SYS_pidfd_getfd, syscall(SYS_pidfd_open, sibling, 0), 1, 0);
        TRY("kcmp", SYS_kcmp, sibling, sibling, 0, 0, 0);
        TRY("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, "/", page, page + 256, 0);
        TRY("open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, page, O_RDONLY);
        TRY("syslog", SYS_syslog, 3, page, 100);
        TRY("fanotify_init", SYS_fanotify_init, 0, 0);
        TRY("personality", SYS_personality, 0x0040000);
        TRY("sethostname", SYS_sethostname, "x", 1);
        TRY("setdomainname", SYS_setdomainname, "x", 1);
        TRY("settimeofday", SYS_settimeofday, page, 0);
        TRY("clock_settime", SYS_clock_settime, 0, page);
        TRY("adjtimex writes", SYS_adjtimex, (memset(page, 0, 8), page[0] = 1, page));
        TRY("reboot", SYS_reboot, 0xfee1dead, 672274793, 0, 0);
        TRY("vhangup", SYS_vhangup);
        TRY("mbind", SYS_mbind, page, 4096, 0, 0, 0);
        TRY("migrate_pages", SYS_migrate_pages, 0, 0, 0, 0);
        TRY("move_pages", SYS_move_pages, 0, 0, 0, 0, 0);
        TRY("lookup_dcookie", 212);
        TRY("prlimit 1 cpu", SYS_prlimit64, 1, RLIMIT_CPU, &limit, 0);
        TRY("prlimit 1 nofile", SYS_prlimit64, 1, RLIMIT_NOFILE, &limit, 0);
        TRY("prlimit 1 as", SYS_prlimit64, 1, RLIMIT_AS, &limit, 0);
        TRY("prlimit sibling", SYS_prlimit64, sibling, RLIMIT_CPU, &limit, 0);
#ifdef __x86_64__
        TRY("modify_ldt", SYS_modify_ldt, 0, page, 16);
        TRY("iopl", SYS_iopl, 3);
        TRY("ioperm", SYS_ioperm, 0x60, 1, 1);
#endif
}

/* A15: nodes of devices, and those there are. */
static void try_devices(void) {
        static const char *const harmless[] = { "null",    "zero", "full", "random",
                                                "urandom", "tty",  "ptmx", "pts" };
        static const char *const dangerous[] = { "kmsg",   "mem",     "kmem",  "port",
                                                 "ubda",   "sda",     "vda",   "fuse",
                                                 "kvm",    "net/tun", "loop0", "loop-control",
                                                 "console" };
        char name[64];

        for (size_t i = 0; i < sizeof(dangerous) / sizeof(*dangerous); i++) {
                char path[64];

                snprintf(path, sizeof(path), "/dev/%s", dangerous[i]);
                snprintf(name, sizeof(name), "open %s", dangerous[i]);
                print_result(name, open(path, O_RDWR | O_NOCTTY));
        }
        for (size_t i = 0; i < 5; i++) {
                char path[64];

                snprintf(path, sizeof(path), "/dev/%s", harmless[i]);
                snprintf(name, sizeof(name), "use %s", harmless[i]);
                print_result(name, open(path, O_RDWR | O_NOCTTY));
        }
        print_result("mknod char", mknod("/tmp/c", S_IFCHR | 0600, 0x101));
        print_result("mknod block", mknod("/tmp/b", S_IFBLK | 0600, 0x800));
}

/* C35 to C41: the guest, which is process 1. */
static void try_guest(void) {
        struct sched_param param = { 0 };
        char text[256] = "", path[64];

        print_result("kill 1", kill(1, SIGKILL));
        print_result("stop 1", kill(1, SIGSTOP));
        print_result("term 1", kill(1, SIGTERM));
        print_result("sched idle 1", sched_setscheduler(1, SCHED_IDLE, &param));
        print_result("renice 1", setpriority(PRIO_PROCESS, 1, 19));
        print_result("ioprio 1", syscall(SYS_ioprio_set, 1, 1, 3 << 13));
        print_result("oom_score_adj 1", open("/proc/1/oom_score_adj", O_WRONLY));
        print_result("memory of 1", open("/proc/1/mem", O_RDWR));
        print_result("environment of 1", open("/proc/1/environ", O_RDONLY));
        print_result("root of 1", open("/proc/1/root", O_RDONLY));
        for (int fd = 0; fd < 10; fd++) {
                snprintf(path, sizeof(path), "/proc/1/fd/%d", fd);
                if (open(path, O_RDWR) >= 0)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", fd);
        }
        print("descriptors of 1", text);
        text[0] = 0;
        for (int fd = 3; fd < 1024 && strlen(text) < 200; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", fd);
        print("descriptors of ours", text);
        print_result("write guest", open("/.cloche/guest", O_WRONLY));
        print_result("remove guest", unlink("/.cloche/guest"));
        print_result("replace guest", rename("/bin/true", "/.cloche/guest"));
        print_result("new beside guest", open("/.cloche/new", O_CREAT | O_WRONLY, 0600));

        /* the channel's listener is closed: nobody answers there */
        struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "/.cloche/channel" };
        print_result("channel",
                     connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&sa, sizeof(sa)));
}

int main(void) {
        pid_t sibling;

        try_guest(); /* first: it lists which descriptors we were started with */
        sibling = fork();
        if (sibling == 0) {
                pause();
                _exit(0);
        }
        try_sockets();
        try_netlink();
#ifdef __x86_64__
        try_int80();
#endif
        try_calls(sibling);
        try_devices();
        puts("}");
        kill(sibling, SIGKILL);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program under the filter, for test-seccomp: it makes the system calls it is told to and says
 * what came of them. Static and at a fixed address, so that it brings nothing of its own and its
 * pointers fit the 32-bit door.
 *
 *   calls   reads "NUMBER ARG ARG ARG ARG ARG ARG" lines (hexadecimal), answers "RESULT ERRNO"
 *   doors   makes a 32-bit socketcall by int 0x80 (only x86_64 has these two)
 *   x32     makes an x32 call
 *   work    does what ordinary programs do; exit code 0 when all of it worked, else the step */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_calls(void) {
        char line[256];

        while (fgets(line, sizeof(line), stdin)) {
                unsigned long v[7] = {};
                char *p = line;
                long r;

                for (int i = 0; i < 7; i++)
                        v[i] = strtoul(p, &p, 16);
                r = syscall((long)v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
                printf("%ld %d\n", r, r < 0 ? errno : 0);
        }
        return 0;
}

#ifdef __x86_64__
/* AF_VSOCK through the old multiplexed call, whose arguments no filter of 64-bit calls sees. */
static int knock_at_door(void) {
        static const uint32_t args[3] = { 40, SOCK_STREAM, 0 };
        long r;

        __asm__ volatile("int $0x80"
                         : "=a"(r)
                         : "a"(102L), "b"(1L), "c"((long)(uintptr_t)args)
                         : "memory");
        return r < 0 ? 1 : 0;
}
#endif

static void *add_one(void *p) {
        __atomic_fetch_add((int *)p, 1, __ATOMIC_RELAXED);
        return NULL;
}

static int run_threads(void) {
        pthread_t threads[50];
        int n = 0;

        for (int i = 0; i < 50; i++)
                if (pthread_create(&threads[i], NULL, add_one, &n) != 0)
                        return 0;
        for (int i = 0; i < 50; i++)
                pthread_join(threads[i], NULL);
        return n == 50;
}

static int ends_with(pid_t pid, int code) {
        int status;

        return pid > 0 && waitpid(pid, &status, 0) == pid && status == code << 8;
}

static int run_children(void) {
        char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "exit 7" }, NULL };

        for (int i = 0; i < 5; i++) {
                pid_t pid = fork();

                if (pid == 0) {
                        execv("/bin/sh", argv);
                        _exit(1);
                }
                if (!ends_with(pid, 7))
                        return 0;
                if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0 ||
                    !ends_with(pid, 7))
                        return 0;
        }
        return 1;
}

/* A program that is in no file: documented as possible, under the same filter. */
static int run_memfd(void) {
        static const char script[] = "#!/bin/sh\nexit 9\n";
        int fd = memfd_create("script", 0);
        pid_t pid;

        if (fd < 0 || write(fd, script, sizeof(script) - 1) != (ssize_t)sizeof(script) - 1)
                return 0;
        pid = fork();
        if (pid == 0) {
                char *argv[] = { (char[]){ "script" }, NULL };

                fexecve(fd, argv, environ);
                _exit(1);
        }
        return ends_with(pid, 9);
}

static int run_limits(void) {
        struct rlimit r;

        if (getrlimit(RLIMIT_CORE, &r) < 0 || getrlimit(RLIMIT_NOFILE, &r) < 0)
                return 0;
        r.rlim_cur--;
        return setrlimit(RLIMIT_NOFILE, &r) == 0 && prlimit(0, RLIMIT_AS, NULL, &r) == 0;
}

static int run_sockets(void) {
        int pair[2], one = 1;

        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
               socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0 &&
               socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) >= 0 &&
               socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP) >= 0 &&
               socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 &&
               setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0 &&
               send(pair[0], "x", 1, 0) == 1;
}

static int run_memory(void) {
        char bytes[8];
        int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
        void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0 && p != MAP_FAILED &&
               mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 &&
               madvise(p, 1 << 20, MADV_DONTNEED) == 0 && getrandom(bytes, sizeof(bytes), 0) == 8;
}

static int run_waiting(void) {
        struct epoll_event e = { .events = EPOLLIN };
        int epoll_fd = epoll_create1(0), event_fd = eventfd(1, 0);

        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &e) == 0 &&
               epoll_wait(epoll_fd, &e, 1, 1000) == 1 && timerfd_create(CLOCK_MONOTONIC, 0) >= 0 &&
               inotify_init1(0) >= 0 && sched_yield() == 0;
}

static int work(void) {
        static int (*const steps[])(void) = {
                run_threads, run_children, run_memfd,   run_limits,
                run_sockets, run_memory,   run_waiting,
        };

        if (unshare(CLONE_FILES | CLONE_FS) < 0 || prctl(PR_SET_NAME, "probe") < 0)
                return 100;
        for (int i = 0; i < (int)(sizeof(steps) / sizeof(steps[0])); i++)
                if (!steps[i]())
                        return 1 + i;
        return 0;
}

int main(int argc, char **argv) {
        if (argc < 2)
                return 100;
        if (strcmp(argv[1], "calls") == 0)
                return make_calls();
#ifdef __x86_64__
        if (strcmp(argv[1], "doors") == 0)
                return knock_at_door();
        if (strcmp(argv[1], "x32") == 0)
                return syscall(0x40000000L | SYS_getpid) < 0 ? 1 : 0;
#endif
        return work();
}

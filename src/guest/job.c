/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A place in the table is taken by START and free again once its EXITED has been handed to the
 * channel, so what waits to be sent is bounded by the table, whatever the code does. The host
 * counts the same way and never starts more than GUEST_EXECS_MAX at once.
 *
 * A job's main process is known by its pid, which is also its process group's. The pid is a safe
 * name exactly until it is reaped, and reaping happens only here: a signal reaches that process or
 * its zombie, and those that it keeps in its group. Every other child is an orphan of some execution (the guest is PID 1) or a sibling that the code made with
 * CLONE_PARENT; both are reaped and forgotten.
 *
 * A new child waits for GO on an eventfd. One that is never let go holds its place, and nothing else
 * waits for it: KILL reaches it, any other signal as soon as it goes.
 *
 * A child that cannot be prepared or give up its rights says so in memory it shares with the guest until exec: one
 * int a job, no pipe to wait for. The program that it becomes no longer has that memory. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "guest/channel.h"
#include "guest/child.h"
#include "guest/code.h"
#include "guest/job.h"
#include "guest/payload.h"

#define REAP_BATCH 1024 /* children reaped before the channel is looked at again */
#define WORK_PATH  "/work"

int job_table_init(JobTable *t, int channel_fd) {
        int r;

        *t = (JobTable){ .channel_fd = channel_fd, .code_dir_fd = -EBADF };
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                t->jobs[i].go_fd = -EBADF;
        r = terminal_table_init(&t->terminals);
        if (r < 0)
                return r;
        t->failed = mmap(NULL, sizeof(int) * GUEST_EXECS_MAX, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (t->failed == MAP_FAILED)
                return -errno;
        t->code_dir_fd = code_open_dir(); /* a failure only concerns jobs that bring code */
        return 0;
}

int job_table_setup(JobTable *t, const GuestSetup *setup, int program_fd) {
        _cleanup_free_ struct sock_filter *program = NULL;
        struct stat st;
        size_t size;

        if (t->is_set_up)
                return -EBADMSG;
        if (fstat(program_fd, &st) < 0)
                return -errno;
        size = (size_t)st.st_size;
        if (size == 0 || size % sizeof(*program) != 0 || size / sizeof(*program) > BPF_MAXINSNS)
                return -EBADMSG;

        program = malloc(size);
        if (!program)
                return -ENOMEM;
        if (pread(program_fd, program, size, 0) != (ssize_t)size)
                return -EBADMSG;

        t->filter.len = (unsigned short)(size / sizeof(*program));
        t->filter.filter = TAKE_PTR(program);
        t->uid = setup->code_uid;
        t->gid = setup->code_gid;
        t->is_set_up = true;
        return 0;
}

/* 0 finds a free place. */
static Job *find_job(JobTable *t, uint32_t exec) {
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                if (t->jobs[i].exec == exec)
                        return &t->jobs[i];
        return NULL;
}

static int *failed_of(JobTable *t, const Job *job) {
        return &t->failed[job - t->jobs];
}

/* A hint for the host, which asks it when a program failed: was the disk full? */
static uint64_t read_work_free(void) {
        struct statvfs st;

        if (statvfs(WORK_PATH, &st) < 0)
                return 0;
        return (uint64_t)st.f_bavail * st.f_frsize;
}

static void end_job(JobTable *t, Job *job, GuestExitKind kind, int value) {
        if (job->code_name[0])
                code_remove(t->code_dir_fd, job->exec, job->code_name);
        guest_frame_init(&job->exited, GUEST_FRAME_EXITED, job->exec);
        job->exited.exited.kind = kind;
        job->exited.exited.value = value;
        job->exited.exited.work_free = read_work_free();
        job->pid = 0;
        job->go_fd = close_fd(job->go_fd);
        terminal_detach(&t->terminals, job->exec);
}

/* fork() at the task limit fails while zombies still count; reaping them may make room. */
static pid_t fork_child(JobTable *t) {
        pid_t pid = fork();

        if (pid < 0 && errno == EAGAIN) {
                (void)job_reap(t);
                pid = fork();
        }
        return pid < 0 ? -errno : pid;
}

/* stdio as the child gets it. */
static int fork_job(JobTable *t, Job *job, const GuestStart *start, const Payload *payload,
                    const int stdio[static 3]) {
        pid_t pid;

        *failed_of(t, job) = 0;
        job->go_fd = eventfd(0, EFD_CLOEXEC);
        if (job->go_fd < 0)
                return -errno;
        pid = fork_child(t);
        if (pid < 0)
                return pid;
        if (pid == 0) {
                Child child = {
                        .exec = job->exec,
                        .channel_fd = t->channel_fd,
                        .go_fd = job->go_fd,
                        .code_dir_fd = t->code_dir_fd,
                        .has_code = start->code != GUEST_CODE_NONE,
                        .has_terminal = start->has_terminal,
                        .uid = t->uid,
                        .gid = t->gid,
                        .filter = &t->filter,
                        .payload = payload,
                        .stdio = stdio,
                        .reterr_failed = failed_of(t, job),
                };

                child_run(&child);
        }
        job->pid = pid;
        return 0;
}

static int run_job(JobTable *t, Job *job, const GuestStart *start, const Payload *payload,
                   const int stdio[static 3]) {
        _cleanup_close_ int slave = -EBADF;
        int r;

        if (start->code != GUEST_CODE_NONE) {
                r = code_make(t->code_dir_fd, job->exec);
                if (r < 0)
                        return r;
                memcpy(job->code_name, start->code_name, sizeof(job->code_name));
                job->awaits_code = start->code == GUEST_CODE_LATER;
        }
        if (start->code == GUEST_CODE_HERE) {
                r = code_write(t->code_dir_fd, job->exec, start->code_name, payload->code,
                               payload->code_size);
                if (r < 0)
                        return r;
        }
        if (!start->has_terminal)
                return fork_job(t, job, start, payload, stdio);

        r = terminal_open(&t->terminals, start, t->uid, stdio[0], stdio[1], &slave);
        if (r < 0)
                return r;
        return fork_job(t, job, start, payload, (const int[]){ slave, slave, slave });
}

int job_start(JobTable *t, const GuestStart *start, const int fds[static 4]) {
        Payload payload = {};
        Job *job;
        int r;

        if (!t->is_set_up || find_job(t, start->header.exec))
                return -EBADMSG;
        job = find_job(t, 0);
        if (!job)
                return -EBADMSG;

        r = payload_load(fds[0], start, &payload);
        if (r == -EBADMSG)
                return r;

        *job = (Job){ .exec = start->header.exec, .go_fd = -EBADF };
        if (job->exec > t->highest_exec)
                t->highest_exec = job->exec;
        if (r == 0)
                r = run_job(t, job, start, &payload, fds + 1);
        if (r < 0)
                end_job(t, job, GUEST_EXIT_FAILED, -r);
        payload_done(&payload);
        return 0;
}

int job_go(JobTable *t, uint32_t exec) {
        const uint64_t one = 1;
        Job *job;

        if (exec > t->highest_exec)
                return -EBADMSG;
        job = find_job(t, exec);
        if (!job || job->pid == 0)
                return 0;
        if (job->go_fd < 0)
                return -EBADMSG;
        if (write(job->go_fd, &one, sizeof(one)) < 0) /* from 0 to 1: it never waits */
                return -errno;
        job->go_fd = close_fd(job->go_fd);
        return 0;
}

int job_take_code(JobTable *t, const GuestCodeFrame *code, int fd) {
        Payload payload = {};
        Job *job;
        int r;

        if (code->header.exec > t->highest_exec)
                return -EBADMSG;
        job = find_job(t, code->header.exec);
        if (!job || job->pid == 0)
                return 0;
        if (!job->awaits_code)
                return -EBADMSG;
        r = payload_load_code(fd, code->code_size, &payload);
        if (r == -EBADMSG)
                return r;
        if (r == 0)
                r = code_write(t->code_dir_fd, job->exec, job->code_name, payload.code,
                               payload.code_size);
        payload_done(&payload);
        job->awaits_code = false;
        job->is_code_taken = true;
        job->code_error = -r;
        return 0;
}

int job_signal(JobTable *t, const GuestSignal *s) {
        const Job *job;

        if (!t->is_set_up)
                return -EBADMSG;
        job = find_job(t, s->header.exec);
        if (!job || job->pid == 0)
                return 0;
        /* where it has not made its group yet, there is nobody else to be meant */
        if (!s->to_group || kill(-job->pid, (int)s->signo) < 0)
                (void)kill(job->pid, (int)s->signo);
        return 0;
}

static void end_by_status(JobTable *t, Job *job, int status) {
        int failed = *failed_of(t, job);

        if (failed > 0)
                end_job(t, job, GUEST_EXIT_FAILED, failed);
        else if (WIFSIGNALED(status))
                end_job(t, job, GUEST_EXIT_SIGNALED, WTERMSIG(status));
        else
                end_job(t, job, GUEST_EXIT_EXITED, WEXITSTATUS(status));
}

bool job_reap(JobTable *t) {
        for (size_t n = 0; n < REAP_BATCH; n++) {
                int status;
                pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

                if (pid <= 0)
                        return false;
                for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                        if (t->jobs[i].exec > 0 && t->jobs[i].pid == pid)
                                end_by_status(t, &t->jobs[i], status);
        }
        return true;
}

/* Returns 0, also when there is none to be sent, or as job_report(). */
static int report_written(const JobTable *t, Job *job) {
        GuestFrame f;
        int r;

        if (!job->is_code_taken)
                return 0;
        guest_frame_init(&f, GUEST_FRAME_WRITTEN, job->exec);
        f.written.error = (uint32_t)job->code_error;
        r = channel_send(t->channel_fd, &f);
        if (r == 0)
                job->is_code_taken = false;
        return r;
}

int job_report(JobTable *t) {
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++) {
                Job *job = &t->jobs[i];
                int r;

                r = report_written(t, job);
                if (r < 0)
                        return r;
                if (job->exec == 0 || job->pid > 0)
                        continue;
                r = channel_send(t->channel_fd, &job->exited);
                if (r < 0)
                        return r;
                *job = (Job){ .go_fd = -EBADF };
        }
        return 0;
}

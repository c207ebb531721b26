/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One sandbox from birth to removal; the theory is at the top of sandbox.c. A sandbox belongs to
 * one client until it is closed or its client is gone; its removal then goes on by itself. */

#include <sys/types.h>

#include "launcher/manager.h"
#include "launcher/podman-command.h"

typedef enum SandboxState {
        SANDBOX_QUEUED,   /* others are being made */
        SANDBOX_SCOPE,    /* the holder waits for its scope */
        SANDBOX_CREATE,   /* Podman makes the container */
        SANDBOX_START,    /* Podman starts it; the guest will connect */
        SANDBOX_WARM,     /* whole, and waits for a client of its user, or for its driver */
        SANDBOX_OPEN,     /* the guest's channel is with the handler */
        SANDBOX_KILLING,  /* cgroup.kill is written, not empty yet */
        SANDBOX_REMOVING, /* empty; Podman forgets the container */
} SandboxState;

typedef struct Leaf Leaf;
typedef struct Warm Warm;

/* What its client learns. opened (fds, LauncherFd, are borrowed: pass them on, they are closed afterwards)
 * or refused comes once, died at most once after opened, none of them after sandbox_end(). ended comes
 * for each leaf_end() that was taken, with its serial and how many tasks are left, at the latest
 * while the sandbox ends. gone is always the last, when the scope is empty and Podman has forgotten
 * the container; then the sandbox is freed. */
typedef struct SandboxEvents {
        void (*opened)(Sandbox *s, const int *fds, void *userdata);
        void (*refused)(Sandbox *s, LauncherRefusal refusal, const char *detail, void *userdata);
        void (*ended)(Sandbox *s, uint64_t serial, uint32_t left, const LauncherUsage *usage,
                      void *userdata);
        void (*died)(Sandbox *s, LauncherDeath death, const LauncherUsage *usage, void *userdata);
        void (*gone)(Sandbox *s, void *userdata);
} SandboxEvents;

struct Sandbox {
        Manager *manager;
        Sandbox *next;
        SandboxState state;
        char id[ID_SIZE];
        uint32_t uid;
        char profile_name[PROFILE_NAME_SIZE];
        Profile *profile; /* NULL in an adopted one */
        LauncherLimits limits;
        bool keep;              /* for lifetime_usec, not for one execution */
        uint64_t deadline_usec; /* CLOCK_MONOTONIC: the end of the scope's RuntimeMaxUSec */

        const SandboxEvents *events; /* NULL in a stray */
        void *userdata;
        AuditSequence
                *sequence;    /* the client's, valid until gone; NULL in a stray, and while warm */
        StateSandbox *record; /* while OPEN */

        char scope_name[sizeof("cloche-.scope") + ID_SIZE];
        char container[sizeof("cloche-") + ID_SIZE]; /* its name */
        char *cgroup;                                /* path, once known */
        int cgroup_fd;
        int guest_pidfd;  /* the container's first process */
        pid_t guest_pid;  /* valid while guest_pidfd is */
        int conmon_pidfd; /* its monitor */
        char container_id[65];
        int holder_pidfd;         /* -EBADF: ended, or not a child of ours */
        pid_t holder_pid;         /* valid while holder_pidfd is */
        bool scope_asked;         /* a scope of that name may exist */
        bool has_old_description; /* it says that it waits for a client */
        bool is_stray;
        bool conmon_given_time; /* its monitor was waited for, and is gone */
        bool create_asked;      /* a container of that name may exist */
        bool waits_for_removal; /* for its turn */
        unsigned remove_tries;
        Leaf *leaves;
        Warm *warm;         /* until it is handed over */
        uint64_t born_usec; /* CLOCK_MONOTONIC */

        ScopeStart *scope_start;
        PodmanRequest *request;
        PodmanCommand *command;
        int listener_fd;
        char *socket_path;
        sd_event_source *conmon_watch;
        sd_event_source *holder_watch;
        sd_event_source *listener_watch;
        sd_event_source *populated_watch;
        sd_event_source *timer;
};

/* Begins a sandbox for a client: checked limits, profile referenced; to be kept, or for one
 * execution. Returns 0 or -errno, and then nothing is left of it. */
int sandbox_new(Sandbox **ret, Manager *m, Profile *profile, uint32_t uid,
                const LauncherLimits *limits, bool keep, AuditSequence *sequence,
                const SandboxEvents *events, void *userdata);

/* Begins one for nobody yet: it becomes warm, which opened tells without descriptors, once for its container
 * and once for its driver if it has one. Otherwise the same. */
int sandbox_new_warm(Sandbox **ret, Manager *m, Profile *profile, uint32_t uid,
                     const SandboxEvents *events, void *userdata);

/* Makes one that is being made for nobody, and whose guest has not connected, its client's: from here on it is
 * as if begun by sandbox_new(). limits: as sandbox_hand_over(). */
void sandbox_claim(Sandbox *s, const LauncherLimits *limits, AuditSequence *sequence,
                   const SandboxEvents *events, void *userdata);

/* Hands a warm one to its client, who learns opened before this returns. limits are those that it has, but
 * for the ones that its handler keeps. Returns 0, or -errno after which it is to be ended. */
int sandbox_hand_over(Sandbox *s, const LauncherLimits *limits, AuditSequence *sequence,
                      const SandboxEvents *events, void *userdata);

/* What `systemctl list-units` says of it from now on: state is "", or begins with ", ". */
void sandbox_describe(const Sandbox *s, const char *state);

/* Whether its guest is alive. */
bool sandbox_has_guest(const Sandbox *s);

/* A warm one is not as it was, or not wanted: tells died, and ends it. */
void sandbox_lose(Sandbox *s);

/* Takes over an open sandbox of a launcher that died. Returns 0, -ENODEV when its cgroup is gone,
 * or -errno. */
int sandbox_adopt(Sandbox **ret, Manager *m, StateSandbox *record, AuditSequence *sequence,
                  const SandboxEvents *events, void *userdata);

/* Ends a sandbox whatever its state: reads what it used, kills all of it at once, and lets the
 * removal go on by itself. What was used goes to *ret_usage, and why it was dead already, if it
 * was, to *ret_death. Ending one that has ended is a no-op that leaves both empty. */
void sandbox_end(Sandbox *s, LauncherUsage *ret_usage, LauncherDeath *ret_death);

/* Whether it has been ended, or ended by itself: its removal is under way. */
bool sandbox_is_ended(const Sandbox *s);

/* Ends what no client stands behind: a scope or a container of that id that a launcher before this
 * one left. Returns 0 or -errno. */
int sandbox_end_stray(Manager *m, const char *id);

/* What Podman knows of a stray: its container's id (64 hex digits) and the cgroup it was made in, so that
 * nothing stays of them either. Ignored for one that is a client's. */
void sandbox_tell_stray(Sandbox *s, const char *container_id, const char *cgroup);

Sandbox *sandbox_find(Manager *m, const char *id);

/* Removes the names of the guest's socket and of the files with its numbers, and closes the socket. No-op
 * once done. */
void sandbox_remove_files(Sandbox *s);

/* Opens the cgroup at s->cgroup and watches whether anything lives in it. Returns 0 or -errno. */
int sandbox_watch_cgroup(Sandbox *s);

/* Forgets it at once, for removal.c and for the launcher's own end. */
Sandbox *sandbox_free(Sandbox *s);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a handler may ask of the launcher, and all that the launcher answers. SOCK_SEQPACKET, one
 * message a datagram, a fixed struct in host byte order. Nothing of a client's JSON, code, file
 * names or output ever stands in one: a profile's name, numbers and ids are all there is, and each
 * is checked here before the launcher looks at it.
 *
 *   handler                                   launcher
 *   HELLO + the client's socket           →
 *                                         ←   WELCOME, or REFUSED and the end
 *   PROFILES                              →
 *                                         ←   PROFILE … (one for each), then DONE
 *   OPEN profile, narrower limits         →
 *                                         ←   OPENED + the guest's channel, and the streams of its
 *                                             driver and of a stand-in if those run already, or
 *                                             REFUSED
 *   PLACE sandbox, execution, process     →
 *                                         ←   PLACED, or REFUSED
 *   END sandbox, execution                →
 *                                         ←   ENDED with its usage; after a kill, when all is dead
 *   CLOSE sandbox                         →
 *                                         ←   CLOSED with its usage; killed, removal under way
 *                                         ←   DIED (unasked): a sandbox ended by itself
 *                                         ←   RESUMED (unasked): a new launcher took over
 *
 * serial is chosen by the handler and returned in the answer; 0 in what was not asked for. After
 * RESUMED, every OPEN without an answer has failed and its sandbox is gone, and every CLOSE without
 * an answer must be asked again, like every PLACE and END; sandboxes that were OPENED live on.
 *
 * An execution is a leaf cgroup, <scope>/libpod-<container>/exec-<n>: PLACE moves a process of that
 * sandbox into it (made when it is not there), END ends what is in it, or only asks for its bill.
 *
 * Trust: the handler may lie (it parses a stranger's bytes), so the launcher decides by the peer
 * credentials of the client's socket and by its own records alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/limits.h"

#define LAUNCHER_PROTOCOL_VERSION 1

typedef enum LauncherMessageType {
        LAUNCHER_MESSAGE_INVALID,
        /* handler to launcher */
        LAUNCHER_HELLO, /* + 1 fd */
        LAUNCHER_PROFILES,
        LAUNCHER_OPEN,
        LAUNCHER_PLACE,
        LAUNCHER_END,
        LAUNCHER_CLOSE,
        /* launcher to handler */
        LAUNCHER_WELCOME,
        LAUNCHER_PROFILE,
        LAUNCHER_DONE,
        LAUNCHER_OPENED, /* + the first of LauncherFd: 1, with a driver 4, with a stand-in too all */
        LAUNCHER_REFUSED,
        LAUNCHER_PLACED,
        LAUNCHER_ENDED,
        LAUNCHER_CLOSED,
        LAUNCHER_DIED,
        LAUNCHER_RESUMED,
        _LAUNCHER_MESSAGE_TYPE_MAX,
} LauncherMessageType;

/* Why the launcher refuses or fails; handler/reply.c gives each its name on the wire. */
typedef enum LauncherRefusal {
        LAUNCHER_REFUSAL_INVALID,
        LAUNCHER_REFUSAL_TOO_MANY_CONNECTIONS,
        LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES,
        LAUNCHER_REFUSAL_UID, /* this uid may not use Cloche */
        LAUNCHER_REFUSAL_UNKNOWN_PROFILE,
        LAUNCHER_REFUSAL_PROFILE, /* its Quadlet file asks for what no profile may have */
        LAUNCHER_REFUSAL_LIMIT,   /* a limit wider than the profile's; detail names it */
        LAUNCHER_REFUSAL_IMAGE_MISSING,
        LAUNCHER_REFUSAL_PODMAN,   /* Podman does not answer, or answers an error */
        LAUNCHER_REFUSAL_SCOPE,    /* systemd did not make the scope */
        LAUNCHER_REFUSAL_GUEST,    /* the container runs, its guest did not connect in time */
        LAUNCHER_REFUSAL_AUDIT,    /* the journal cannot be written and policy requires it */
        LAUNCHER_REFUSAL_INTERNAL, /* see the journal */
        _LAUNCHER_REFUSAL_MAX,
} LauncherRefusal;

/* Why a sandbox ended by itself. */
typedef enum LauncherDeath {
        LAUNCHER_DEATH_INVALID,
        LAUNCHER_DEATH_OOM,      /* the whole sandbox was killed for memory, its guest included */
        LAUNCHER_DEATH_LIFETIME, /* the scope's RuntimeMaxUSec */
        LAUNCHER_DEATH_KILLED,   /* stopped from outside: an administrator, systemctl, a signal */
        _LAUNCHER_DEATH_MAX,
} LauncherDeath;

/* Limits of one sandbox. In OPEN, LIMIT_UNSET means the profile's own. */
typedef struct LauncherLimits {
        uint64_t memory_bytes;  /* MemoryMax of the scope; swap is 0 */
        uint64_t tasks;         /* TasksMax */
        uint64_t cpu_percent;   /* CPUQuota: 100 is one CPU */
        uint64_t work_bytes;    /* size of /work */
        uint64_t timeout_usec;  /* wall time of an execution */
        uint64_t lifetime_usec; /* of a sandbox that is kept; that of others follows timeout_usec */
        uint64_t output_bytes;  /* stdout and stderr together, counted by the handler */
} LauncherLimits;

/* From the cgroup of a scope or of one execution, read just before it was killed. Memory and tasks
 * of an execution are its own; what it keeps in /work counts as its memory. */
typedef struct LauncherUsage {
        uint64_t cpu_user_usec;
        uint64_t cpu_system_usec;
        uint64_t memory_peak_bytes;
        uint64_t tasks_peak;
        uint64_t io_read_bytes;
        uint64_t io_write_bytes;
        uint64_t oom_kills;    /* processes killed at the memory limit */
        uint64_t forks_failed; /* forks refused at the task limit */
} LauncherUsage;

typedef struct LauncherHeader {
        uint16_t type;
        uint16_t version;
        uint32_t reserved; /* 0 */
        uint64_t serial;
} LauncherHeader;

/* HELLO, PROFILES, DONE, PLACED, RESUMED */
typedef struct LauncherPlain {
        LauncherHeader header;
} LauncherPlain;

typedef struct LauncherWelcome {
        LauncherHeader header;
        char connection[ID_SIZE]; /* unguessable; CLOCHE_CONNECTION in the audit */
        char reserved[3];
        uint32_t uid;         /* of the client, from its socket */
        uint32_t system_mode; /* 1: system manager, 0: a user's manager */
        uint32_t audit_required;
} LauncherWelcome;

typedef struct LauncherOpen {
        LauncherHeader header;
        char profile[PROFILE_NAME_SIZE];
        char reserved[3];
        uint32_t keep; /* 0: for one execution; 1: until it is closed, for lifetime_usec */
        LauncherLimits limits;
} LauncherOpen;

typedef struct LauncherProfile {
        LauncherHeader header;
        char name[PROFILE_NAME_SIZE];
        char language[32];         /* label io.cloche.language, "" when none */
        char description[128];     /* the unit's Description= */
        char image[256];           /* Image= as written */
        char digest[DIGEST_SIZE];  /* of the image, "" when it is missing */
        char problem[DETAIL_SIZE]; /* "" when usable, else what to do about it */
        char padding[7];
        LauncherLimits limits;
} LauncherProfile;

/* What comes with OPENED, in this order. */
typedef enum LauncherFd {
        LAUNCHER_FD_CHANNEL,  /* the guest's */
        LAUNCHER_FD_COMMANDS, /* of the driver, for writing */
        LAUNCHER_FD_REPLIES,  /* … and these for reading; none of them blocks */
        LAUNCHER_FD_COMPLAINTS,
        LAUNCHER_FD_STAND_IN_INPUT,  /* of the stand-in for the first code, for writing */
        LAUNCHER_FD_STAND_IN_OUTPUT, /* … and these for reading: its word is there */
        LAUNCHER_FD_STAND_IN_ERROR,
        _LAUNCHER_FD_MAX,
} LauncherFd;

#define LAUNCHER_DRIVER_EXEC   1 /* the executions that a driver is which runs already … */
#define LAUNCHER_STAND_IN_EXEC 2 /* … and a stand-in, for code that comes later */

typedef struct LauncherOpened {
        LauncherHeader header;
        char sandbox[ID_SIZE];
        char profile[PROFILE_NAME_SIZE];
        char digest[DIGEST_SIZE];
        char interpreter[256]; /* words separated by \n, "" when the profile runs no code */
        char driver[256];      /* the same of the program that keeps an interpreter's state */
        char code_name[32];    /* file name for code, GUEST_CODE_NAME_SIZE */
        char padding[2];
        uint32_t guest_is_ready; /* 1: its READY was taken; 0: it is still to come */
        int32_t driver_pid;      /* of the driver that runs already, 0 when none does */
        int32_t stand_in_pid;    /* the same of the stand-in; only where there is a driver */
        LauncherLimits limits;   /* in force */
} LauncherOpened;

typedef struct LauncherRefused {
        LauncherHeader header;
        uint32_t refusal;         /* LauncherRefusal */
        char detail[DETAIL_SIZE]; /* one sentence that says what to do; UTF-8, no control bytes */
        char padding[4];
} LauncherRefused;

typedef struct LauncherPlace {
        LauncherHeader header;
        char sandbox[ID_SIZE];
        char reserved[7];
        uint32_t exec; /* from 1 */
        int32_t pid;   /* as the asker's pid namespace has it, which is the launcher's; from 2 */
} LauncherPlace;

typedef struct LauncherEnd {
        LauncherHeader header;
        char sandbox[ID_SIZE];
        char reserved[7];
        uint32_t exec;
        uint32_t kill; /* 1: everything in it; 0: what still runs may stay */
} LauncherEnd;

typedef struct LauncherEnded {
        LauncherHeader header;
        uint32_t known; /* 0: there is no such sandbox or execution; usage is then 0 */
        uint32_t left;  /* tasks that still run, 0 after a kill */
        LauncherUsage usage;
} LauncherEnded;

typedef struct LauncherClose {
        LauncherHeader header;
        char sandbox[ID_SIZE];
        char padding[7];
} LauncherClose;

/* CLOSED and DIED. CLOSED for a sandbox that is not the asker's has known = 0. */
typedef struct LauncherClosed {
        LauncherHeader header;
        char sandbox[ID_SIZE];
        char padding[7];
        uint32_t known;
        uint32_t death; /* LauncherDeath; INVALID in CLOSED unless it had died before */
        LauncherUsage usage;
} LauncherClosed;

typedef union LauncherMessage {
        LauncherHeader header;
        LauncherPlain plain;
        LauncherWelcome welcome;
        LauncherOpen open;
        LauncherProfile profile;
        LauncherOpened opened;
        LauncherRefused refused;
        LauncherPlace place;
        LauncherEnd end;
        LauncherEnded ended;
        LauncherClose close;
        LauncherClosed closed;
} LauncherMessage;

typedef enum LauncherDirection {
        LAUNCHER_FROM_HANDLER,
        LAUNCHER_FROM_LAUNCHER,
} LauncherDirection;

/* The exact size of a message of this type, 0 for an unknown one. */
size_t launcher_message_size(LauncherMessageType type);

/* How many descriptors come with it, from the launcher. */
size_t launcher_message_count_fds(const LauncherMessage *m);

/* Zeroes the message and fills its header. */
void launcher_message_init(LauncherMessage *m, LauncherMessageType type, uint64_t serial);

/* Checks one datagram and copies it to *ret: known type, that type's size, its direction, strings
 * terminated and of their alphabet, enums and numbers in range. Pure. Returns 0 or -EBADMSG. */
int launcher_message_parse(const void *data, size_t size, LauncherDirection from,
                           LauncherMessage *ret);

/* The stable name of a refusal, as a client reads it in data.reason and an administrator in the
 * journal; "internal" for what is none. */
const char *launcher_refusal_name(LauncherRefusal refusal);

/* A profile's name: [a-z0-9] then [a-z0-9-], 1…PROFILE_NAME_SIZE-1 bytes, no trailing dash. */
bool launcher_profile_name_is_valid(const char *name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What host and guest say to each other, over the sandbox's own SOCK_SEQPACKET socket: one frame a
 * datagram, a fixed struct in host byte order (both ends are the same machine and build), never
 * text. The host sends SETUP once, the guest answers READY once. Then, for each execution:
 *
 *   host                                      guest
 *   START + payload and streams           →   forks
 *                                         ←   CHILD, sent by the forked child itself: the kernel
 *                                             attests its pid (SCM_CREDENTIALS)
 *   GO, once it is in a cgroup of its own →   the child becomes the program
 *   CODE, once at most, where START says
 *   that it comes later                   →
 *                                         ←   WRITTEN: the code is in its file; none when the program has
 *                                             ended meanwhile, which its EXITED says
 *   SIGNAL, RESIZE                        →
 *                                         ←   EXITED, exactly one; without CHILD when there never
 *                                             was a child
 *
 * The host issues all ids.
 *
 * Trust: the host believes nothing a guest sends. guest_frame_parse() accepts only a frame of known
 * type and exactly that type's size with every field in range; what the sequence allows is checked
 * by its caller. The guest trusts the host, whose frames no client byte reaches unparsed.
 *
 * Bulk never travels in frames: argv, environment and code come as one sealed memfd, code that comes later as
 * one of its own, input and output are pipes, all passed with START and CODE by SCM_RIGHTS. */

#include <stddef.h>
#include <stdint.h>

#define GUEST_PROTOCOL_VERSION 1

/* Paths inside the container, shared by launcher (mounts), handler (argv) and guest. */
#define GUEST_PROGRAM_PATH "/.cloche/guest"
#define GUEST_CHANNEL_PATH "/.cloche/channel"
#define GUEST_DRIVERS_PATH \
        "/.cloche/drivers"               /* one directory for each language, for profiles to name */
#define GUEST_CODE_DIR     "/run/cloche" /* <dir>/<exec>/<code_name>: an execution's code, and */
#define GUEST_STREAMS_NAME "fd" /* <dir>/<exec>/fd/{0,1,2}: its streams, to be opened anew */
#define GUEST_CODE_UID     1000 /* uid and gid of the code inside the container */

#define GUEST_CODE_NAME_SIZE 32

/* What the guest's own program does when it is run as a program inside, as argv[1].
 *
 *   stand-in [WORD]   waits for a signal: holds an execution's streams open. Says WORD on its stdout
 *                     first; from then on, and no earlier, others can open the streams by name */
#define GUEST_COMMAND_FILE     "file" /* wire/file-record.h */
#define GUEST_COMMAND_STAND_IN "stand-in"

/* The stand-in that an execution of code has: what is run, words as Payload has them, and its word. */
#define GUEST_STAND_IN_WORD  "."
#define GUEST_STAND_IN_WORDS GUEST_PROGRAM_PATH "\n" GUEST_COMMAND_STAND_IN "\n" GUEST_STAND_IN_WORD

typedef enum GuestFrameType {
        GUEST_FRAME_INVALID,
        /* host to guest */
        GUEST_FRAME_SETUP,  /* + 1 fd: the seccomp program, struct sock_filter[] in a memfd */
        GUEST_FRAME_START,  /* + 4 fds: payload memfd, stdin, stdout, stderr */
        GUEST_FRAME_GO,     /* the child may go on */
        GUEST_FRAME_CODE,   /* + 1 fd: the code of an execution that waits for it, in a memfd */
        GUEST_FRAME_SIGNAL, /* to the execution's main process, alone or with its process group */
        GUEST_FRAME_RESIZE, /* of an execution's terminal */
        /* guest to host; never with an fd */
        GUEST_FRAME_READY,
        GUEST_FRAME_CHILD,
        GUEST_FRAME_WRITTEN,
        GUEST_FRAME_EXITED,
        _GUEST_FRAME_TYPE_MAX,
} GuestFrameType;

typedef enum GuestExitKind {
        GUEST_EXIT_INVALID,
        GUEST_EXIT_EXITED,   /* value: exit code 0…255 */
        GUEST_EXIT_SIGNALED, /* value: signal number 1…64 */
        GUEST_EXIT_FAILED,   /* the program never ran; value: errno of fork or of preparing it */
        _GUEST_EXIT_KIND_MAX,
} GuestExitKind;

typedef struct GuestHeader {
        uint16_t type;
        uint16_t version;
        uint32_t exec; /* 0 for SETUP and READY, else the id of an execution, from 1 */
} GuestHeader;

typedef struct GuestSetup {
        GuestHeader header;
        uint32_t code_uid;
        uint32_t code_gid;
} GuestSetup;

typedef enum GuestCode {
        GUEST_CODE_NONE,
        GUEST_CODE_HERE, /* an empty program is a program too */
        GUEST_CODE_LATER,
        _GUEST_CODE_MAX,
} GuestCode;

/* The payload memfd holds, one after another without padding: n_argv NUL-terminated strings, n_env
 * NUL-terminated strings NAME=VALUE (added to the guest's own environment, replacing equal names),
 * with has_cwd one more string, the directory to begin in (else the container's own), and code_size
 * bytes of code. strings_size is the length of all strings together. Code that is here is in the file
 * GUEST_CODE_DIR/<exec>/<code_name> before argv is started; code that comes later, before WRITTEN is sent. */
typedef struct GuestStart {
        GuestHeader header;
        uint32_t n_argv; /* 1…ARGV_MAX */
        uint32_t n_env;  /* 0…ARGV_MAX */
        uint32_t strings_size;
        uint32_t code_size;    /* 0…LINE_SIZE_MAX */
        uint32_t code;         /* GuestCode */
        uint32_t has_cwd;      /* 0 or 1 */
        uint32_t has_terminal; /* 0 or 1: a pty of this size; stderr is then unused */
        uint16_t rows;         /* 0…TERMINAL_SIZE_MAX, 0 without a terminal */
        uint16_t columns;
        char code_name[GUEST_CODE_NAME_SIZE]; /* a plain file name, "" without code */
} GuestStart;

typedef struct GuestCodeFrame {
        GuestHeader header;
        uint32_t code_size; /* 0…LINE_SIZE_MAX: all of the memfd */
        uint32_t reserved;
} GuestCodeFrame;

typedef struct GuestSignal {
        GuestHeader header;
        uint32_t signo;    /* 1…64 */
        uint32_t to_group; /* 0 or 1 */
} GuestSignal;

/* GO and CHILD */
typedef struct GuestPlain {
        GuestHeader header;
} GuestPlain;

typedef struct GuestResize {
        GuestHeader header;
        uint16_t rows; /* 0…TERMINAL_SIZE_MAX */
        uint16_t columns;
        uint32_t reserved;
} GuestResize;

typedef struct GuestReady {
        GuestHeader header;
} GuestReady;

typedef struct GuestWritten {
        GuestHeader header;
        uint32_t error; /* 0, or the errno of why there is no such file */
        uint32_t reserved;
} GuestWritten;

typedef struct GuestExited {
        GuestHeader header;
        uint32_t kind; /* GuestExitKind */
        int32_t value;
        uint64_t work_free; /* bytes left on the file system of /work: a hint for limits_hit */
} GuestExited;

typedef union GuestFrame {
        GuestHeader header;
        GuestSetup setup;
        GuestStart start;
        GuestCodeFrame code;
        GuestPlain plain;
        GuestSignal signal;
        GuestResize resize;
        GuestReady ready;
        GuestWritten written;
        GuestExited exited;
} GuestFrame;

/* Who sent the bytes that are parsed: a type is only valid in its own direction. */
typedef enum GuestDirection {
        GUEST_FROM_HOST,
        GUEST_FROM_GUEST,
} GuestDirection;

/* The exact size of a frame of this type, 0 for an unknown one. */
size_t guest_frame_size(GuestFrameType type);

/* Fills a zeroed frame's header. */
void guest_frame_init(GuestFrame *frame, GuestFrameType type, uint32_t exec);

/* Checks one datagram and copies it to *ret. Pure. Returns 0, or -EBADMSG for anything that is not
 * exactly one valid frame of that direction; *ret is then untouched. */
int guest_frame_parse(const void *data, size_t size, GuestDirection from, GuestFrame *ret);

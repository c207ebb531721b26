/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every ceiling that a peer can press against, named and in one place. A client reads those that
 * concern it in server.info; cloche-protocol(7) has the same table and a test compares the two. Sizes are
 * bytes, times are microseconds, unless the name says otherwise. */

#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define KIB           UINT64_C(1024)
#define MIB           (UINT64_C(1024) * KIB)
#define GIB           (UINT64_C(1024) * MIB)

/* "not set" of a number in a request or a profile; never a limit in force */
#define LIMIT_UNSET UINT64_MAX

/* -- a client's bytes ------------------------------------------------------------------------ */
#define LINE_SIZE_MAX         (1 * MIB) /* one JSON-RPC message, newline excluded */
#define JSON_DEPTH_MAX        32        /* nested arrays and objects */
#define JSON_MEMBERS_MAX      4096 /* members of objects and elements of arrays in one message */
#define JSON_INTEGER_MAX      INT64_C(9007199254740991) /* 2^53-1: exact in every JSON library */
#define REQUEST_ID_LENGTH_MAX 128                       /* bytes of a string used as a request id */

/* -- a connection ---------------------------------------------------------------------------- */
#define HANDSHAKE_TIMEOUT_USEC       (5 * USEC_PER_SEC)  /* connect → first complete line */
#define LINE_TIMEOUT_USEC            (30 * USEC_PER_SEC) /* first byte of a line → its newline */
#define WRITE_TIMEOUT_USEC           (30 * USEC_PER_SEC) /* a client that takes no byte that long is gone */
#define CLIENT_BUFFER_MAX            (1 * MIB) /* output queued for a client before its runs must wait */
#define CONNECTIONS_MAX              128       /* at one launcher */
#define CONNECTIONS_PER_UID_MAX      32
#define SANDBOXES_PER_CONNECTION_MAX 16
#define REQUESTS_PER_CONNECTION_MAX  256 /* begun and not answered */
#define REFUSALS_PER_SECOND_MAX      64  /* then no request is read for a while: each is recorded */

/* -- one execution --------------------------------------------------------------------------- */
#define ARGV_MAX          1024            /* words in argv, and variables in env */
#define ARG_SIZE_MAX      (128 * KIB - 1) /* one word: the kernel's MAX_ARG_STRLEN less its NUL */
#define PAYLOAD_SIZE_MAX  (2 * MIB)       /* argv, env and code of one execution, packed */
#define STDIN_BUFFER_MAX  (4 * MIB)       /* input accepted and not yet taken by the program */
#define STDIN_BUFFERS_MAX (16 * MIB)      /* the same of all runs of one connection */
#define OUTPUT_CHUNK_MAX  (32 * KIB)      /* bytes of output in one notification */
#define OUTPUT_GRACE_USEC \
        (500 * USEC_PER_MSEC) /* main program ended → output pipes are read no more */
#define KILLED_GRACE_USEC \
        (250 * USEC_PER_MSEC)  /* main program killed by a stranger → it was only the program */
#define TERMINAL_SIZE_MAX 4096 /* rows or columns */
#define CAPTURE_SIZE_MAX  (256 * KIB) /* of each stream in a result; its middle is left out */
#define RESULT_SIZE_MAX   (1 * MIB)   /* one line of a driver: a picture, as base64 */
#define RESULT_FORMS_MAX  12          /* media types of it: so all members fit into one message */
#define RESULTS_SIZE_MAX  (4 * MIB)   /* those of one execution together, as JSON … */
#define RESULTS_MAX       256         /* … and how many; what is beyond is left out */
#define ERROR_SIZE_MAX    (64 * KIB)  /* each string of the error that code ended by */
#define INTERRUPT_GRACE_USEC \
        (1 * USEC_PER_SEC) /* an interpreter was interrupted → it is ready for the next code */
#define DRIVER_TIMEOUT_USEC (30 * USEC_PER_SEC) /* a driver was started → it is ready */
#define TIMEOUT_MIN_USEC    (1 * USEC_PER_MSEC)
#define TIMEOUT_MAX_USEC    (24 * 3600 * USEC_PER_SEC)
#define MEMORY_MIN          (16 * MIB)
#define TASKS_MIN           4
#define CPU_PERCENT_MIN     1
#define WORK_SIZE_MIN       (64 * KIB)

/* -- a profile's values where its Quadlet file says nothing ----------------------------------- */
#define PROFILE_MEMORY_DEFAULT      (512 * MIB)
#define PROFILE_TASKS_DEFAULT       128
#define PROFILE_CPU_PERCENT_DEFAULT 100
#define PROFILE_WORK_SIZE_DEFAULT   (256 * MIB)
#define PROFILE_SHM_SIZE_DEFAULT    (64 * MIB) /* of /dev/shm */
#define PROFILE_TIMEOUT_DEFAULT     (300 * USEC_PER_SEC)
#define PROFILE_LIFETIME_DEFAULT    (3600 * USEC_PER_SEC)
#define PROFILE_OUTPUT_DEFAULT      (64 * MIB)
#define PROFILES_MAX                64

/* -- strings in fixed-size messages, NUL included --------------------------------------------- */
#define ID_SIZE           33 /* 128 random bits as lower-case hex */
#define PROFILE_NAME_SIZE 65
#define DIGEST_SIZE       72  /* "sha256:" and 64 hex digits */
#define DETAIL_SIZE       512 /* one sentence for a person */

/* -- what one launcher asks of Podman at once: it would only have more wait for its locks -------- */
#define BIRTHS_AT_ONCE   4 /* sandboxes in the making */
#define REMOVALS_AT_ONCE 4 /* containers that it is to forget */

/* -- time each step of a sandbox's life may take ----------------------------------------------- */
#define SCOPE_TIMEOUT_USEC   (10 * USEC_PER_SEC) /* StartTransientUnit → its job done */
#define PODMAN_TIMEOUT_USEC  (20 * USEC_PER_SEC) /* one request to Podman's API */
#define GUEST_TIMEOUT_USEC   (10 * USEC_PER_SEC) /* container started → guest connected */
#define PROFILE_TIMEOUT_USEC (20 * USEC_PER_SEC) /* one profile read, recorded and checked */
#define EMPTY_TIMEOUT_USEC   (5 * USEC_PER_SEC)  /* cgroup.kill → populated 0 */
#define GREETING_TIMEOUT_USEC \
        (10 * USEC_PER_SEC) /* HELLO → WELCOME, the start of a launcher included */
#define ANSWER_TIMEOUT_USEC \
        (120 * USEC_PER_SEC) /* a handler's message to the launcher → its answer */
#define IMAGE_STAMP_USEC   (60 * USEC_PER_SEC) /* Podman asked about an image → asked again */
#define LAUNCHER_IDLE_USEC (30 * USEC_PER_SEC) /* no connection and no sandbox → it exits */

/* -- sandboxes that wait for a client, of one user and profile ------------------------------------ */
#define WARM_MAX          32                    /* high mark that a profile may ask for */
#define WARM_AGE_MAX_USEC (3600 * USEC_PER_SEC) /* an older one is replaced */
#define WARM_KEPT_USEC    (30 * USEC_PER_SEC)   /* its user's last connection ended → it ends */
#define WARM_RETRY_USEC   (30 * USEC_PER_SEC)   /* one could not be made → the next try */
#define WARM_PAUSE_USEC \
        (250 * USEC_PER_MSEC) /* one was given to a client → the next one is begun, */
#define WARM_PAUSE_MAX_USEC (1 * USEC_PER_SEC) /* … though others are given meanwhile */
#define WARM_MEMORY_FREE_PART \
        8 /* 1/8 of the machine's memory must be free for one to be made, and half of
                                 * that for those there are to stay */

/* -- files ----------------------------------------------------------------------------------- */
#define FILE_PATH_MAX         4096                /* bytes of a path, NUL included */
#define FILE_CHUNK_MAX        (512 * KIB)         /* bytes in one answer of file.get */
#define FILE_ENTRIES_MAX      500                 /* in one answer of file.list */
#define FILE_COLLECT_MAX      64                  /* files that a run gives back … */
#define FILE_COLLECT_SIZE_MAX (8 * MIB)           /* … and their bytes together */
#define FILE_MODE_MAX         0777                /* no set-id bits, no sticky bit */
#define FILE_TIMEOUT_USEC     (60 * USEC_PER_SEC) /* one step of a file's way without a byte moved */

/* -- a guest ---------------------------------------------------------------------------------- */
#define GUEST_FRAME_SIZE_MAX       4096 /* one datagram, either way */
#define EXECUTIONS_PER_SANDBOX_MAX 64   /* that run at once */
#define GUEST_EXECS_MAX            66 /* … and beside them a driver, and a stand-in for the next code */
#define DATAGRAM_FDS_MAX           8 /* descriptors with one datagram: host to guest, launcher to handler */
#define STAND_IN_TASKS_MIN         16 /* with fewer tasks, no stand-in is made before there is code */

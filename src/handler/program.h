/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program in a sandbox: started by the guest, moved by the launcher into a cgroup of its own
 * before it does anything, and so to be ended with all that it ever started. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "handler/sandbox.h"
#include "wire/guest-frame.h"
#include "wire/launcher-message.h"

typedef struct Program Program;

/* Each at most once, from the event loop. */
typedef struct ProgramEvents {
        bool may_be_late;                   /* nobody waits for it to run */
        void (*on_running)(void *userdata); /* it was let go */
        /* as GuestProgramEvents has it; may be NULL where no code is given */
        void (*on_written)(int error, void *userdata);
        void (*on_exited)(const GuestExited *exited, void *userdata); /* borrowed */
} ProgramEvents;

/* ended is borrowed, NULL when the launcher is gone. */
typedef void (*program_ended_t)(const LauncherEnded *ended, void *userdata);

/* Starts it. exec is from guest_new_exec(); fds: the payload, stdin, stdout and stderr, which stay the
 * caller's. Returns 0, METHOD_E_TOO_MANY_REQUESTS when too many run or the guest does not keep up,
 * or -errno. */
int program_new(Program **ret, Sandbox *s, uint32_t exec, const GuestStart *start,
                const int fds[static 4], const ProgramEvents *events, void *userdata);
/* Takes over one that runs already. Returns 0 or -ENOMEM. */
int program_adopt(Program **ret, Sandbox *s, uint32_t exec, pid_t pid, const ProgramEvents *events,
                  void *userdata);
/* From here on, somebody else is told. */
void program_set_events(Program *p, const ProgramEvents *events, void *userdata);
/* Nothing is told any more; the program goes on as it was. */
Program *program_free(Program *p);

uint32_t program_exec(const Program *p);
/* Its first process, 0 before it was let go. */
pid_t program_pid(const Program *p);
bool program_is_exited(const Program *p);

/* As guest_give_code(); METHOD_E_TOO_MANY_REQUESTS when the guest does not keep up. */
int program_give_code(Program *p, const char *code);

/* Moves its first process into the leaf of another program or (exec its own) back. Returns 0 and
 * answers with PLACED, REFUSED or NULL, or -errno. */
int program_move(Program *p, uint32_t exec, launcher_answer_t answer, void *userdata);

/* Kills all of it, or only asks for its bill. A program that was not let go yet never will be.
 * Once a program may be asked for its bill and then be killed; the callback is the newer one's.
 * Returns 0 or -errno. */
int program_end(Program *p, bool is_kill, program_ended_t ended, void *userdata);

/* As guest_signal() and guest_resize(); -ESRCH when it does not run. */
int program_signal(Program *p, uint32_t signo, bool to_group);
int program_resize(Program *p, uint16_t rows, uint16_t columns);

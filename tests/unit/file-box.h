/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `cloche-guest file …` in a box, as the host starts it: its records taken apart. Everything
 * asserts. */

#include <stdint.h>

#include "box.h"
#include "wire/file-record.h"

#define FILE_COMMAND(...) WORDS(GUEST_PROGRAM_PATH, GUEST_COMMAND_FILE, __VA_ARGS__)

typedef struct NamedFile {
        FileRecord record;
        char *name;  /* NUL-terminated */
        char *bytes; /* record.length of them */
} NamedFile;

typedef struct FileReply {
        char *data;
        size_t size;
        NamedFile *files; /* END among them */
        size_t n_files;
} FileReply;

/* Runs one command to its end, with size bytes of input. */
FileReply file_box_run(Box *b, const char *const *argv, const void *input, size_t size);
void file_reply_free(FileReply *r);

/* The same for commands that say one record, which is returned without its bytes. */
FileRecord file_box_run_one(Box *b, const char *const *argv, const char *input);
/* And its error. */
uint32_t file_box_fail(Box *b, const char *const *argv, const char *input);

/* Runs a shell command that must succeed and must say exactly this. */
void file_box_shell(Box *b, const char *command, const char *expected);

/* What writing there comes to, in a directory that is this machine's own in a box. */
uint32_t file_box_write_error(const char *directory);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `cloche-guest file …`: what it takes and says is in wire/file-record.h. */

/* Runs one command, argv[0] being its name, to its end. Returns the exit status. */
int file_run(int argc, char **argv);

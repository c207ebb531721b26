/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file list PATH AFTER MAX [deep]. Returns 0 or -errno. */
int file_list_run(int argc, char **argv);

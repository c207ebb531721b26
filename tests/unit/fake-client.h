/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A test program that is called by the name "podman" is this instead: what Podman's client does on
 * the wire, good and bad. Its first argument that begins with --fake= says which:
 *
 *   --fake=self        create a container whose spec is {"argv": […], "env": […]} of this process
 *   --fake=FILE        create one whose spec is what FILE holds (a path)
 *   --fake=pieces      the same as self, a few bytes at a time
 *   --fake=pod         ask for a pod first
 *   --fake=refuse      say what is wrong with an option, as Podman does, and ask for nothing
 *   --fake=flood       the same after a mebibyte of other words
 *   --fake=quiet       end without a word
 *   --fake=hang        ask for nothing and stay
 *   --fake=abort       end by a signal
 *   --fake=huge        create one that is too large
 *   --fake=garbage     create one that is no JSON
 *   --fake=twice       create two
 *   --fake=chunked     send a body without its length
 *   --fake=crowd       connect a hundred times */

/* Makes "podman" in directory, a link to this program; path gets its path. */
void fake_client_install(const char *directory, char *path, unsigned long size);

/* What main() does first: returns -1 when this program was not called "podman", else an exit code.
 */
int fake_client_main(int argc, char *argv[]);

/* A password for a command: typed without echo, piped in, or from a file. Never an argument, which everybody on the machine can read. */
#ifndef DM_CTL_PROMPT_H
#define DM_CTL_PROMPT_H

#include "base/str.h"

#define DM_CTL_PROMPT_BYTES 4096

/*
 * file NULL: from the terminal, twice, or the first line of standard input when that is none. 0, with *ret_password a view of buffer, which the
 * caller wipes; else the exit status after having complained.
 */
int dm_ctl_prompt_password(const char *file, char buffer[DM_CTL_PROMPT_BYTES],
                           struct dm_str *ret_password);

#endif

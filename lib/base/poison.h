/* Forced into every file by the makefile: functions that cut, overrun or misread text cannot be named. */
#ifndef DM_BASE_POISON_H
#define DM_BASE_POISON_H

/* The system's headers name these themselves, so they come first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With _FORTIFY_SOURCE some are macros, and clang poisons no macro. */
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat gets atoi atol atof

#endif

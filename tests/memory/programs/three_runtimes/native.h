// The C part of the program: sessions that are allocated and, on demand, kept or lost.
#pragma once

#include <stddef.h>

// Starts the interpreter and gives its lock away, so that any thread may take it.
int python_start(void);
// Runs a script in __main__. 0: it went well.
int python_run(const char* script);

// Allocates `count` sessions of 3,009 bytes in a thread of its own, which then waits.
int sessions_open(int count);
// Allocates `count` more of them here. Kept: in a list. Lost: no pointer to them is left.
void sessions_keep(int count);
void sessions_lose(int count);

// Starts threads that allocate and free without rest.
int threads_churn(int count);

/*
 * What the fuzz targets share. Each target_fuzz.c is one libFuzzer entry: bytes in, and an abort when a promise of the header under test is
 * broken; ASan and UBSan see to the rest. scripts/test fuzz builds and runs them on tests/fuzz/corpus/TARGET.
 */
#ifndef DM_TESTS_FUZZ_H
#define DM_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that does not hold is a finding. */
#define DM_PROMISE(holds)                                                                          \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #holds);            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input as text; never NULL, so that it is present when it is empty. */
static inline struct dm_str dm_fuzz_text(const uint8_t *data, size_t size)
{
    return (struct dm_str){size > 0 ? (const char *)data : "", size};
}

/* The input's first byte, which chooses among what is tried; 0 when there is none. */
static inline unsigned dm_fuzz_choice(const uint8_t **data, size_t *size)
{
    unsigned choice = *size > 0 ? **data : 0;
    if (*size > 0) {
        ++*data;
        --*size;
    }
    return choice;
}

#endif

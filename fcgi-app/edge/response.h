/* A reply being made: status, headers, body. Written to the proxy in one go when the walk is over. */
#ifndef DM_EDGE_RESPONSE_H
#define DM_EDGE_RESPONSE_H

#include <stdio.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/str.h"

#define DM_RESPONSE_HEADERS_MAX 32

struct dm_header {
    const char *name; /* static */
    struct dm_str value;
};

struct dm_response {
    int status;
    struct dm_header headers[DM_RESPONSE_HEADERS_MAX];
    size_t n_headers;
    struct dm_buf body; /* empty: no body and no Content-Type */
    /* The body in place of `body`, from its beginning: what is too big for memory. NULL: none. Owned. */
    FILE *file;
};

void dm_response_init(struct dm_response *response, struct dm_arena *arena, size_t body_bytes_max);
/* Give back what is not the arena's. A response that was never given a file needs none. */
void dm_response_done(struct dm_response *response);
/* The body goes to a file from now on, which has no name and is gone with the response. NULL: none can be made. */
FILE *dm_response_file(struct dm_response *response);
/* Bytes of the body. */
int64_t dm_response_length(const struct dm_response *response);
/* Set (replace) a header; an absent value takes it out. A value with CR, LF or NUL is left out whole. value must live in the arena or be static. */
void dm_response_header(struct dm_response *response, const char *name, struct dm_str value);
void dm_response_header_int(struct dm_response *response, struct dm_ctx *ctx, const char *name,
                            int64_t value);
struct dm_str dm_response_header_of(const struct dm_response *response, const char *name);
/* Forget the body, wherever it is. */
void dm_response_clear_body(struct dm_response *response);
/* Forget body and all headers but those set before the handler ran are kept by the caller; status 0 again. */
void dm_response_reset(struct dm_response *response);
const char *dm_response_reason(int status); /* "Not Found" */

#endif

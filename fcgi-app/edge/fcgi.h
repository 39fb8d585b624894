/*
 * FastCGI, the responder's side: one connection, one request. The only user of libfcgi. Each thread has a struct dm_fcgi of its own.
 */
#ifndef DM_EDGE_FCGI_H
#define DM_EDGE_FCGI_H

#include "base/arena.h"
#include "base/result.h"
#include "edge/request.h"
#include "edge/response.h"

struct dm_fcgi;

/* Once in a program, before dm_fcgi_new. DM_E_INTERNAL when the library will not start. */
DM_MUST_CHECK enum dm_result dm_fcgi_init(struct dm_err *err);

/* On a listening socket that is non-blocking; borrowed. NULL when out of memory. Caller frees with dm_fcgi_free. */
struct dm_fcgi *dm_fcgi_new(int listen_fd);
void dm_fcgi_free(struct dm_fcgi *fcgi); /* NULL allowed */

/*
 * Take the next connection and read its parameters. DM_E_NOTFOUND: none is waiting. DM_E_UNAVAILABLE: accept failed, for want
 * of file descriptors or memory: wait before the next try. After DM_OK dm_fcgi_finish must follow.
 */
DM_MUST_CHECK enum dm_result dm_fcgi_accept(struct dm_fcgi *fcgi);
/* The request: views are valid until dm_fcgi_finish, the body lives in the arena. A body over the bound is not read. */
void dm_fcgi_read(struct dm_fcgi *fcgi, struct dm_arena *arena, size_t body_bytes_max,
                  struct dm_request *ret_request);
/* Send the reply. A client that went away is nobody's error. */
void dm_fcgi_write(struct dm_fcgi *fcgi, const struct dm_response *response);
void dm_fcgi_finish(struct dm_fcgi *fcgi);

#endif

/* How somebody shows that they have read a mail: the link's token, or the address and the code. Exactly one of both; the domain says which is missing. */
#ifndef DM_API_PROOF_H
#define DM_API_PROOF_H

#include "domain/one_time.h"
#include "edge/shape.h"

/* Three fields. token_at, email_at, code_at: offsets of those of a struct dm_one_time_proof. */
#define DM_PROOF_FIELDS(token_at, email_at, code_at)                                               \
    {.name = "token",                                                                              \
     .kind = DM_STRING,                                                                            \
     .offset = (token_at),                                                                         \
     .min = 1,                                                                                     \
     .max = 128,                                                                                   \
     .text = "what the mail's link holds; give it, or email and code instead"},                    \
        {.name = "email",                                                                          \
         .kind = DM_STRING,                                                                        \
         .format = DM_EMAIL,                                                                       \
         .offset = (email_at),                                                                     \
         .min = 3,                                                                                 \
         .max = 254,                                                                               \
         .text = "with code: the address that the mail came to"},                                  \
    {                                                                                              \
        .name = "code", .kind = DM_STRING, .offset = (code_at), .min = 1, .max = 32,               \
        .text = "with email: the eight digits of the mail, spaces allowed; five wrong ones "       \
                "and only the link is left"                                                        \
    }

#endif

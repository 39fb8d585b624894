/* What nearly every resource has, by the same names in every struct. */
#ifndef DM_API_FIELDS_H
#define DM_API_FIELDS_H

#include "edge/shape.h"

#define DM_ID_FIELD(type)                                                                          \
    {                                                                                              \
        .name = "id", .kind = DM_STRING, .format = DM_UUID, .required = true, .read_only = true,   \
        .offset = offsetof(type, id), .text = "UUIDv7"                                             \
    }
#define DM_PROFILE_ID_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "profileId", .kind = DM_STRING, .format = DM_UUID, .required = true,               \
        .read_only = true, .offset = offsetof(type, profile_id), .text = "whose it is"             \
    }
#define DM_CREATED_AT_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "createdAt", .kind = DM_TIME, .required = true, .read_only = true,                 \
        .offset = offsetof(type, created_at), .text = "when it was created"                        \
    }
#define DM_UPDATED_AT_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "updatedAt", .kind = DM_TIME, .required = true, .read_only = true,                 \
        .offset = offsetof(type, updated_at), .text = "when it was last written"                   \
    }
#define DM_CREATED_BY_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "createdBy", .kind = DM_STRING, .format = DM_UUID, .required = true,               \
        .read_only = true, .offset = offsetof(type, created_by), .text = "account that created it" \
    }
#define DM_UPDATED_BY_FIELD(type)                                                                  \
    {                                                                                              \
        .name = "updatedBy", .kind = DM_STRING, .format = DM_UUID, .required = true,               \
        .read_only = true, .offset = offsetof(type, updated_by),                                   \
        .text = "account that wrote it last"                                                       \
    }

#endif

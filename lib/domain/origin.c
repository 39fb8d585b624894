/* A client's own words go no further than this unless they are harmless text. */
#include "domain/origin.h"

#include "base/utf8.h"

static struct dm_str kept(struct dm_str header, size_t max_points)
{
    if (header.n == 0 || !dm_utf8_valid(header) || dm_utf8_has_control(header, false))
        return (struct dm_str){0};
    return dm_utf8_clip(header, max_points);
}

struct dm_origin dm_origin_of(struct dm_str user_agent, struct dm_str address)
{
    return (struct dm_origin){.user_agent = kept(user_agent, 256), .address = kept(address, 64)};
}

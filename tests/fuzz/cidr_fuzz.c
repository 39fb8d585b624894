/* lib/base/cidr.c: a network has one text, which reads back as itself, and holds its own address. */
#include "base/cidr.h"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dm_str text = dm_fuzz_text(data, size);
    struct dm_address address;
    struct dm_cidr cidr, again;
    char canonical[DM_CIDR_TEXT], twice[DM_CIDR_TEXT];
    if (dm_address_parse(text, &address))
        DM_PROMISE(dm_cidr_parse(text, &cidr) == DM_CIDR_SOUND &&
                   dm_cidr_contains(&cidr, &address));
    if (dm_cidr_parse(text, &cidr) != DM_CIDR_SOUND)
        return 0;
    DM_PROMISE(cidr.prefix <= (cidr.network.v6 ? 128u : 32u));
    DM_PROMISE(dm_cidr_contains(&cidr, &cidr.network));
    dm_cidr_format(&cidr, canonical);
    DM_PROMISE(dm_cidr_parse(dm_str_from(canonical), &again) == DM_CIDR_SOUND);
    dm_cidr_format(&again, twice);
    DM_PROMISE(strcmp(canonical, twice) == 0);
    return 0;
}

#include "agent/rpc/schema.h"

#define MEMBER(field, type)                                                                        \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct member_record, field)              \
    }
static const struct fields_entry member_entries[] = {
    MEMBER(name, FIELDS_TEXT),
    MEMBER(id, FIELDS_TEXT),
    MEMBER(addr, FIELDS_TEXT),
    MEMBER(port, FIELDS_UNSIGNED),
    MEMBER(status, FIELDS_TEXT),
    MEMBER(unreachable, FIELDS_BOOLEAN),
    MEMBER(incarnation, FIELDS_UNSIGNED),
    MEMBER(generation, FIELDS_UNSIGNED),
    MEMBER(tags, FIELDS_TAGS),
};
const struct fields member_fields = FIELDS(member_entries);

#define VIP(field, type)                                                                           \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct vip_record, field),                \
        .bytes = sizeof(((struct vip_record *)NULL)->field)                                        \
    }
static const struct fields_entry vip_entries[] = {
    VIP(name, FIELDS_ARRAY),   VIP(address, FIELDS_ARRAY),  VIP(interface, FIELDS_ARRAY),
    VIP(holder, FIELDS_ARRAY), VIP(epoch, FIELDS_UNSIGNED),
};
const struct fields vip_fields = FIELDS(vip_entries);

#include "gossip/detector/tuning.h"

#include <string.h>

#define TUNING_DEFAULT(name, usual, least, most, kind, meaning) .name = (usual),
const struct gossip_tuning tuning_default = {TUNINGS(TUNING_DEFAULT)};
#undef TUNING_DEFAULT

enum kind { REAL, WHOLE };

const char *tuning_set(struct gossip_tuning *tuning, const char *name, double value)
{
#define RANGE_WHOLE "a whole number "
#define RANGE_REAL ""
#define TUNING_ENTRY(name, usual, least, most, kind, meaning)                                      \
    {#name,                                                                                        \
     (least),                                                                                      \
     (most),                                                                                       \
     (kind) == WHOLE,                                                                              \
     offsetof(struct gossip_tuning, name),                                                         \
     #name " is " RANGE_##kind "between " #least " and " #most ": " meaning},
    static const struct {
        const char *name;
        double least, most;
        bool whole;
        size_t offset;
        const char *range;
    } table[] = {TUNINGS(TUNING_ENTRY)};
#undef TUNING_ENTRY
#undef RANGE_WHOLE
#undef RANGE_REAL
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, name) != 0)
            continue;
        if (!(value >= table[i].least && value <= table[i].most) ||
            (table[i].whole && value != (uint32_t)value))
            return table[i].range;
        memcpy((char *)tuning + table[i].offset, &value, sizeof value);
        return NULL;
    }
#define TUNING_NAME(name, usual, least, most, kind, meaning) " " #name
    return "no parameter has that name; these are:" TUNINGS(TUNING_NAME);
#undef TUNING_NAME
}

/* A share like 0.6 is none that a double can hold. */
static uint32_t tuning_share_ms(uint32_t detect_ms, double share)
{
    return (uint32_t)(detect_ms * share + 1e-6);
}

enum gossip_error tuning_derive(const struct gossip_tuning *t, uint32_t detect_ms,
                                struct gossip_timing *timing)
{
    if (detect_ms < GOSSIP_DETECT_MS_MIN || detect_ms > GOSSIP_DETECT_MS_MAX)
        return GOSSIP_ERROR_DETECT;
    *timing = (struct gossip_timing){
        .detect_ms = detect_ms,
        .ping_period_ms = tuning_share_ms(detect_ms, t->ping_share),
        .sweep_period_ms = tuning_share_ms(detect_ms, t->sweep_share),
        .reping_ms = tuning_share_ms(detect_ms, t->reping_share),
        .suspicion_max_ms = tuning_share_ms(detect_ms, t->suspicion_max_share),
        .suspicion_min_ms = tuning_share_ms(detect_ms, t->suspicion_min_share),
        .gossip_period_ms = detect_ms / 15,
        .redial_period_ms = detect_ms * 2 / 3,
        .sync_delay_ms = detect_ms / 2,
        .leave_ms = detect_ms / 5,
        .reap_s = 72 * 3600,
    };
    return GOSSIP_OK;
}
